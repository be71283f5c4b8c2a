"""Approaches beside each other: on the same rows, scored on rows that none has seen, and said in plain words."""

import numpy as np
import pytest
import torch

from flows.compare import trainings
from models.encoders.loading import load_encoder
from models.encoders.scratch import randomise
from tasks.candidates.estimators import list_candidates
from tasks.comparing.approaches import APPROACHES, draw_share, measure
from tasks.comparing.report import comparison_table, curves, draw_curves, recommend
from tasks.results.outcomes import Measured
from tasks.training.train_set import load_train_set
from tests.unit.models.conftest import make_texts
from tests.unit.tasks.words import NUM_FOLDS, words_context, write_words
from thawline.context import Context
from thawline.errors import ParamsError
from thawline.params import Params
from thawline.params.file import parse_params

TRAIN = {"policy": "lp_ft", "head_epochs": 4, "num_epochs": 1, "inner_share": 0.2, "batch_size": 16}


@pytest.fixture(scope="module")
def context(tmp_path_factory: pytest.TempPathFactory) -> Context:
    """Return the work on 150 texts."""
    root = tmp_path_factory.mktemp("approaches")
    write_words(root, *make_texts(150))
    return words_context(root, {"train": TRAIN, "compare": {"scratch_epochs": 1}}, version="approaches")


def test_shares_are_part_of_each_other_and_never_of_the_fold_that_is_scored(context: Context) -> None:
    data = load_train_set(context)
    small, large = draw_share(context, 20, 1), draw_share(context, 100, 1)
    assert set(small.learned) < set(large.learned)
    assert not set(large.learned) & set(large.scored)
    assert not set(small.fitted) & set(small.inner)
    assert set(large.learned) == set(data.fold_rows(1)[0])
    assert set(data.labels[small.learned]) == {0, 1}
    assert not np.array_equal(draw_share(context, 20, 1 + NUM_FOLDS).learned, small.learned)


@pytest.mark.parametrize("approach", APPROACHES)
def test_every_approach_learns_from_its_share_and_is_scored_on_the_fold(context: Context, approach: str) -> None:
    one = measure.fn(context, approach, 50, 0)
    assert one.num_rows == len(draw_share(context, 50, 0).learned)
    assert 0 <= one.f1_macro <= 1
    assert one.seconds > 0
    again = measure.fn(context, approach, 50, 0)
    assert (again.f1_macro, again.loss) == (one.f1_macro, one.loss)


def test_random_weights_are_drawn_anew_by_the_seed_and_the_encoder_stays(context: Context) -> None:
    encoder = load_encoder("bert", root=context.root)
    before = {name: value.clone() for name, value in encoder.network.state_dict().items()}
    one, same, other = (randomise(encoder, seed=seed) for seed in (1, 1, 2))
    assert one.weights_hash == same.weights_hash != other.weights_hash
    assert encoder.weights_hash != one.weights_hash
    for name, value in encoder.network.state_dict().items():
        torch.testing.assert_close(value, before[name])
    drawn = one.network.state_dict()
    tables = [name for name in drawn if drawn[name].ndim == 2]
    assert all(not torch.equal(drawn[name], before[name]) for name in tables)
    norms = [name for name in drawn if name.endswith("LayerNorm.weight")]
    assert all(bool((drawn[name] == 1).all()) for name in norms)


def trained(approach: str, scores: dict[int, tuple[float, ...]], seconds: float) -> list[Measured]:
    return [
        Measured(
            approach=approach,
            percent=percent,
            seed=seed,
            num_rows=8 * percent,
            seconds=seconds * percent / 100,
            f1_macro=score,
            accuracy=score,
            loss=1 - score,
        )
        for percent, ones in scores.items()
        for seed, score in enumerate(ones)
    ]


MEASURED = [
    *trained("baseline", {10: (0.6, 0.7), 50: (0.8, 0.8), 100: (0.86, 0.88)}, 1),
    *trained("frozen features", {10: (0.8, 0.8), 50: (0.88, 0.88), 100: (0.88, 0.88)}, 5),
    *trained("fine-tuning", {10: (0.85, 0.85), 50: (0.91, 0.93), 100: (0.95, 0.95)}, 60),
    *trained("from random weights", {10: (0.5, 0.5), 50: (0.6, 0.6), 100: (0.7, 0.7)}, 300),
]


def test_data_needed_is_the_share_that_reaches_the_baselines_score() -> None:
    rows = {row["approach"]: row for row in comparison_table(curves(MEASURED), "tfidf")}
    assert list(rows) == ["baseline (tfidf)", "frozen features", "fine-tuning", "from random weights"]
    assert rows["frozen features"]["data needed"] == "50 % (400 rows)"
    assert rows["fine-tuning"]["data needed"] == "50 % (400 rows)"
    assert rows["from random weights"]["data needed"] == "more than there is"
    assert rows["baseline (tfidf)"]["performance"] == "0.8700 (0.8600 to 0.8800)"
    assert rows["fine-tuning"]["training time"] == "60.0 s on 800 rows"


def test_the_recommendation_follows_from_the_figures() -> None:
    said = recommend(curves(MEASURED), [])
    assert "Use fine-tuning: macro-F1 0.9500 on 800 rows" in said
    assert "fine-tuned on 80 rows the network is at least as good as from random weights on 800" in said
    assert "More labelled rows would help: from 400 to 800 rows it gains +0.0300" in said
    cheap = [one for one in MEASURED if one.approach != "fine-tuning"]
    tied = [*cheap, *trained("fine-tuning", {10: (0.7,), 50: (0.8,), 100: (0.883,)}, 60)]
    said = recommend(curves(tied), ["from random weights on 100 %, seed 1"])
    assert "Use logistic regression on frozen features" in said
    assert "Fine-tuning is ahead by 0.0030 only" in said
    assert "bring little" in said
    assert "1 trainings did not fit into the time" in said


def test_random_weights_that_ran_out_of_time_do_not_decide_on_how_many_rows_the_others_are_compared() -> None:
    short = [one for one in MEASURED if one.approach != "from random weights" or one.percent == 10]
    assert "Use fine-tuning: macro-F1 0.9500 on 800 rows" in recommend(curves(short), [])


def test_random_weights_are_trained_last_and_small_shares_first() -> None:
    plan = list(trainings(Params.model_validate({"name": "spam", "compare": {"percents": [10, 100], "num_seeds": 2}})))
    assert len(plan) == len(set(plan)) == 4 * 2 * 2
    assert {approach for approach, _, _ in plan[-4:]} == {"from random weights"}
    assert [(percent, seed) for approach, percent, seed in plan if approach == "fine-tuning"] == [
        (10, 0),
        (100, 0),
        (10, 1),
        (100, 1),
    ]


def test_the_picture_has_a_line_and_a_band_an_approach() -> None:
    scores, times = draw_curves(curves(MEASURED), "tfidf").axes
    assert len(scores.lines) == 4 + 1
    assert len(scores.collections) == 4
    assert len(times.lines) == 4


@pytest.mark.parametrize("percents", [[50, 10], [0, 50], [10, 10], [101]], ids=["order", "none", "twice", "too much"])
def test_shares_that_make_no_sense_are_refused(percents: list[int]) -> None:
    with pytest.raises(ParamsError, match="whole numbers from 1 to 100"):
        parse_params({"name": "a", "compare": {"percents": percents}})


def test_baselines_are_tuned_by_what_regularises_them() -> None:
    from modalities import get_modality

    params = parse_params({"name": "a"})
    tfidf = get_modality("text").baselines["tfidf_logistic"](params)
    strengths = [one.get_params()["logisticregression__C"] for one in list_candidates(tfidf)]
    assert strengths == [10.0, 1.0, 100.0]
    assert len(list_candidates(get_modality("text").baselines["majority"](params))) == 1
    assert len(list_candidates(get_modality("tabular").baselines["gradient_boosting"](params))) == 1
