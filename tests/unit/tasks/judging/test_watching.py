"""The champion is watched from what was kept: each period judged once, told once, and shown with its alarms."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from flows.commands.watch import ALARM_EXIT
from flows.terminal.watch_tables import print_champion
from modalities import get_modality
from modalities.predictor import Predictor, load_predictor, save_baseline
from tasks.judging import watching
from tasks.judging.keeping import observed
from tasks.judging.watching import watch_champion
from thawline.errors import UsageError
from thawline.formats.frames import write_frame
from thawline.params import Params
from thawline.watching.kept import VERSION, keep_rows
from thawline.workspace import Workspace

PARAMS = Params.model_validate(
    {
        "name": "towns",
        "modality": "tabular",
        "ingest": {"columns": {"x": "numeric", "city": "categorical"}},
        "watch": {"sample": 1.0},
    }
)
START = datetime(2026, 3, 1, 12, tzinfo=UTC)
NUM_ROWS = 150


def prepared(num: int, rng: np.random.Generator, *, lost: bool = False) -> pd.DataFrame:
    x = rng.normal(size=num)
    given = pd.DataFrame({"x": [f"{value:.4f}" for value in x], "city": rng.choice(["Rome", "Oslo"], num)})
    modality = get_modality("tabular")
    rows, _ = modality.prepare(modality.to_rows(given.assign(x="") if lost else given, PARAMS), PARAMS)
    return rows.assign(label=np.where(x + rng.normal(size=num) / 3 > 0, "high", "low"))


@pytest.fixture(scope="module")
def predictor(tmp_path_factory: pytest.TempPathFactory) -> Predictor:
    rows, modality = prepared(300, np.random.default_rng(0)), get_modality("tabular")
    estimator = modality.baselines["logistic_regression"](PARAMS)
    estimator.fit(modality.baseline_input(rows), (rows["label"] == "low").astype(int).to_numpy())
    directory = tmp_path_factory.mktemp("model") / "model"
    save_baseline(directory, estimator, params=PARAMS, classes=["high", "low"])
    return load_predictor(directory)


class Production:
    """A workspace whose champion, version 2, has answered for some days; `today` is the day after them."""

    def __init__(self, root: Path, predictor: Predictor, monkeypatch: pytest.MonkeyPatch) -> None:
        self.place, self.predictor, self.now = Workspace(root), predictor, START
        self.told: list[dict[str, object]] = []
        self.loaded = 0
        write_frame(prepared(400, np.random.default_rng(1)), self.place.test_rows)
        monkeypatch.setattr(watching, "find_champion", lambda *_: "2")
        monkeypatch.setattr(watching, "load_registered", self.load)
        monkeypatch.setattr(watching, "now_utc", lambda: self.now)
        monkeypatch.setattr(watching, "announce", lambda *given: self.told.append(given[-1]))

    def load(self, *_: object) -> SimpleNamespace:
        self.loaded += 1
        return SimpleNamespace(unwrap_python_model=lambda: SimpleNamespace(predictor=self.predictor))

    def answer(self, num_days: int, *, lost: bool = False, num: int = NUM_ROWS, version: str = "2") -> None:
        for _ in range(num_days):
            rows = prepared(num, np.random.default_rng(self.now.day), lost=lost)
            kept = observed(self.predictor, rows, self.predictor.predict_prepared(rows), [], np.arange(num))
            keep_rows(
                self.place.watch, kept.assign(**{VERSION: version}), num_seen=2 * num, watch=PARAMS.watch, now=self.now
            )
            self.now += timedelta(days=1)

    def watch(self) -> watching.Champion:
        return watch_champion(self.place, PARAMS, SimpleNamespace(uri=""))  # type: ignore[arg-type]


@pytest.fixture
def production(tmp_path: Path, predictor: Predictor, monkeypatch: pytest.MonkeyPatch) -> Production:
    return Production(tmp_path, predictor, monkeypatch)


def test_a_broken_column_alarms_on_its_day_and_is_told_once(
    production: Production, capsys: pytest.CaptureFixture[str]
) -> None:
    production.answer(9)
    calm = production.watch()
    assert calm.alarms == []
    assert production.told == []
    assert len(calm.periods) == 9
    assert calm.accuracy == pytest.approx(0.9, abs=0.06)
    assert calm.latest is not None
    assert (calm.latest.num_rows, calm.latest.num_seen) == (NUM_ROWS, 2 * NUM_ROWS)
    assert calm.latest.expected is not None
    assert calm.latest.expected[1] < calm.accuracy < calm.latest.expected[2]
    production.answer(1, lost=True)
    broken = production.watch()
    assert broken.periods[:9] == calm.periods, "what was judged stays as it was"
    assert [bool(period.alarms) for period in broken.periods] == [False] * 9 + [True]
    assert any(alarm.startswith("x has moved") for alarm in broken.alarms)
    assert [told["period"] for told in production.told] == ["2026-03-10 to 2026-03-10"]
    assert production.watch() == broken
    assert len(production.told) == production.loaded == 1
    print_champion(broken, limit=3)
    shown = capsys.readouterr().err
    assert "2026-03-10" in shown
    assert "2026-03-01" not in shown


def test_a_day_that_goes_on_is_judged_but_not_for_good_and_few_rows_wait(production: Production) -> None:
    production.answer(2, num=60)
    assert [period.num_rows for period in production.watch().periods] == [120]
    production.answer(1, num=60)
    assert [bool(period.judged) for period in production.watch().periods] == [True, False]
    production.now -= timedelta(hours=23)
    production.answer(1, num=60)
    production.now -= timedelta(days=1)
    latest = production.watch().periods[-1]
    assert (latest.num_rows, bool(latest.judged)) == (120, True)
    stored = json.loads((production.place.watch / "periods" / "2.json").read_bytes())
    assert len(stored["periods"]) == 1


def test_answers_of_another_version_are_not_the_champions(production: Production) -> None:
    production.answer(2, version="1")
    assert production.watch().periods == ()


def test_without_a_champion_or_test_rows_it_says_what_makes_them(
    production: Production, monkeypatch: pytest.MonkeyPatch
) -> None:
    production.place.test_rows.unlink()
    with pytest.raises(UsageError, match="thawline run"):
        production.watch()
    monkeypatch.setattr(watching, "find_champion", lambda *_: None)
    with pytest.raises(UsageError, match="no champion to watch"):
        production.watch()
    assert ALARM_EXIT == 4
