import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image
from timm.data import create_transform

from models.inputs.pixels import PixelProcessor, load_processor, read_pixels
from tests.unit.models.image_networks import make_images

PROCESSOR = PixelProcessor(16, (0.4, 0.5, 0.6), (0.2, 0.3, 0.25), "BILINEAR")
CROPPING = replace(PROCESSOR, fit="crop")
FITS = ("crop", "squeeze")


def test_pixels_are_resized_and_scaled_channel_by_channel():
    image = Image.new("RGB", (40, 20), (255, 0, 51))
    batch = read_pixels(PROCESSOR, [image], num_rows=1).batch(np.array([0]))["pixel_values"]
    assert batch.shape == (1, 3, 16, 16)
    assert batch.dtype == torch.float32
    torch.testing.assert_close(batch[0, :, 3, 3], torch.tensor([0.6 / 0.2, -0.5 / 0.3, (0.2 - 0.6) / 0.25]))


@pytest.mark.parametrize("size", [(48, 16), (16, 48)])
def test_a_crop_is_the_middle_square_in_its_own_shape(size: tuple[int, int]):
    image = Image.effect_noise(size, 50)
    left, top = (size[0] - 16) // 2, (size[1] - 16) // 2
    middle = image.crop((left, top, left + 16, top + 16)).convert("RGB")
    assert np.array_equal(CROPPING.resize(image), np.asarray(middle))


def test_a_crop_is_what_timm_makes_of_an_image_within_half_a_pixel():
    across, down = np.meshgrid(np.arange(180) / 18, np.arange(100) / 14)
    waves = [127 + 100 * np.sin(across), 127 + 100 * np.cos(down), 127 + 60 * np.sin(across + down)]
    image = Image.fromarray(np.stack(waves, axis=2).astype(np.uint8))
    timms = create_transform(
        (3, 64, 64), is_training=False, interpolation="bilinear", crop_pct=1.0, use_prefetcher=True
    )
    expected = np.asarray(timms(image)).transpose(1, 2, 0).astype(np.int64)
    difference = {fit: np.abs(replace(PROCESSOR, size=64, fit=fit).resize(image) - expected).mean() for fit in FITS}
    assert difference["crop"] < 3 < 20 < difference["squeeze"]


@pytest.mark.parametrize("size", [(1, 3000), (3000, 1)])
def test_a_crop_of_a_line_is_made_without_bringing_all_of_it_to_size(size: tuple[int, int]):
    assert replace(CROPPING, size=256).resize(Image.new("L", size, 200)).tolist() == [[[200] * 3] * 256] * 256


@pytest.mark.parametrize("side", [8, 16, 28, 100])
@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_a_square_is_the_same_cropped_and_squeezed(side: int, mode: str):
    image = Image.effect_noise((side, side), 80).convert(mode)
    assert np.array_equal(CROPPING.resize(image), PROCESSOR.resize(image))


def test_the_whole_image_is_seen_squeezed_whatever_its_shape():
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


@pytest.mark.parametrize("processor", [PROCESSOR, CROPPING])
def test_a_saved_processor_is_the_same(tmp_path, processor: PixelProcessor):
    processor.save(tmp_path)
    assert load_processor(tmp_path) == processor


def test_a_processor_saved_before_there_was_a_choice_squeezes(tmp_path):
    CROPPING.save(tmp_path)
    values = json.loads((tmp_path / "pixels.json").read_text())
    del values["fit"]
    (tmp_path / "pixels.json").write_text(json.dumps(values))
    assert load_processor(tmp_path) == PROCESSOR
