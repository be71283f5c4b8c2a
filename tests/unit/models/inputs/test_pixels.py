import numpy as np
import torch
from PIL import Image

from models.inputs.pixels import PixelProcessor, load_processor, read_pixels
from tests.unit.models.image_networks import make_images

PROCESSOR = PixelProcessor(16, (0.4, 0.5, 0.6), (0.2, 0.3, 0.25), "BILINEAR")


def test_pixels_are_resized_and_scaled_channel_by_channel():
    image = Image.new("RGB", (40, 20), (255, 0, 51))
    batch = read_pixels(PROCESSOR, [image], num_rows=1).batch(np.array([0]))["pixel_values"]
    assert batch.shape == (1, 3, 16, 16)
    assert batch.dtype == torch.float32
    torch.testing.assert_close(batch[0, :, 3, 3], torch.tensor([0.6 / 0.2, -0.5 / 0.3, (0.2 - 0.6) / 0.25]))


def test_the_whole_image_is_seen_whatever_its_shape():
    image = Image.new("L", (64, 16), 0)
    image.paste(255, (56, 0, 64, 16))
    seen = read_pixels(PROCESSOR, [image], num_rows=1).pixels[0]
    assert seen[8, 15].tolist() == [255, 255, 255]
    assert seen[8, 8].tolist() == [0, 0, 0]


def test_keys_are_equal_exactly_where_the_network_sees_the_same():
    images, _ = make_images(3)
    grey = images[2].convert("L")
    keys = read_pixels(PROCESSOR, [*images, images[0].copy(), grey, grey.convert("RGB")], num_rows=6).keys
    assert keys[0] == keys[3]
    assert keys[4] == keys[5]
    assert len(set(keys)) == 4
    scaled = PixelProcessor(16, (0.5, 0.5, 0.6), (0.2, 0.3, 0.25), "BILINEAR")
    assert read_pixels(scaled, images, num_rows=3).keys[0] != keys[0]


def test_a_row_is_the_same_in_every_batch():
    rows = read_pixels(PROCESSOR, make_images(9)[0], num_rows=9)
    among = rows.batch(np.array([7, 2, 5]))["pixel_values"]
    assert torch.equal(among[1:2], rows.batch(np.array([2]))["pixel_values"])


def test_images_may_come_one_by_one_and_there_may_be_none():
    rows = read_pixels(PROCESSOR, iter(make_images(5)[0]), num_rows=5, row_ids=list("abcde"))
    assert rows.row_ids == tuple("abcde")
    assert rows.lengths.tolist() == rows.padded_lengths.tolist() == [1] * 5
    assert len(read_pixels(PROCESSOR, [], num_rows=0)) == 0


def test_a_saved_processor_is_the_same(tmp_path):
    PROCESSOR.save(tmp_path)
    assert load_processor(tmp_path) == PROCESSOR
