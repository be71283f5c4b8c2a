"""`train.adapters` reaches phases, trials of a search, what is saved and what answers."""

import json
from pathlib import Path

import numpy as np
import pytest
import safetensors.torch
from ruamel.yaml import YAML

from modalities.predictor import load_predictor
from tasks.results.cross_validation import CrossValidation
from tasks.searching.space import current_values, distributions
from tasks.searching.trials import trial_params
from tasks.training.adapters import adapter_spec
from tasks.training.finetuning import fit_final, train_fold
from tasks.training.setup import groups_of, open_training
from tasks.training.train_set import load_train_set
from tests.unit.models.conftest import make_texts
from tests.unit.tasks.words import words_context, write_words
from thawline.context import Context
from thawline.errors import ParamsError, PolicyError
from thawline.params.adapters import Adapters
from thawline.params.file import parse_params
from thawline.rooms import ROOT

TRAIN = {"policy": "lp_ft", "num_epochs": 1, "learning_rate": 1e-3, "batch_size": 16, "inner_share": 0.2}
BLOCKS = ("block_0", "block_1", "block_2", "head")


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("adapters")
    write_words(root, *make_texts(90))
    return root


def work(root: Path, version: str = "adapters", train: dict | None = None, **adapters: object) -> Context:
    chosen = {"kind": "lora", "learning_rate": 2e-2, **adapters}
    return words_context(root, {"train": {**TRAIN, **(train or {}), "adapters": chosen}}, version=version)


def test_phases_train_adapters_where_there_are_any_at_rates_of_their_own(root: Path) -> None:
    context = work(root)
    head, deep = open_training(context, 0).phases
    assert (groups_of(context), deep.trainable) == (BLOCKS, BLOCKS)
    assert deep.learning_rates == pytest.approx((2e-2 * 0.81, 2e-2 * 0.9, 2e-2, 1e-4))
    plain = words_context(root, {"train": TRAIN}, version="adapters")
    assert open_training(plain, 0).phases[0] == head
    assert open_training(plain, 0).phases[1].learning_rates[-2:] == pytest.approx((1e-3, 1e-4))


def test_a_written_phase_can_name_no_group_without_adapters(root: Path) -> None:
    phases = [{"name": "a", "groups": {"embeddings": 1e-3}, "num_epochs": 1}]
    with pytest.raises(PolicyError, match="'embeddings'; the model has block_0, block_1, block_2, head"):
        open_training(work(root, train={"policy": "explicit", "phases": phases}), 0)


@pytest.mark.parametrize("merge", [False, True], ids=["referring", "merged"])
def test_a_saved_model_answers_as_what_was_trained(root: Path, merge: bool, monkeypatch, tmp_path: Path) -> None:
    context = work(root, f"merge {merge}", merge=merge)
    folds = [train_fold.fn(context, fold, 2) for fold in range(context.params.split.num_folds)]
    kept = [fold.model_copy(update={"best_epochs": {"head": 1, "all": 1}}) for fold in folds]
    fit = fit_final.fn(context, CrossValidation(name="finetuned", folds=kept))
    weights = safetensors.torch.load_file(fit.model / "finetuned" / "model.safetensors")
    config = json.loads((fit.model / "finetuned" / "config.json").read_text())
    assert any(name.startswith("network.") for name in weights) == merge
    assert ("encoder" in config, (fit.model / "finetuned" / "adapter").is_dir()) == (not merge, not merge)
    monkeypatch.chdir(tmp_path)  # from where the encoder's relative name leads nowhere
    frame = load_train_set(context).frame
    answered = load_predictor(fit.model).prepared_probabilities(frame)
    assert answered.shape == (90, 2)
    other = work(root, f"merge {not merge}", merge=not merge)
    again = fit_final.fn(other, CrossValidation(name="finetuned", folds=kept))
    np.testing.assert_allclose(load_predictor(again.model).prepared_probabilities(frame), answered, atol=1e-6)


def test_the_params_of_the_guide_are_valid() -> None:
    guide = (ROOT / "docs" / "adapters.md").read_text(encoding="utf-8")
    written = YAML(typ="safe").load(guide.partition("```yaml\n")[2].partition("```")[0])
    chosen = parse_params({"name": "x", **written}).train.adapters
    assert chosen.model_dump() == {**Adapters().model_dump(), "kind": "lora"}


def test_tables_have_no_pretrained_encoder_to_adapt() -> None:
    params = parse_params({"name": "x", "modality": "tabular", "train": {"adapters": {"kind": "lora"}}})
    with pytest.raises(ParamsError, match=r"'lora' adapts a pretrained encoder.*tabular is made.*to none"):
        adapter_spec(params)


def test_a_search_draws_ranks_and_kinds_of_adapters() -> None:
    space = {
        "train.adapters.rank": {"low": 2, "high": 16, "log": True},
        "train.adapters.kind": {"choices": ["lora", "dora"]},
    }
    params = parse_params({"name": "x", "search": {"space": space}, "train": {"adapters": {"kind": "lora"}}})
    assert current_values(params, space) == {"train.adapters.rank": 8, "train.adapters.kind": "lora"}
    assert distributions(params.search)["train.adapters.rank"].to_internal_repr(4) == 4
    tried = trial_params(params, {"train.adapters.rank": 4, "train.adapters.kind": "dora"}, name="trial 01")
    assert (tried.train.adapters.rank, tried.train.adapters.kind) == (4, "dora")
    assert tried.train.adapters.merge == params.train.adapters.merge
