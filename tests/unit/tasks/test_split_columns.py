"""Rows of one owner stay together and time goes forward, over many arrivals; what can't be done is refused in words."""

import io
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tasks.checking.group_hint import hint_at_groups
from tasks.checking.validate import validate_processed
from tasks.clean import clean
from tasks.ingest import ingest
from tasks.split import read_ledger, split
from tests.unit.models.image_networks import make_images
from thawline.errors import DataRefusedError, ParamsError, ThawlineError, UnreadableFileError
from thawline.params import Params
from thawline.rows.split_columns import GROUP, MOMENT, NEAR
from thawline.workspace import Workspace

NUM_ARRIVALS = 10
REASONS = {
    "near-duplicate of a test row",
    "shares its customer with a test row",
    "same content as a row of another customer",
}
SPLITS: dict[str, dict[str, str]] = {
    "by customer": {"group_column": "customer"},
    "by time": {"time_column": "at"},
    "by both": {"group_column": "customer", "time_column": "at"},
}


def visits(seed: int, arrival: int = 0, num_rows: int = 40) -> pd.DataFrame:
    """Return rows of customers old and new, some without one, some that are copies of others' rows."""
    rng = np.random.default_rng((seed, arrival))
    customers = rng.integers(0, 20 + 6 * arrival, num_rows)
    size = rng.normal(size=num_rows).round(6)
    size[rng.random(num_rows) < 0.05] = 0.5  # rows of several customers that are nearly alike
    days = 30 * arrival + rng.integers(0, 45, num_rows)
    return pd.DataFrame(
        {
            "size": size,
            "phone": [f"+{one}" for one in customers],
            "customer": [None if rng.random() < 0.1 else f"c{one}" for one in customers],
            "at": (pd.Timestamp("2024-01-01") + pd.to_timedelta(days, unit="D")).strftime("%d/%m/%Y"),
            "label": rng.choice(["a", "b"], num_rows),
        }
    )


def space_of(root: Path) -> Workspace:
    space = Workspace(root)
    space.raw.mkdir(parents=True, exist_ok=True)
    return space


def run(space: Workspace, chosen: dict[str, Any], **sections: dict[str, Any]) -> Params:
    values = {"modality": "tabular", "clean": {"conflicting_labels": "keep"}, **sections}
    params = Params.model_validate({"name": "test", "split": {"num_folds": 3, **chosen}, **values})
    for stage in (ingest, clean, split):
        stage(space, params)
    return params


def parts_of(space: Workspace) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    train, test, held_out = (pd.read_parquet(path) for path in (space.train_rows, space.test_rows, space.held_out_rows))
    return train, test, held_out


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("chosen", SPLITS.values(), ids=SPLITS)
def test_over_ten_arrivals_no_row_moves_and_no_owner_straddles(
    tmp_path: Path, chosen: dict[str, str], seed: int
) -> None:
    space = space_of(tmp_path)
    for arrival in range(NUM_ARRIVALS):
        before = read_ledger(space)
        visits(seed, arrival).to_csv(space.raw / f"{arrival}.csv", index=False)
        run(space, chosen)
        pd.testing.assert_frame_equal(read_ledger(space).head(len(before)), before)
        train, test, held_out = parts_of(space)
        assert len(train) + len(test) + len(held_out) == len(pd.read_parquet(space.clean_rows))
        assert not set(train["group"]) & set(test["group"])
        assert train.groupby("group")["fold"].nunique().max() == 1
        assert set(held_out["reason"]) <= REASONS
        if "group_column" in chosen:
            assert not set(train[GROUP].dropna()) & set(test[GROUP].dropna())
            assert train.dropna(subset=[GROUP]).groupby(GROUP)["fold"].nunique().max() == 1
            assert not set(train[NEAR]) & set(test[NEAR])
    assert 0.1 < len(test) / (len(train) + len(test)) < 0.3
    assert len(held_out) < 0.1 * (len(train) + len(test))


def test_without_columns_train_and_test_carry_nothing_more(tmp_path: Path) -> None:
    space = space_of(tmp_path)
    visits(0).to_csv(space.raw / "a.csv", index=False)
    run(space, {})
    train, _, _ = parts_of(space)
    assert not [name for name in train if str(name).startswith("split:")]
    assert "customer" in train


@pytest.mark.parametrize("chosen", SPLITS.values(), ids=SPLITS)
def test_group_and_time_are_not_learned_from(tmp_path: Path, chosen: dict[str, str]) -> None:
    space = space_of(tmp_path)
    visits(0).to_csv(space.raw / "a.csv", index=False)
    run(space, chosen)
    train, _, _ = parts_of(space)
    assert not set(chosen.values()) & set(train)


def test_new_rows_follow_their_customer(tmp_path: Path) -> None:
    space = space_of(tmp_path)
    visits(0).to_csv(space.raw / "a.csv", index=False)
    run(space, SPLITS["by customer"])
    _, test, _ = parts_of(space)
    of_test = set(test[GROUP].dropna())
    visits(0).assign(size=lambda rows: rows["size"] + 10).to_csv(space.raw / "b.csv", index=False)
    run(space, SPLITS["by customer"])
    _, test, _ = parts_of(space)
    assert set(test.loc[test["source"] == "b.csv", GROUP].dropna()) == of_test


@pytest.mark.parametrize(
    ("changed", "reason"),
    [(0.0, "same content as a row of another customer"), (1e-7, "near-duplicate of a test row")],
    ids=["same", "nearly the same"],
)
def test_a_copy_of_a_test_row_from_a_training_customer_is_held_out_alone(
    tmp_path: Path, changed: float, reason: str
) -> None:
    space = space_of(tmp_path)
    visits(0).to_csv(space.raw / "a.csv", index=False)
    run(space, SPLITS["by customer"])
    train, test, held_out = parts_of(space)
    copied = test[test["size"] != 0.5].head(1)
    new = copied[["size", "phone", "at", "label"]].assign(customer=train[GROUP].dropna().iloc[0])
    new["at"], new["label"] = new["at"].dt.strftime("%d/%m/%Y"), "b" if copied["label"].iloc[0] == "a" else "a"
    new["size"] += changed
    new.to_csv(space.raw / "b.csv", index=False)
    run(space, SPLITS["by customer"])
    after, _, now = parts_of(space)
    assert len(after) == len(train)
    assert len(now) == len(held_out) + 1
    assert reason in set(now["reason"])


def test_the_test_set_is_the_latest_share_of_each_arrival(tmp_path: Path) -> None:
    space = space_of(tmp_path)
    for arrival in range(2):
        visits(1, arrival).to_csv(space.raw / f"{arrival}.csv", index=False)
        run(space, SPLITS["by time"])
        train, test, _ = parts_of(space)
        source = f"{arrival}.csv"
        assert train.loc[train["source"] == source, MOMENT].max() <= test.loc[test["source"] == source, MOMENT].min()
        assert abs((test["source"] == source).sum() - 8) <= 1


def test_planted_leaks_are_found(tmp_path: Path) -> None:
    space = space_of(tmp_path)
    visits(0, num_rows=200).to_csv(space.raw / "a.csv", index=False)
    params = run(space, SPLITS["by both"])
    quiet = {check.name: check for check in validate_processed(space, params, "v1").checks}
    assert quiet["expect_owners_apart"].passed
    assert quiet["expect_folds_forward"].passed
    assert not quiet["expect_no_column_names_group"].passed  # the phone number
    assert "phone" in quiet["expect_no_column_names_group"].message
    train, test, _ = parts_of(space)
    train.loc[train.index[0], GROUP] = test[GROUP].dropna().iloc[0]
    train["fold"] = train["fold"].map({-1: 2, 0: 1, 1: 0, 2: -1})
    train.to_parquet(space.train_rows)
    report = validate_processed(space, params, "v1")
    failed = {check.name for check in report.critical_failures}
    assert {"expect_owners_apart", "expect_folds_forward"} <= failed


BAD: dict[str, tuple[dict[str, Any], type[ThawlineError], str]] = {
    "no such column": ({"group_column": "client"}, UnreadableFileError, "no column 'client' (split.group_column)"),
    "no such time": ({"time_column": "when"}, UnreadableFileError, "no column 'when' (split.time_column)"),
    "the label": ({"group_column": "label"}, ParamsError, "which ingest.label_column names too"),
    "both the same": ({"group_column": "at", "time_column": "at"}, ParamsError, "which split.group_column names too"),
    "no moment": ({"time_column": "phone"}, UnreadableFileError, "'+"),
    "an empty moment": ({"time_column": "customer"}, UnreadableFileError, "say no moment"),
    "one group": ({"group_column": "country"}, DataRefusedError, "has one value"),
    "fewer groups than folds": ({"group_column": "half"}, DataRefusedError, "a fold needs one at least"),
    "groups too large to test": ({"group_column": "third", "num_folds": 2}, DataRefusedError, "test set empty"),
}


@pytest.mark.parametrize(("chosen", "error", "said"), BAD.values(), ids=BAD)
def test_a_column_that_can_not_part_the_rows_is_refused(
    tmp_path: Path, chosen: dict[str, Any], error: type[ThawlineError], said: str
) -> None:
    space = space_of(tmp_path)
    rows = visits(0).assign(country="x", size=np.arange(40) * 1.01)
    rows["half"], rows["third"] = np.arange(40) % 2, np.arange(40) % 3
    rows.to_csv(space.raw / "a.csv", index=False)
    with pytest.raises(error, match=r"(?s).*") as caught:
        run(space, chosen)
    assert said in str(caught.value)
    assert not space.ledger.exists()


def test_a_column_of_content_can_not_be_the_group(tmp_path: Path) -> None:
    space = space_of(tmp_path)
    pd.DataFrame({"text": ["one", "two"], "label": ["a", "b"]}).to_csv(space.raw / "a.csv", index=False)
    with pytest.raises(ParamsError, match=r"split\.group_column is 'text', which ingest\.text_column names too"):
        run(space, {"group_column": "text"}, modality="text")


def test_texts_carry_their_thread(tmp_path: Path) -> None:
    space = space_of(tmp_path)
    words = np.random.default_rng(0).integers(0, 900, (60, 8))
    texts = [" ".join(f"w{word}" for word in row) for row in words]
    frame = pd.DataFrame({"text": texts, "label": ["a", "b"] * 30, "thread": np.arange(60) // 3})
    frame.to_csv(space.raw / "a.csv", index=False)
    run(space, {"group_column": "thread"}, modality="text")
    train, test, _ = parts_of(space)
    assert not set(train[GROUP]) & set(test[GROUP])
    assert len(test) == 12


def test_images_carry_their_patient_from_the_manifest(tmp_path: Path) -> None:
    space = space_of(tmp_path)
    images, _ = make_images(40)
    table = pd.DataFrame({"path": [f"{n}.png" for n in range(40)], "label": ["a", "b"] * 20})
    with zipfile.ZipFile(space.raw / "rows.zip", "w") as archive:
        for name, image in zip(table["path"], images, strict=True):
            content = io.BytesIO()
            image.save(content, "PNG")
            archive.writestr(name, content.getvalue())
        archive.writestr("rows.csv", table.assign(patient=np.arange(40) // 4).to_csv(index=False))
    run(space, {"group_column": "patient", "max_pixel_difference": 0.0}, modality="image")
    train, test, _ = parts_of(space)
    assert not set(train[GROUP]) & set(test[GROUP])
    assert len(test) == 8


def test_folders_of_images_have_no_patients(tmp_path: Path) -> None:
    space = space_of(tmp_path)
    (space.raw / "scans" / "a").mkdir(parents=True)
    make_images(1)[0][0].save(space.raw / "scans" / "a" / "1.png")
    with pytest.raises(UnreadableFileError, match="is a folder a class and has no column 'patient'"):
        run(space, {"group_column": "patient"}, modality="image")


def test_a_table_of_customers_that_nobody_named_is_hinted_at(tmp_path: Path) -> None:
    rows = visits(0, num_rows=200).drop(columns="phone")
    rows["label"] = np.where(rows["customer"].str[1:].astype(float) % 2 == 0, "a", "b")
    rows.to_csv(tmp_path / "a.csv", index=False)
    params = Params.model_validate({"name": "test", "modality": "tabular"})
    hint = hint_at_groups([tmp_path / "a.csv"], params)
    assert hint is not None
    assert hint.column == "customer"
    assert hint_at_groups([tmp_path / "a.csv"], params.with_values("split", group_column="customer")) is None
