import json
import sys
from pathlib import Path

import pytest
import torch
import transformers
from safetensors.torch import load_file, save_file

from models.encoders.loading import hash_weights, load_encoder, resolve_encoder
from tests.unit.models.conftest import CONFIGS, save_encoder
from thawline.errors import EncoderNotFoundError


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return save_encoder(CONFIGS["bert"](), tmp_path / "tiny")


def test_a_directory_is_found_relative_to_the_root_or_absolutely(directory: Path):
    relative, absolute = (load_encoder(name, root=directory.parent) for name in ("tiny", str(directory)))
    assert relative.source == absolute.source
    assert (relative.source.kind, relative.source.location) == ("directory", str(directory))
    assert relative.weights_hash == absolute.weights_hash


def test_a_package_is_found_without_importing_it(directory: Path, monkeypatch: pytest.MonkeyPatch):
    package = directory.parent / "carrier"
    package.mkdir()
    (package / "__init__.py").write_text("raise RuntimeError('imported')")
    directory.rename(package / "model")
    monkeypatch.syspath_prepend(str(directory.parent))
    encoder = load_encoder("package:carrier/model", root=Path("/nowhere"))
    assert encoder.source.kind == "package"
    assert "carrier" not in sys.modules


def test_an_encoder_is_in_eval_mode_float32_and_frozen(directory: Path):
    network = load_encoder("tiny", root=directory.parent).network
    assert not any(module.training for module in network.modules())
    assert all(p.dtype == torch.float32 and not p.requires_grad for p in network.parameters())


def test_half_precision_weights_load_as_float32(directory: Path):
    path = directory / "model.safetensors"
    save_file({name: tensor.half() for name, tensor in load_file(path).items()}, path, metadata={"format": "pt"})
    assert {p.dtype for p in load_encoder("tiny", root=directory.parent).network.parameters()} == {torch.float32}


def test_the_hash_tells_weights_apart(directory: Path):
    first = load_encoder("tiny", root=directory.parent).weights_hash
    weights = load_file(directory / "model.safetensors")
    weights["encoder.layer.1.output.dense.bias"][3] += 1e-3
    save_file(weights, directory / "model.safetensors", metadata={"format": "pt"})
    assert load_encoder("tiny", root=directory.parent).weights_hash != first
    assert len(first) == 64


def test_the_hash_covers_names_dtypes_and_shapes():
    ones = torch.ones(4)
    variants = [{"a": ones}, {"b": ones}, {"a": ones.reshape(2, 2)}, {"a": ones.view(torch.int32)}]
    assert len({hash_weights(variant) for variant in variants}) == 4


def test_weights_without_a_pooler_have_one_hash(directory: Path):
    weights = load_file(directory / "model.safetensors")
    save_file(
        {k: v for k, v in weights.items() if "pooler" not in k}, directory / "model.safetensors", {"format": "pt"}
    )
    hashes = {load_encoder("tiny", root=directory.parent).weights_hash for _ in range(2)}
    assert len(hashes) == 1


def test_incomplete_weights_are_refused_by_name(directory: Path):
    weights = load_file(directory / "model.safetensors")
    del weights["encoder.layer.1.output.dense.bias"]
    save_file(weights, directory / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(EncoderNotFoundError, match=r"weights lack 1 tensors, among them encoder.layer.1.output.dense"):
        load_encoder("tiny", root=directory.parent)


def test_pickled_tensors_load_as_safetensors_do(directory: Path):
    before = load_encoder("tiny", root=directory.parent).weights_hash
    torch.save(load_file(directory / "model.safetensors"), directory / "pytorch_model.bin")
    (directory / "model.safetensors").unlink()
    assert load_encoder("tiny", root=directory.parent).weights_hash == before


class Told:
    """Something whose unpickling runs code."""

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return Path.touch, (Path("ran"),)


def test_code_in_pickled_weights_is_refused_and_does_not_run(directory: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(directory)
    torch.save({**load_file(directory / "model.safetensors"), "more": Told()}, directory / "pytorch_model.bin")
    (directory / "model.safetensors").unlink()
    with pytest.raises(
        EncoderNotFoundError, match=r"pytorch_model.bin holds more than tensors, .* with save_pretrained"
    ):
        load_encoder("tiny", root=directory.parent)
    assert not (directory / "ran").exists()


def test_a_directory_without_weights_says_what_is_there_instead(directory: Path):
    (directory / "model.safetensors").rename(directory / "tf_model.h5")
    with pytest.raises(EncoderNotFoundError, match=r"neither \*.safetensors nor pytorch_model.bin, but tf_model.h5;"):
        load_encoder("tiny", root=directory.parent)


def test_an_unknown_architecture_is_named_with_what_is_known_and_needed(directory: Path):
    config = json.loads((directory / "config.json").read_text())
    (directory / "config.json").write_text(json.dumps(config | {"model_type": "qwen9"}))
    with pytest.raises(EncoderNotFoundError, match=r"'qwen9', which is none of the \d+ that transformers .* newer"):
        load_encoder("tiny", root=directory.parent)


def test_a_damaged_file_is_refused(directory: Path):
    path = directory / "model.safetensors"
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(EncoderNotFoundError, match="can't be loaded"):
        load_encoder("tiny", root=directory.parent)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("package:no_such_package/model", "no Python package 'no_such_package' is installed"),
        ("package:transformers/nowhere", "no config.json in 'nowhere' inside the package 'transformers'"),
        ("package:transformers/../../../etc", "no config.json in '../../../etc' inside the package"),
        ("package:", "no Python package '' is installed"),
        ("./missing/directory", "no directory"),
        ("/missing/directory", "no directory /missing/directory"),
        ("", "an empty name"),
        ("some one/model", "no directory"),
    ],
)
def test_what_is_not_found_names_the_forms(tmp_path: Path, name: str, message: str):
    with pytest.raises(EncoderNotFoundError) as caught:
        resolve_encoder(name, root=tmp_path)
    text = str(caught.value)
    assert text.startswith(f"model.encoder '{name}': {message}")
    assert "an encoder is 'package:NAME/PATH', a directory, a name that `thawline encoders` lists, or a hub id" in text


def test_an_architecture_that_is_no_text_encoder_is_refused(tmp_path: Path):
    config = transformers.T5Config(vocab_size=60, d_model=16, d_kv=4, d_ff=16, num_layers=1, num_heads=2)
    save_encoder(config, tmp_path / "t5")
    with pytest.raises(EncoderNotFoundError, match="T5Model does not run on token ids alone"):
        load_encoder("t5", root=tmp_path)


def test_a_hub_id_that_is_not_on_this_machine_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    assert resolve_encoder("someone/some-model", root=tmp_path).kind == "hub"
    with pytest.raises(EncoderNotFoundError, match=r"(?s)'someone/some-model' can't be loaded: .*or go online"):
        load_encoder("someone/some-model", root=tmp_path)


def test_loading_leaves_transformers_logging_as_it_was(directory: Path):
    before = transformers.utils.logging.get_verbosity()
    load_encoder("tiny", root=directory.parent)
    assert transformers.utils.logging.get_verbosity() == before
    assert transformers.utils.logging.is_progress_bar_enabled()
