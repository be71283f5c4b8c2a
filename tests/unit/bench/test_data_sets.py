"""The tournament's data sets: drawn by a seed, the small ones parts of the large, and said when they are not there."""

from pathlib import Path

import pandas as pd

from bench.data_sets import MAX_TOKENS, list_sets
from bench.peers.protocol import read_task
from thawline.params.file import load_params

SETS = {one.name: one for one in list_sets()}


def shared(name: str, place: Path, num_rows: int):
    return SETS[name].share(place, None, num_folds=2, num_rows=num_rows, threads=1, told={})


def test_a_small_set_is_a_part_of_the_larger_one(tmp_path: Path) -> None:
    (tmp_path / "small").mkdir()
    (tmp_path / "large").mkdir()
    small, large = shared("mails-200", tmp_path / "small", 20), shared("mails-1000", tmp_path / "large", 40)
    texts = [read_task(one.directory)[1]["text"].tolist() for one in (small, large)]
    assert texts[0] == texts[1][:20]
    assert large.task.max_tokens == MAX_TOKENS
    assert load_params(large.workspace).train.max_unfrozen_groups == 6  # as in a new workspace, not as in the example


def test_digits_are_images_of_ten_classes_in_both_folds(tmp_path: Path) -> None:
    found = shared("digits-200", tmp_path, 60)
    _, rows = read_task(found.directory)
    assert (len(rows), found.task.num_classes, found.task.num_folds) == (60, 10, 2)
    assert sorted(rows["fold"].unique()) == [0, 1]


def test_what_is_not_there_is_named(tmp_path: Path) -> None:
    scope = SETS["out_of_scope-1000"]
    pd.DataFrame().to_csv(tmp_path / "intents.csv.gz")
    assert scope.missing(tmp_path) == f"no intents_oos.csv.gz in {tmp_path}"
    assert scope.missing(None) == "no intents.csv.gz, intents_oos.csv.gz in --data"
    assert SETS["mails-200"].missing(None) == ""
