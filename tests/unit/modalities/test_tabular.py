"""Tables are read without guessing, rows have one identity, and all that is fitted is fitted in the pipeline."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from modalities.estimator_files import load_estimator, save_estimator
from modalities.tabular import MODALITY
from thawline.errors import ParamsError, UnreadableFileError, UsageError
from thawline.params import Params

PARAMS = Params.model_validate({"name": "test", "modality": "tabular"})

ROWS = "age,city,joined,member,label\n31,Rome,2020-01-05,yes,a\n,Oslo,2020-02-01,no,b\n52.5,  New   York ,,yes,a\n"


def with_params(**sections: dict[str, object]) -> Params:
    return Params.model_validate({"name": "test", "modality": "tabular", **sections})


def read(tmp_path: Path, content: str, name: str = "rows.csv", **ingest: object) -> pd.DataFrame:
    path = tmp_path / name
    path.write_text(content)
    return MODALITY.read(path, with_params(ingest=ingest))


def frame(**columns: list[Any]) -> pd.DataFrame:
    return pd.DataFrame({name: pd.Series(cells, dtype="str") for name, cells in columns.items()})


def prepared(rows: pd.DataFrame, **ingest: object) -> pd.DataFrame:
    return MODALITY.prepare(rows, with_params(ingest=ingest))[0]


def test_columns_get_the_kind_that_their_cells_have(tmp_path: Path) -> None:
    rows = prepared(read(tmp_path, ROWS))
    assert rows["age"].tolist()[::2] == [31.0, 52.5]
    assert rows["city"].tolist() == ["Rome", "Oslo", "New York"]
    assert rows["joined"].tolist()[:2] == list(pd.to_datetime(["2020-01-05", "2020-02-01"]))
    assert rows["member"].tolist() == ["true", "false", "true"]
    assert rows["problems"].tolist() == ["", "", ""]
    assert [str(kind) for kind in rows.dtypes[:4]] == ["float64", "str", "datetime64[us]", "str"]


def test_params_overrule_what_is_inferred(tmp_path: Path) -> None:
    rows = prepared(read(tmp_path, ROWS, drop_columns=["joined"]), columns={"age": "categorical"})
    assert rows["age"].tolist()[::2] == ["31", "52.5"]
    assert "joined" not in rows


def test_the_same_rows_have_the_same_ids_in_every_format(tmp_path: Path) -> None:
    table = pd.DataFrame({"n": [1, 2], "x": [0.5, None], "flag": [True, False], "label": ["a", "b"]})
    table.to_csv(tmp_path / "rows.csv", index=False)
    table.to_parquet(tmp_path / "rows.parquet")
    table.to_json(tmp_path / "rows.jsonl", orient="records", lines=True)
    ids = [
        MODALITY.canonical(MODALITY.read(tmp_path / name, PARAMS)).tolist()
        for name in ("rows.csv", "rows.parquet", "rows.jsonl")
    ]
    assert ids[0] == ids[1] == ids[2]
    assert len(set(ids[0])) == 2


def test_names_that_the_line_uses_itself_come_back_as_they_were(tmp_path: Path) -> None:
    rows = prepared(read(tmp_path, "group,source,group_,label\n1,web,3,a\n2,shop,4,b\n"))
    assert rows["source"].tolist() == ["rows.csv"] * 2
    back = MODALITY.to_input(rows, PARAMS)
    assert back.to_dict("list") == {"group": [1, 2], "source": ["web", "shop"], "group_": [3, 4]}


BAD_PARAMS = {
    "label as a feature": ({"columns": {"label": "numeric"}}, ParamsError, "names 'label', which is ingest.label_col"),
    "label dropped": ({"drop_columns": ["label"]}, ParamsError, "ingest.drop_columns names 'label'"),
    "kept and dropped": ({"columns": {"age": "numeric"}, "drop_columns": ["age"]}, ParamsError, "take it out of one"),
    "no such column": ({"columns": {"ages": "numeric"}}, UnreadableFileError, "did you mean 'age'"),
    "nothing left": (
        {"drop_columns": ["age", "city", "joined", "member"]},
        UnreadableFileError,
        "no column beside the label 'label'",
    ),
}


@pytest.mark.parametrize("name", BAD_PARAMS)
def test_params_that_do_not_fit_the_file_are_refused(tmp_path: Path, name: str) -> None:
    ingest, error, message = BAD_PARAMS[name]
    with pytest.raises(error, match=message):
        read(tmp_path, ROWS, **ingest)


def test_cells_that_are_doubtful_are_counted_and_named() -> None:
    cells = [str(n) for n in range(96)]
    rows, changed = MODALITY.prepare(frame(price=["inf", "1,5", "?", "many", *cells]), PARAMS)
    assert rows["problems"].tolist()[:5] == ["price: infinite", "price: decimal comma", "", "price: not a number", ""]
    assert rows["price"].isna().tolist()[:5] == [True, False, True, True, False]
    assert {rule: count for rule, count in changed.items() if count} == {
        "infinite": 1, "decimal_comma": 1, "not_a_number": 1,
    }  # fmt: skip


def test_white_space_is_tidied_and_counted() -> None:
    rows = frame(city=["New  York", "Rome", None])
    tidy, changed = MODALITY.prepare(rows, PARAMS)
    assert tidy["city"].tolist()[:2] == ["New York", "Rome"]
    assert changed["whitespace"] == 1
    untouched = MODALITY.prepare(rows, with_params(clean={"collapse_whitespace": False}))[0]
    assert untouched["city"].tolist()[:2] == ["New  York", "Rome"]


def test_a_row_without_values_is_missing() -> None:
    rows = prepared(frame(age=["1", None], city=["x", " "]))
    assert MODALITY.missing(rows).tolist() == [False, True]
    assert MODALITY.normalised(rows).tolist()[1] == ""


def test_duplicates_differ_in_case_and_near_duplicates_in_the_fifth_digit() -> None:
    rows = prepared(frame(city=["Rome", " rome", "Rome", "Rome"], size=["1.00001", "1.00001", "1.00002", "1.1"]))
    assert MODALITY.normalised(rows).nunique() == 3
    groups = MODALITY.near_duplicate_groups(rows, PARAMS)
    assert groups.dtype == np.int64
    assert groups.tolist() == [0, 0, 0, 1]


def test_empty_rows_are_no_duplicates_of_each_other() -> None:
    rows = prepared(frame(city=[None, "Rome", None]))
    assert MODALITY.near_duplicate_groups(rows, PARAMS).tolist() == [0, 1, 2]


def test_one_row_is_read_as_it_was_among_many() -> None:
    rows = prepared(frame(code=["12A", "34", "56"], day=["2020-01-05", None, "2020-01-06"], ok=["yes", "no", "no"]))
    settled = MODALITY.settle(rows, PARAMS)
    assert settled.ingest.columns == {"code": "categorical", "day": "date", "ok": "boolean"}
    given = [{"ok": "no", "code": "34", "day": None, "more": 1}]
    alone = MODALITY.prepare(MODALITY.to_rows(given, settled), settled)[0]
    pd.testing.assert_frame_equal(
        alone[["code", "day", "ok"]], rows.loc[[1], ["code", "day", "ok"]].reset_index(drop=True)
    )


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ([{"code": 1}], r"1 columns are not there: 'day'; there are 'code'"),
        (7, "int is no table"),
        ("x", "is no table"),
    ],
)
def test_what_is_no_such_table_is_refused(given: Any, message: str) -> None:
    params = with_params(ingest={"columns": {"code": "numeric", "day": "date"}})
    with pytest.raises(UsageError, match=message):
        MODALITY.to_rows(given, params)


def test_an_excerpt_names_the_first_values() -> None:
    rows = prepared(frame(age=["31", None], city=["New\nYork", "y" * 300]))
    short, long = MODALITY.excerpt(rows)
    assert short == "age=31, city=New York"
    assert long.startswith("city=yyy")
    assert len(long) == 120


def mixed(num_rows: int = 300) -> tuple[pd.DataFrame, "np.ndarray[Any, Any]"]:
    generator = np.random.default_rng(0)
    number = generator.normal(size=num_rows)
    city = generator.choice(["Rome", "Oslo", "Bern"], size=num_rows)
    labels = np.where(number + (city == "Rome") > 0.5, "yes", "no").astype(object)
    cells = [
        None if missing else str(value) for missing, value in zip(generator.random(num_rows) < 0.1, number, strict=True)
    ]
    days = [f"2020-{1 + n % 12:02d}-01" for n in range(num_rows)]
    return prepared(frame(number=cells, city=city.tolist(), day=days)), labels


FEATURES: dict[str, dict[str, object]] = {
    "defaults": {},
    "mode and ranks": {"impute": "mode", "scale": "quantile", "missing_indicator": False},
    "mean": {"impute": "mean"},
    "nearest": {"impute": "nearest", "num_neighbours": 3},
    "rare categories": {"min_category_rows": 120, "max_categories": 2},
}


@pytest.mark.filterwarnings("ignore:n_quantiles .* is greater:UserWarning")  # a small sample
@pytest.mark.parametrize(
    ("name", "features"),
    [(name, "defaults") for name in MODALITY.baselines]
    + [("logistic_regression", name) for name in list(FEATURES)[1:]],
)
def test_every_baseline_learns_saves_and_takes_what_it_never_saw(tmp_path: Path, name: str, features: str) -> None:
    rows, labels = mixed()
    model = MODALITY.baselines[name](with_params(features=FEATURES[features], baseline={"num_trees": 5}))
    model.fit(MODALITY.baseline_input(rows), labels)
    if name != "majority":
        assert model.score(MODALITY.baseline_input(rows), labels) > 0.8
    save_estimator(model, tmp_path / "model.skops")
    loaded = load_estimator(tmp_path / "model.skops")
    unseen = rows.head(2).assign(city=pd.Series(["Paris", None], dtype="str"), number=np.nan)
    expected = model.predict_proba(MODALITY.baseline_input(unseen))
    assert loaded.predict_proba(MODALITY.baseline_input(unseen)).tolist() == expected.tolist()


def test_a_straight_line_is_found_whatever_the_numbers_are_scaled_by() -> None:
    delay = np.random.default_rng(0).lognormal(sigma=2, size=1000)
    rows = prepared(frame(number=[f"{value:.3f}" for value in delay], city=["Rome"] * 1000, day=["2020-01-01"] * 1000))
    for scale in ("standard", "quantile"):
        model = MODALITY.number_baselines["ridge_regression"](with_params(features={"scale": scale}))
        model.fit(MODALITY.baseline_input(rows), 3 * delay + 1)
        assert model.score(MODALITY.baseline_input(rows), 3 * delay + 1) > 0.99, scale


def test_what_is_fitted_is_fitted_on_the_rows_given() -> None:
    rows, labels = mixed()
    model = MODALITY.baselines["logistic_regression"](with_params(features={"impute": "mean", "scale": "standard"}))
    model.fit(MODALITY.baseline_input(rows.head(100)), labels[:100])
    imputer = model[0].named_transformers_["pipeline"][0]
    assert imputer.statistics_[0] == pytest.approx(rows["number"].head(100).mean())


@pytest.mark.parametrize("pooling", ["own", "last_token"])
def test_a_pooling_of_texts_is_refused(tmp_path: Path, pooling: str) -> None:
    params = Params.model_validate({"name": "cells", "modality": "tabular", "model": {"pooling": pooling}})
    with pytest.raises(ParamsError, match=rf"model.pooling '{pooling}' is of texts: .*; set it to 'cls'"):
        MODALITY.load_encoder(params, tmp_path, pd.DataFrame())


@pytest.mark.parametrize(("num_rows", "epochs", "patience"), [(500, 50, 10), (5_000, 20, 4), (9_000, 11, 3)])
def test_the_fewer_rows_the_more_epochs(num_rows: int, epochs: int, patience: int) -> None:
    assert MODALITY.sizes is not None
    (found,) = MODALITY.sizes(pd.DataFrame({"a": range(num_rows)}), PARAMS)
    assert found.section == "train"
    assert found.chosen == {"num_epochs": epochs, "patience": patience}
    assert MODALITY.sizes(pd.DataFrame({"a": range(10_000)}), PARAMS) == []
