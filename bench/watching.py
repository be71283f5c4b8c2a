"""What a watched champion tells in ninety days: `python -m bench.watching INTENTS_DIR FLIGHTS [--seeds N] [--days N]`.

INTENTS_DIR holds intents.csv.gz, intents_test.csv.gz and intents_oos.csv.gz (columns text and label), FLIGHTS is a
table as examples/flights reads it, whose rows are shuffled. The champions are a regression on frozen MiniLM vectors,
and gradient boosting. Each day brings 300 rows that no model saw, in one of these worlds:

- calm: the same rows day by day; restless: the classes' shares of each day are drawn around those of all;
- sudden: from day 46 on a fifth of the rows are of another kind (requests of no intent, long flights);
- slow: the same from day 31 on, from none to 30 % on day 90;
- labels: from day 46 on one class in ten is four times as frequent (of the table's two, the rarer twice);
- broken: from day 46 on texts are cut after three words; a column of the table is empty.

Told are the days from the change to the first alarm, false alarms a month before it, and for the last two weeks the
expected accuracy beside the true one. Vectors are computed once and kept below `--cache`.
"""

import argparse
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bench.label_audit import embed
from bench.rows import ROOT
from modalities import get_modality
from thawline.params.file import load_params
from thawline.watching.comparison import Calibration, fit_calibration
from thawline.watching.kept import ANSWER, CONFIDENCE, MEASURE, VECTOR
from thawline.watching.periods import MAX_ROWS, Period, judge_period
from thawline.workspace import Workspace

ROWS_A_DAY, ONSET, SLOW_ONSET = 300, 46, 31
WORLDS = ("calm", "restless", "sudden", "slow", "labels", "broken")
STRANGE, BROKEN_WORDS, CONCENTRATION = 0.2, 3, 60.0


@dataclass(frozen=True)
class Case:
    """A champion's answers: rows as they are kept, with the true `label`.

    Args:
        reference: Unseen rows.
        pool: Other unseen rows that days are drawn from.
        strange: Rows of another kind.
        broken: Rows whose input is broken.
        frequent: The classes that become more frequent, and by how much.
    """

    reference: pd.DataFrame
    pool: pd.DataFrame
    strange: pd.DataFrame
    broken: pd.DataFrame
    frequent: tuple[frozenset[str], float]


def make_texts(folder: Path, cache: Path) -> Case:
    """Return a regression on frozen vectors of requests, fitted on 3,000 of them."""
    from sklearn.linear_model import LogisticRegression

    names = ("intents", "intents_test", "intents_oos")
    read = {name: pd.read_csv(folder / f"{name}.csv.gz", keep_default_na=False) for name in names}
    known = pd.concat([read["intents"].sample(12_000, random_state=0), read["intents_test"]], ignore_index=True)
    cut = known.iloc[5000:8000].assign(text=lambda rows: rows["text"].str.split().str[:BROKEN_WORDS].str.join(" "))
    frames = {"known": known, "strange": read["intents_oos"].assign(label="none"), "broken": cut}
    vectors = {name: _cached(cache / f"{name}.npy", frame["text"].tolist()) for name, frame in frames.items()}
    model = LogisticRegression(C=1.0, max_iter=200).fit(vectors["known"][:3000], known["label"][:3000])

    def answer(name: str) -> pd.DataFrame:
        frame = frames[name].reset_index(drop=True)
        rows = _answers(model, vectors[name], model.classes_, frame["label"])
        measures = get_modality("text").measures(frame[["text"]]).add_prefix(MEASURE)
        return rows.join(measures).assign(**{VECTOR: list(vectors[name])})

    answered = answer("known")
    classes = frozenset(sorted(known["label"].unique())[::10])
    return Case(answered[3000:5000], answered[5000:], answer("strange"), answer("broken"), (classes, 4.0))


def make_table(path: Path) -> Case:
    """Return gradient boosting on 5,000 flights."""
    modality, params = get_modality("tabular"), load_params(Workspace(ROOT / "examples" / "flights"))
    read = modality.read(path, params).sample(60_000, random_state=0)
    rows = modality.prepare(read, params)[0].reset_index(drop=True)
    labels, measures = rows["label"].astype(str), modality.measures(rows)
    model = modality.baselines["gradient_boosting"](params)
    classes = np.array(sorted(labels.unique()))
    model.fit(modality.baseline_input(rows[:5000]), np.searchsorted(classes, labels[:5000].to_numpy(dtype=str)))

    def answer(frame: pd.DataFrame) -> pd.DataFrame:
        answers = _answers(model, modality.baseline_input(frame), classes, frame["label"])
        return answers.join(modality.measures(frame).reset_index(drop=True).add_prefix(MEASURE))

    numbers = measures.select_dtypes("number")
    longest = numbers["distance"] > numbers["distance"].quantile(0.75)
    empty = rows[40_000:50_000].assign(sched_dep_time=np.nan)
    answered, rarest = answer(rows), labels.value_counts().index[-1]
    return Case(
        answered[5000:7000], answered[7000:], answered[7000:][longest[7000:]], answer(empty), (frozenset({rarest}), 2.0)
    )


def live(case: Case, world: str, num_days: int, seed: int) -> Iterator[tuple[pd.DataFrame, float]]:
    """Yield each day's rows, and the accuracy that the champion really has on them."""
    rng = np.random.default_rng(seed)
    labels = case.pool["label"].to_numpy(dtype=str)
    classes, numbers = np.unique(labels, return_inverse=True)
    shares = np.bincount(numbers) / len(numbers)
    frequent, times = case.frequent
    for day in range(1, num_days + 1):
        weights = np.ones(len(classes))
        if world == "restless":
            weights = rng.dirichlet(CONCENTRATION * len(classes) ** 0.5 * shares) / shares
        elif world == "labels" and day >= ONSET:
            weights = np.where(np.isin(classes, list(frequent)), times, 1.0)
        chances = weights[numbers] / weights[numbers].sum()
        rows = case.pool.iloc[rng.choice(len(labels), ROWS_A_DAY, replace=False, p=chances)]
        other, share = _others(case, world, day)
        if share:
            num = rng.binomial(ROWS_A_DAY, share)
            rows = pd.concat([rows.iloc[num:], other.iloc[rng.choice(len(other), num, replace=False)]])
        yield rows, float((rows[ANSWER] == rows["label"]).mean())


def watch(case: Case, world: str, num_days: int, seed: int) -> pd.DataFrame:
    """Return a line a day: whether there was an alarm, what for, the expected and the true accuracy."""
    known = case.reference
    calibration: Calibration = fit_calibration(
        known[CONFIDENCE].to_numpy(), (known[ANSWER] == known["label"]).to_numpy()
    )
    before: list[pd.DataFrame] = []
    past: list[Period] = []
    lines = []
    for number, (rows, truth) in enumerate(live(case, world, num_days, seed)):
        judged, expected = judge_period(rows.head(MAX_ROWS), (known, calibration), before, past)
        day = date(2026, 1, 1) + timedelta(days=number)
        past.append(
            Period(first=day, last=day, num_rows=len(rows), num_seen=len(rows), judged=judged, expected=expected)
        )
        before.append(rows)
        named = {f"{one.finding.what} ({one.basis})" for one in past[-1].alarms}
        low, high = expected[1:] if expected else (0.0, 1.0)
        lines.append({"alarm": bool(named), "named": named, "truth": truth, "expected": expected and expected[0]})
        lines[-1]["inside"] = low <= truth <= high
    return pd.DataFrame(lines, index=pd.RangeIndex(1, num_days + 1))


def summarise(runs: list[pd.DataFrame], onset: int) -> str:
    """Return the cells of a line: delays, false alarms a month, expected and true accuracy, what alarmed first."""
    delays, num_false, num_calm, first_named = [], 0, 0, []
    for days in runs:
        num_false += int(days.loc[: onset - 1, "alarm"].sum())
        num_calm += min(onset - 1, len(days))
        later = days.loc[onset:]
        hits = later.index[later["alarm"]]
        delays.append(float(hits[0] - onset) if len(hits) else np.inf)
        first_named += sorted(days.loc[hits[0], "named"]) if len(hits) else []
    last = pd.concat([days.loc[max(onset, len(days) - 14) :] if onset <= len(days) else days for days in runs])
    told = (
        ", ".join(f"{delay:.0f}" if np.isfinite(delay) else "never" for delay in delays)
        if onset <= len(runs[0])
        else "-"
    )
    most = pd.Series(first_named, dtype=object).value_counts().index[:2].tolist()
    means = last[["expected", "truth"]].astype(float).mean()
    off = (last["expected"].astype(float) - last["truth"]).abs().mean()
    return (
        f"{told} | {num_false / num_calm * 30:.2f} | {means['expected']:.3f} | {means['truth']:.3f} | {off:.3f} | "
        f"{last['inside'].mean():.0%} | {', '.join(most) or '-'}"
    )


def main() -> None:
    """Watch both champions in all worlds with every seed, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("intents", type=Path)
    parser.add_argument("flights", type=Path)
    parser.add_argument("--cache", type=Path, default=ROOT / ".bench" / "watching")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--days", type=int, default=90)
    options = parser.parse_args()
    makers: dict[str, Callable[[], Case]] = {
        "flights": lambda: make_table(options.flights),
        "intents": lambda: make_texts(options.intents, options.cache),
    }
    print(
        "rows | world | days to the alarm | false alarms a month | expected | true | mean error | inside | first named"
    )
    for name, make in makers.items():
        case = make()
        for world in WORLDS:
            onset = {"calm": options.days + 1, "restless": options.days + 1, "slow": SLOW_ONSET}.get(world, ONSET)
            runs = [watch(case, world, options.days, seed) for seed in range(options.seeds)]
            print(f"{name} | {world} | {summarise(runs, onset)}", flush=True)


def _answers(model: Any, given: Any, classes: NDArray[Any], labels: pd.Series) -> pd.DataFrame:
    probabilities = model.predict_proba(given)
    answers = np.asarray(classes, dtype=object)[probabilities.argmax(axis=1)]
    return pd.DataFrame(
        {ANSWER: answers, CONFIDENCE: probabilities.max(axis=1), "label": labels.to_numpy(dtype=object)}
    )


def _others(case: Case, world: str, day: int) -> tuple[pd.DataFrame, float]:
    """Return what takes the place of some rows on a day, and their share."""
    if world == "slow":
        return case.strange, 0.3 * max(0, day - SLOW_ONSET + 1) / (90 - SLOW_ONSET + 1)
    if day < ONSET:
        return case.strange, 0.0
    return {"sudden": (case.strange, STRANGE), "broken": (case.broken, 1.0)}.get(world, (case.strange, 0.0))


def _cached(path: Path, texts: list[str]) -> NDArray[np.float32]:
    if not path.is_file():
        path.parent.mkdir(parents=True, exist_ok=True)
        np.save(path, embed(texts))
    found: NDArray[np.float32] = np.load(path)
    return found


if __name__ == "__main__":
    main()
