"""Layers in bfloat16 and int8, and encoders made of them."""

import copy
from pathlib import Path

import pytest
import torch
from torch import nn
from transformers.pytorch_utils import Conv1D

from models.activations.store import ActivationStore
from models.classifiers.parts import Start
from models.classifiers.placement import encoder_on
from models.encoders.loading import Encoder, load_encoder
from models.encoders.precision import small_layers
from models.encoders.precision.small_layers import BFloat16Linear, Int8Linear, has_small_form, list_small, make_small
from models.encoders.rounded_encoder import check_device, round_encoder
from models.inputs.rows import TokenRows
from tests.unit.models.conftest import CONFIGS, make_classifier, save_encoder
from tests.unit.models.image_networks import load_network, save_network
from tests.unit.models.text_networks import DECODERS, padded
from thawline.errors import ParamsError

FORMATS = {"bfloat16": 0.01, "int8": 0.03}
"""With how far a layer's answers may be off, of their deviation."""


@pytest.fixture(autouse=True)
def _small_tables(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(small_layers, "MIN_EMBEDDINGS", 50)


def conv1d(num_inputs: int, num_outputs: int) -> Conv1D:
    return Conv1D(num_outputs, num_inputs)


@pytest.mark.parametrize("precision", FORMATS)
@pytest.mark.parametrize("make", [nn.Linear, conv1d], ids=["linear", "conv1d"])
def test_a_layer_in_a_small_format_answers_nearly_as_before(make, precision: str):
    torch.manual_seed(0)
    layer, states = make(96, 40), torch.randn(3, 7, 96)
    with torch.no_grad():
        answer, expected = make_small(layer, precision)(states), layer(states)
    assert answer.dtype == torch.float32
    assert answer.shape == expected.shape
    assert (answer - expected).abs().mean() < FORMATS[precision] * expected.std()


def test_int8_adds_up_whole_numbers_and_scales_each_token_by_itself():
    torch.manual_seed(0)
    layer, states = nn.Linear(64, 24), torch.randn(5, 64) * torch.tensor([1.0, 1e-3, 1e3, 0.0, 7.0])[:, None]
    small = Int8Linear(layer.weight.detach(), layer.bias.detach())
    scales = states.abs().amax(dim=1, keepdim=True).div(127).clamp_min(1e-12)
    whole = states.div(scales).round().double() @ small.weight.double().t()
    expected = whole.float() * scales * small.scale + small.bias
    assert torch.equal(small(states), expected)
    for row in range(len(states)):
        assert torch.equal(small(states[row : row + 1])[0], small(states)[row])


def test_where_the_pass_runs_in_bfloat16_anyhow_its_weights_change_no_bit():
    torch.manual_seed(0)
    layer, states = nn.Linear(64, 24), torch.randn(5, 64)
    small = BFloat16Linear(layer.weight.detach(), layer.bias.detach())
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        assert small(states).dtype == torch.bfloat16
        assert torch.equal(small(states), layer(states))


@pytest.mark.parametrize("precision", FORMATS)
def test_a_table_in_a_small_format_looks_up_nearly_what_it_held(precision: str):
    torch.manual_seed(0)
    table, ids = nn.Embedding(60, 32), torch.tensor([[3, 59], [0, 3]])
    found = make_small(table, precision)(ids)
    assert found.dtype == torch.float32
    torch.testing.assert_close(found, table(ids), rtol=0.005, atol=0.02)


def test_layers_with_a_forward_of_their_own_and_small_tables_stay():
    assert not has_small_form(nn.MultiheadAttention(8, 2).out_proj)
    assert not has_small_form(nn.Embedding(49, 8))
    assert has_small_form(nn.Embedding(50, 8))


@pytest.fixture(scope="module")
def networks(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Encoder]:
    root = tmp_path_factory.mktemp("networks")
    made = {**CONFIGS, **{name: DECODERS[name] for name in ("llama", "gemma3", "gpt2")}}
    for name, make_config in made.items():
        save_encoder(make_config(), root / name)
    return {name: load_encoder(name, root=root) for name in made}


@pytest.mark.parametrize("precision", FORMATS)
@pytest.mark.parametrize("name", [*CONFIGS, "llama", "gemma3", "gpt2"])
def test_an_encoder_in_a_small_format_runs_from_each_boundary_and_leaves_the_other_as_it_was(
    networks: dict[str, Encoder], name: str, precision: str
):
    encoder = networks[name]
    before = copy.deepcopy(encoder.network.state_dict())
    small = round_encoder(encoder, precision)
    first, other, batch = make_classifier(encoder), make_classifier(small), padded(20, side="right")
    place = first.head_place
    with torch.inference_mode():
        expected, found = (each.capture((place,), batch)[place] for each in (first, other))
        for boundary in sorted(other.structure.splits):
            places = other.places_at(boundary)
            states = other.capture(places, batch)
            start = Start(boundary, *(states[each] for each in places))
            assert torch.equal(other.forward_from(start, batch), other(batch))
    assert torch.nn.functional.cosine_similarity(expected, found).min() > 0.99
    assert not torch.equal(expected, found)
    assert small.weights_hash != encoder.weights_hash
    assert list_small(encoder.network) == []
    assert all(torch.equal(before[key], tensor) for key, tensor in encoder.network.state_dict().items())


def test_formats_have_states_of_their_own_in_a_store(encoder: Encoder, rows: TokenRows, tmp_path: Path):
    store, cpu = ActivationStore(tmp_path), torch.device("cpu")
    first = make_classifier(encoder)
    store.fill(first, rows, {3})
    for precision in FORMATS:
        other = make_classifier(encoder_on(encoder, cpu, precision))
        assert not store.holds(other, rows, 3)
        store.fill(other, rows, {3})
        assert store.holds(other, rows, 3)
    assert store.holds(make_classifier(encoder_on(encoder, cpu)), rows, 3)


def test_an_encoder_is_brought_into_a_format_once(encoder: Encoder):
    cpu = torch.device("cpu")
    assert encoder_on(encoder, cpu, "int8") is encoder_on(encoder, cpu, "int8")
    assert encoder_on(encoder, cpu, "bfloat16") is not encoder_on(encoder, cpu, "int8")
    assert encoder_on(encoder, cpu) is encoder


REFUSED = {
    "int8 on a GPU": ("int8", "cuda", "is for CPUs, and this would run on cuda"),
    "bfloat16 on what lacks it": ("bfloat16", "mps", "mps does not compute in it; set model.frozen_dtype to float32"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_device_that_does_not_compute_in_a_format_is_refused(case: str):
    precision, device, told = REFUSED[case]
    with pytest.raises(ParamsError, match=told):
        check_device(precision, torch.device(device))


def test_a_network_without_linear_layers_is_refused(tmp_path: Path):
    save_network("test_efficientnet", tmp_path / "test_efficientnet")
    encoder = load_network("test_efficientnet", tmp_path)
    with pytest.raises(ParamsError, match="is for linear layers, and EfficientNet has none"):
        round_encoder(encoder, "int8")


def test_a_processor_that_would_be_slow_says_so(encoder: Encoder, monkeypatch: pytest.MonkeyPatch, caplog):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"architecture": "x86_64", "avx2": True})
    round_encoder(encoder, "bfloat16")
    assert "none of avx512_bf16, amx_bf16; expect it to be slower" in caplog.text


def test_sums_that_overflow_are_refused(encoder: Encoder, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(torch, "_int_mm", lambda one, other: torch.zeros(len(one), other.shape[1], dtype=torch.int32))
    with pytest.raises(ParamsError, match=r"sums of products overflow on this processor; set model.frozen_dtype"):
        round_encoder(encoder, "int8")


def test_an_overflow_of_the_network_is_refused(encoder: Encoder, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(Int8Linear, "forward", lambda self, states: states @ self.weight.t().float() * float("inf"))
    with pytest.raises(ParamsError, match=r"overflows in it; set model.frozen_dtype to float32"):
        round_encoder(encoder, "int8")
