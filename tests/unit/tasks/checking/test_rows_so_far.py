"""The rows so far, a file added at a time, are what they would be if all were read at once."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from modalities import get_modality
from tasks.checking.rows_so_far import RowsSoFar, extend, read_so_far
from thawline.params import Params
from thawline.rows.known_rows import find_known


def tables(directory: Path) -> list[Path]:
    rng = np.random.default_rng(0)
    paths = []
    for number, num_rows in enumerate((30, 10, 10, 40, 5)):
        frame = pd.DataFrame({"size": rng.normal(size=num_rows), "city": rng.choice(["Rome", "Oslo"], size=num_rows)})
        frame["label"] = rng.choice(["a", "b"], size=num_rows)
        if number == 4:
            frame["new"] = "x"
        paths.append(directory / f"{number}.csv")
        frame.to_csv(paths[-1], index=False)
    return paths


def texts(directory: Path) -> list[Path]:
    paths = []
    for number in range(4):
        frame = pd.DataFrame({"text": [f"mail {number} {row} <b>x</b>" for row in range(8)], "label": ["a", "b"] * 4})
        paths.append(directory / f"{number}.csv")
        frame.to_csv(paths[-1], index=False)
    return paths


@pytest.mark.parametrize(("modality", "make"), [("tabular", tables), ("text", texts)])
def test_one_file_after_the_other_is_all_at_once(tmp_path: Path, modality: str, make) -> None:  # type: ignore[no-untyped-def]
    params = Params.model_validate({"name": "test", "modality": modality, "validation": {"embedding_rows": 20}})
    paths = make(tmp_path)
    grown = read_so_far(paths[:1], params)
    whole = read_so_far(paths, params)
    assert grown is not None
    assert whole is not None
    for path in paths[1:]:
        grown = extend(grown, path)
    for name in ("known", "measures", "sample"):
        pd.testing.assert_frame_equal(getattr(grown, name), getattr(whole, name))
    assert grown.profile == whole.profile
    assert (grown.names, grown.columns) == (tuple(path.name for path in paths), whole.columns)
    new = get_modality(modality).read(paths[0], params).assign(normalised=whole.known["normalised"][:5])
    pd.testing.assert_frame_equal(find_known(new[:5], grown.known), find_known(new[:5], whole.known))


def test_rows_are_read_anew_only_when_they_have_doubled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    params = Params.model_validate({"name": "test", "modality": "text"})
    paths = texts(tmp_path)
    so_far: RowsSoFar | None = read_so_far(paths[:1], params)
    settled = []
    for path in [*paths[1:], *paths[1:]]:
        assert so_far is not None
        so_far = extend(so_far, path)
        settled.append(so_far.num_settled)
    assert settled == [16, 16, 32, 32, 32, 32]
