"""The champion watched: what it answered in production, period by period, against unseen rows and its own past.

The reference is the champion's answers to the test rows: of rows that it learned from, a fine-tuned encoder's vectors
and the confidence are others than of any row that comes later. It is computed once a version, and each period that is
over is judged once: both are kept in `.thawline/watch`, and a period stays when its rows have gone.
"""

from collections.abc import Sequence
from datetime import date

import numpy as np
import pandas as pd
from pydantic import BaseModel, ConfigDict

from modalities.fitted import Vectors
from modalities.predictor import Predictor
from tasks.arriving.announcements import MODEL_ALARM, announce
from tasks.judging.champion import find_champion
from tasks.judging.evaluation import read_test_rows
from tasks.judging.keeping import observed
from tasks.tracking.runs import Tracking, load_registered
from tasks.training.device_slots import device_slot
from thawline.errors import UsageError
from thawline.formats.frames import read_frame, write_frame
from thawline.params import Params
from thawline.system.files import write_atomically
from thawline.system.kept_records import read_or_set_aside
from thawline.watching.comparison import Calibration, fit_calibration, of_answered
from thawline.watching.kept import ANSWER, CONFIDENCE, VERSION, count_seen, list_days, now_utc, read_days, remove_old
from thawline.watching.periods import MAX_ROWS, MIN_ROWS, NUM_BEFORE, Period, group_days, judge_period
from thawline.workspace import Workspace

MAX_REFERENCE = 2000
LABEL = "label"
SAYINGS = {
    "vectors": "inputs are told apart with AUC {value:.2f}",
    "columns": "{about} has moved (stability index {value:.2f})",
    "answers": "answers have moved (stability index {value:.2f})",
    "accuracy": "confidence promises an accuracy of {value:.3f} only",
}


class Champion(BaseModel):
    """A champion in production: its version, its true accuracy on the reference's rows, and its periods, oldest first.

    The last one may be going on.
    """

    model_config = ConfigDict(frozen=True)

    version: str
    num_reference: int
    accuracy: float | None
    periods: tuple[Period, ...] = ()

    @property
    def latest(self) -> Period | None:
        """The last period that had rows enough to be judged."""
        return next((period for period in reversed(self.periods) if period.judged), None)

    @property
    def alarms(self) -> list[str]:
        """What the last judged period raises, in words."""
        return [] if self.latest is None else describe_alarms(self.latest)


def watch_champion(workspace: Workspace, params: Params, tracking: Tracking) -> Champion:
    """Judge the periods of the present champion that have not been, and return all; a new one with an alarm is told.

    Raises:
        UsageError: There is no champion, or there are no test rows to compare with.
        ServiceError: The registry does not answer.
        StorageError: No permission or no space.
    """
    version = find_champion(tracking, params.name)
    if version is None:
        raise UsageError(f"{params.name} has no champion to watch; `thawline run` makes one")
    place, today = workspace.watch, now_utc().date()
    remove_old(place, params.watch, today)
    known, calibration, accuracy = _reference(workspace, params, tracking, version)
    path = place / "periods" / f"{version}.json"
    judged = read_or_set_aside(path, Champion.model_validate_json)
    over = [] if judged is None else list(judged.periods)
    latest = over[-NUM_BEFORE:]
    days = [day for day in list_days(place) if not latest or day >= latest[0].first]
    kept = {day: rows for day in days if len(rows := _rows(workspace, day, version))}
    before = [_together(kept, [day for day in kept if one.first <= day <= one.last]) for one in latest]
    going_on: list[Period] = []
    for days in group_days({day: len(rows) for day, rows in kept.items() if not over or day > over[-1].last}):
        rows = _together(kept, days)
        counted = {
            "num_rows": sum(len(kept[day]) for day in days),
            "num_seen": sum(count_seen(place, day) for day in days),
        }
        period = Period(first=days[0], last=days[-1], **counted)
        if len(rows) >= MIN_ROWS:
            found, expected = judge_period(rows, (known, calibration), before, over)
            period = period.model_copy(update={"judged": found, "expected": expected})
        if days[-1] >= today or not period.judged:
            going_on.append(period)
            break
        over.append(period)
        before.append(rows)
        _tell(workspace, params, version, period)
    champion = Champion(version=version, num_reference=len(known), accuracy=accuracy, periods=tuple(over))
    write_atomically(path, champion.model_dump_json(indent=1).encode())
    return champion.model_copy(update={"periods": (*over, *going_on)})


def describe_alarms(period: Period) -> list[str]:
    """Return what is beyond its limit, in words."""
    against = {"training": "against the test rows", "before": "against the periods before"}
    return [
        SAYINGS[one.finding.what].format(value=one.finding.value, about=one.finding.about) + f", {against[one.basis]}"
        for one in period.alarms
    ]


def _tell(workspace: Workspace, params: Params, version: str, period: Period) -> None:
    if period.alarms:
        told: dict[str, object] = {"version": version, "period": f"{period.first} to {period.last}"}
        announce(MODEL_ALARM, workspace, params, told | {"alarms": describe_alarms(period)})


def _reference(
    workspace: Workspace, params: Params, tracking: Tracking, version: str
) -> tuple[pd.DataFrame, Calibration | None, float | None]:
    """Return the champion's answers to test rows, what its confidence means, and its accuracy on them."""
    folder = workspace.watch / "reference"
    path = folder / f"{version}.parquet"
    if not path.is_file():
        if not workspace.test_rows.is_file():
            raise UsageError(
                f"{workspace.test_rows} is not there, so there is nothing to compare with; `thawline run` makes it"
            )
        for former in folder.glob("*.parquet"):
            former.unlink()
        with device_slot(params):
            predictor = load_registered(tracking.uri, f"{params.name}/{version}").unwrap_python_model().predictor
            write_frame(_answered(predictor, read_test_rows(workspace), params.seed), path)
    known = read_frame(path)
    if CONFIDENCE not in known:
        return known, None, None
    answered = known[known[ANSWER].notna()]
    is_right = (answered[ANSWER] == answered[LABEL]).to_numpy(dtype=bool)
    return known, fit_calibration(of_answered(known), is_right), float(is_right.mean()) if len(is_right) else None


def _answered(predictor: Predictor, rows: pd.DataFrame, seed: int) -> pd.DataFrame:
    rows = rows.sample(min(len(rows), MAX_REFERENCE), random_state=seed).reset_index(drop=True)
    vectors: list[Vectors] = []
    answer = predictor.predict_prepared(rows, vectors)
    return observed(predictor, rows, answer, vectors, np.arange(len(rows))).assign(**{LABEL: rows[LABEL]})


def _rows(workspace: Workspace, day: date, version: str) -> pd.DataFrame:
    rows = read_days(workspace.watch, [day])
    return rows[rows[VERSION] == version] if len(rows) else rows


def _together(kept: dict[date, pd.DataFrame], days: Sequence[date]) -> pd.DataFrame:
    """Return the rows of some days, MAX_ROWS at most."""
    rows = pd.concat([pd.DataFrame(), *(kept[day] for day in days)], ignore_index=True)
    return rows.sample(min(len(rows), MAX_ROWS), random_state=0)
