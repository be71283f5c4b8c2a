"""The rows that a person is asked about: by the champion's out-of-fold probabilities, and what has arrived since.

Test rows are not among them unless they are asked for: looking only at a model's mistakes there, and mending those,
would make it look better than it is.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from mlflow.entities import Run
from numpy.typing import NDArray

from modalities import get_modality
from tasks.arriving.arrival_records import list_records
from tasks.checking.encode_rows import embed
from tasks.ingest import read_corrections
from tasks.judging.champion import find_champion
from tasks.judging.past_runs import find_run
from tasks.reports.evaluation_report import picture
from tasks.reports.out_of_fold import load_out_of_fold, probability_columns
from tasks.tracking.runs import Tracking, download
from thawline.errors import UsageError
from thawline.formats.frames import read_frame
from thawline.mending.corrections import settle
from thawline.mending.worth import MISTAKE, Guesses, rank_questions
from thawline.params import Params
from thawline.rows.novelty import nearest_places, novelty
from thawline.workspace import Workspace

NUM_NEIGHBOURS = 3
MAX_CHARS = 4000
MAX_REFERENCE = 20_000
"""Of more training rows, neighbours are looked for among so many."""
MAX_COMPARED = 5000
"""Of more old or fresh rows, so many say how far from the old ones the fresh ones lie."""


@dataclass(frozen=True)
class Neighbour:
    """A training row that lies near: its label, and itself in a line."""

    label: str
    text: str


@dataclass(frozen=True)
class Question:
    """One row as a person is asked about it; `picture` is a data URL, '' where there is none.

    `given_probability` and `probability` (of the suggested label) are by a model that did not see the row, 0 to 1; None
    where it has not said.
    """

    row_id: str
    part: str
    source: str
    source_row: int
    text: str
    picture: str
    given: str
    suggested: str
    given_probability: float | None
    probability: float | None
    worth: float
    reasons: tuple[str, ...]
    neighbours: tuple[Neighbour, ...] = ()


@dataclass(frozen=True)
class Questions:
    """The rows asked about, the worthiest first, all labels, the run whose guesses these are, and what is lacking."""

    rows: tuple[Question, ...]
    labels: tuple[str, ...]
    run_id: str
    left_out: str = ""


def gather_questions(workspace: Workspace, params: Params, tracking: Tracking, *, num: int, num_test: int) -> Questions:
    """Return the rows most worth a person's look that nobody has answered yet.

    Args:
        workspace: Whose rows, as the last run's stages made them.
        params: How they are shown, and by which encoder they become vectors.
        tracking: Where the champion's run is.
        num: At most so many training rows.
        num_test: At most so many test rows besides, those that the champion has wrong and is surest of.

    Raises:
        UsageError: No run has left out-of-fold probabilities yet, or all rows are answered.
    """
    run = _champion_run(tracking, params.name)
    table = load_out_of_fold(tracking, run)
    if table is None or not workspace.train_rows.is_file():
        raise UsageError("no run has guessed the rows yet; `thawline run` does, then ask again")
    train = read_frame(workspace.train_rows)
    classes = sorted({*train["label"], *probability_columns(table).values()})
    is_fresh = _is_fresh(workspace, train, table)
    answered = settle(read_corrections(workspace.raw)).standing
    open_rows = train[~train["row_id"].isin(answered)].reset_index(drop=True)
    far, left_out = _novelty(train, is_fresh, params, workspace)
    distances = np.array([far.get(row_id, np.nan) for row_id in open_rows["row_id"]], dtype=np.float64)
    asked = rank_questions(_guesses(open_rows, table, classes), num=num, novelty=distances)
    rows, asked = open_rows.iloc[asked["row"]], asked.assign(part="train")
    if num_test:
        test, wrong = _test_mistakes(workspace, tracking, run, answered)
        rows = pd.concat([rows, test[:num_test]], ignore_index=True)
        asked = pd.concat([asked, wrong[:num_test]], ignore_index=True)
    if not len(rows):
        raise UsageError("no row looks as if it needed a person; ask again after the next run")
    near = () if left_out else _neighbours(train, rows, params, workspace)
    return Questions(_questions(rows, asked, near, params), tuple(classes), run.info.run_id, left_out)


def _champion_run(tracking: Tracking, name: str) -> Run:
    """Return the run of the champion, or the latest where there is none."""
    version = find_champion(tracking, name)
    run_id = None if version is None else tracking.client.get_model_version(name, version).run_id
    return tracking.client.get_run(run_id) if run_id else find_run(tracking, "latest")


def _guesses(rows: pd.DataFrame, table: pd.DataFrame, classes: list[str]) -> Guesses:
    """Return the probabilities of rows: NaN for those that the run has not guessed, 0 for classes it did not know."""
    columns = probability_columns(table)
    found = table.drop_duplicates("row_id").set_index("row_id")[list(columns)].reindex(rows["row_id"])
    known = found.rename(columns=columns)
    probabilities = known.reindex(columns=classes).fillna(0.0).mask(known.isna().all(axis=1), np.nan)
    labels = np.array([classes.index(label) for label in rows["label"]], dtype=np.int64)
    return Guesses(labels, np.asarray(probabilities, dtype=np.float64), classes)


def _is_fresh(workspace: Workspace, train: pd.DataFrame, table: pd.DataFrame) -> NDArray[np.bool_]:
    """Say which training rows came with the newest arrival, or after the run; none where nothing came before."""
    arrivals = sorted((one.arrived, one.kept_as) for one in list_records(workspace) if one.state == "accepted")
    newest = arrivals[-1][1] if arrivals else ""
    fresh = ((train["source"] == newest) | ~train["row_id"].isin(table["row_id"])).to_numpy(bool)
    return fresh if not fresh.all() else np.zeros(len(train), dtype=bool)


def _novelty(
    train: pd.DataFrame, is_fresh: NDArray[np.bool_], params: Params, workspace: Workspace
) -> tuple[dict[str, float], str]:
    """Return how far fresh rows lie from older ones, by row id, and why no vectors can be had ('' where they can)."""
    rng = np.random.default_rng(params.seed)
    new, old = (rng.permutation(np.flatnonzero(which))[:MAX_COMPARED] for which in (is_fresh, ~is_fresh))
    if not params.validation.embedding:
        return {}, "no neighbours: validation.embedding is false"
    if not len(new):
        return {}, ""
    try:
        vectors = embed(train.iloc[np.concatenate([old, new])], params, workspace)
    except UsageError as error:
        return {}, f"no neighbours: {error}"
    distances = novelty(vectors[: len(old)], vectors[len(old) :])
    return dict(zip(train["row_id"].iloc[new], distances.tolist(), strict=True)), ""


def _test_mistakes(
    workspace: Workspace, tracking: Tracking, run: Run, answered: Mapping[str, object]
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return test rows that the champion has wrong, the surest first, and what is asked about them."""
    wrong = pd.read_json(download(tracking, run, "tables/mistakes.json"), orient="split", dtype=False)
    test = read_frame(workspace.test_rows).set_index("row_id", drop=False)
    wrong = wrong[wrong["row_id"].isin(test["row_id"]) & ~wrong["row_id"].isin(answered)]
    rows = test.loc[wrong["row_id"]]
    is_open = rows["label"].to_numpy() != wrong["predicted"].to_numpy()
    asked = pd.DataFrame(
        {
            "part": "test",
            "worth": 0.0,
            "reasons": pd.Series([(MISTAKE,)] * len(wrong), index=wrong.index, dtype=object),
            "given": rows["label"].to_numpy(),
            "suggested": wrong["predicted"],
            "given_probability": np.nan,
            "probability": wrong["probability"],
        }
    )
    return rows[is_open], asked[is_open]


def _neighbours(
    train: pd.DataFrame, asked: pd.DataFrame, params: Params, workspace: Workspace
) -> list[tuple[Neighbour, ...]]:
    """Return the training rows nearest to each row asked about; a table's features are scaled over both together."""
    drawn = np.random.default_rng(params.seed).permutation(len(train))[:MAX_REFERENCE]
    reference = train.iloc[drawn]
    both = pd.concat([reference, asked], ignore_index=True, join="inner")
    vectors = embed(both, params, workspace)
    known, new = vectors[: len(reference)], vectors[len(reference) :]
    places = nearest_places(known, new, num=NUM_NEIGHBOURS + 1)
    said = get_modality(params.modality).excerpt(reference).tolist()
    ids, labels = reference["row_id"].tolist(), reference["label"].tolist()
    own = asked["row_id"].tolist()
    return [
        tuple(Neighbour(labels[one], said[one]) for one in near if ids[one] != own[row])[:NUM_NEIGHBOURS]
        for row, near in enumerate(places.tolist())
    ]


def _questions(
    rows: pd.DataFrame, asked: pd.DataFrame, near: Sequence[tuple[Neighbour, ...]], params: Params
) -> tuple[Question, ...]:
    """Return each row as it is asked about; `asked` has a line for each of `rows`."""
    shown = get_modality(params.modality).show(rows)
    places = rows[["row_id", "source", "source_row"]].to_dict("records")
    found = []
    for number, (place, line, each) in enumerate(zip(places, asked.to_dict("records"), shown, strict=True)):
        found.append(
            Question(
                row_id=str(place["row_id"]),
                part=line["part"],
                source=str(place["source"]),
                source_row=int(place["source_row"]),
                text=each.text[:MAX_CHARS] + ("…" if len(each.text) > MAX_CHARS else ""),
                picture=picture(each.image) or "",
                given=line["given"],
                suggested=line["suggested"],
                given_probability=_known(line["given_probability"]),
                probability=_known(line["probability"]),
                worth=line["worth"],
                reasons=tuple(line["reasons"]),
                neighbours=near[number] if near else (),
            )
        )
    return tuple(found)


def _known(value: float) -> float | None:
    return None if pd.isna(value) else float(value)
