"""Several labels a row: however they are written they become one text, and rare ones are spread over the folds."""

import numpy as np
import pandas as pd
import pytest

from targets import get_target
from thawline.errors import DataRefusedError
from thawline.params.file import parse_params
from thawline.rows.labels import count_label_sets, describe_label_sets, encode_label_sets, name_set_sizes, rarest_labels
from thawline.rows.splits import assign_folds

WRITTEN = {
    "a separator": ("b| a", '["a", "b"]'),
    "one label": ("a", '["a"]'),
    "a label twice": ("a|a", '["a"]'),
    "a list": (["b", "a"], '["a", "b"]'),
    "an array, as Parquet has it": (np.array(["b", "a"], dtype=object), '["a", "b"]'),
    "numbers in a list": ([3, 1], '["1", "3"]'),
    "a list as text": ('["b", "a"]', '["a", "b"]'),
    "an empty list": ([], "[]"),
    "an empty list as text": ("[]", "[]"),
    "separators alone": ("|", "[]"),
    "what looks like a list": ("[x", '["[x"]'),
    "letters of any script": ("Größe|été", '["Größe", "été"]'),
}


@pytest.mark.parametrize("case", WRITTEN)
def test_labels_are_written_one_way(case: str) -> None:
    cell, expected = WRITTEN[case]
    cells = pd.Series([cell, None], dtype=object)
    read = get_target("labels").read(cells, parse_params({"name": "x"}), False)
    assert read.iloc[0] == expected
    assert pd.isna(read.iloc[1])
    again = get_target("labels").read(read, parse_params({"name": "x"}), False)
    assert again.equals(read)


def test_another_separator_parts_what_the_default_does_not() -> None:
    params = parse_params({"name": "x", "target": {"kind": "labels", "separator": "; "}})
    read = get_target("labels").read(pd.Series(["a; b|c", ""]), params, False)
    assert read.tolist()[0] == '["a", "b|c"]'
    assert pd.isna(read.iloc[1])


def test_labels_are_counted_and_told_in_words() -> None:
    labels = pd.Series(['["a", "b"]', '["a"]', "[]", None], dtype="str")
    assert count_label_sets(labels) == {"a": 2, "b": 1}
    assert describe_label_sets({"a": 2, "b": 1}, 4) == "2 labels, 0.75 a row: a 2, b 1"
    assert name_set_sizes(labels).tolist()[:3] == ["2 labels", "1 label", "0 labels"]
    assert rarest_labels(labels).tolist() == ["b", "a", "", ""]


@pytest.mark.parametrize(
    ("label", "said"),
    [('["z"]', r"labels \['z'\] are in the test set but in no training row"), ("cat", "'cat' is no list of labels")],
)
def test_labels_that_nothing_can_learn_are_refused(label: str, said: str) -> None:
    with pytest.raises(DataRefusedError, match=said):
        encode_label_sets(pd.Series(['["a"]', label]), ["a", "b"])


def test_each_label_is_spread_over_the_folds_as_far_as_its_rows_go() -> None:
    rng = np.random.default_rng(0)
    chances = [0.5, 0.3, 0.1, 0.03]
    rows = [[name for name, chance in zip("abcd", chances, strict=True) if rng.random() < chance] for _ in range(600)]
    labels = pd.Series([str(names).replace("'", '"') for names in rows], dtype="str")
    frame = pd.DataFrame({"row_id": [f"{n:016x}" for n in range(600)], "label": labels, "group": range(600)})
    folds = assign_folds(frame.assign(**get_target("labels").columns(labels)), num_folds=5, seed=0)
    table = encode_label_sets(labels, list("abcd"))
    counts = np.stack([table[folds == fold].sum(axis=0) for fold in range(5)])
    assert (np.ptp(counts, axis=0)[2:] <= [4, 1]).all()  # by chance alone a label of 60 rows has 8 to 16
    assert (counts > 0).all()
