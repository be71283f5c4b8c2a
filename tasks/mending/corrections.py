"""Answers into the data and out of it again; call these under the lock `data`.

A change is one file that appears in data/raw by one renaming, so that a kill leaves all of it or nothing, and who hands
the same answers over once more changes nothing: what stands already is left out.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd

from expectations.report import ValidationReport
from modalities import get_modality
from tasks.checking.validate import validate_mended
from tasks.ingest import raw_files, read_corrections, read_files
from tasks.split import read_ledger
from tasks.versions.raw_data import remove_raw_file, track_raw_files
from thawline.errors import DataRefusedError, UsageError
from thawline.mending.answer_files import Line, read_answers
from thawline.mending.corrections import Answer, Correction, apply_corrections, opinions, settle
from thawline.params import Params
from thawline.params.file import nearest
from thawline.rows.row_ids import row_ids
from thawline.system.files import write_lastingly
from thawline.workspace import Workspace

NUM_NAMED = 10
MAX_NAME = 100


@dataclass(frozen=True)
class Applied:
    """What became of answers that were handed over.

    `correction` is None where nothing was new, or where a critical check of `report` failed: then nothing has changed.
    `contested` names rows that people answer differently, `unknown` row ids that the data does not have any more.
    """

    correction: Correction | None
    report: ValidationReport | None
    num_standing: int
    contested: tuple[str, ...]
    unknown: tuple[str, ...]


def apply_answers(workspace: Workspace, params: Params, path: Path, *, by: str) -> Applied:
    """Take a person's answers into the data, if its rows still pass their checks with them.

    Args:
        workspace: Whose data.
        params: How it is read and checked.
        path: As the page saved it, or as `thawline.mending.answer_files` says.
        by: Who answers.

    Raises:
        UsageError: The file holds no answers that can be understood, or a label that the data does not have.
        DataRefusedError: data/raw holds no data, or a file of corrections in it is broken.
        StorageError: No permission or no space.
        DvcError: DVC refused.
    """
    by = " ".join(by.split())
    if not by or len(by) > MAX_NAME:
        raise UsageError(f"--by {by[:MAX_NAME]!r}: give the name of who answers, at most {MAX_NAME} characters")
    lines = read_answers(path)
    if not lines:
        raise UsageError(f"{path} holds no answer: the columns answer and label are empty in all of its lines")
    known = read_corrections(workspace.raw)
    rows = _read_rows(workspace, params)
    answers = _answers(lines, rows, workspace, params)
    _refuse_unknown_labels(answers, rows, known)
    before = opinions(known)
    new = [one for one in answers if any(_is_new(one, before.get((by, row_id))) for row_id in one.row_ids)]
    found = {one.row_ids[0] for one in answers}
    unknown = tuple(line.row_id for line in lines if line.row_id not in found)
    correction = _correction(new, lines, by=by) if new else None
    after = [*known, correction] if correction else known
    settled = settle(after)
    report = None
    if correction is not None:
        report = validate_mended(apply_corrections(rows, settled).drop(columns="row_id"), workspace, params)
        if report.critical_failures:
            correction = None
        else:
            write_lastingly(
                workspace.raw / correction.file_name, (correction.model_dump_json(indent=1) + "\n").encode()
            )
    track_raw_files(workspace)  # also of one who was killed before
    return Applied(
        correction=correction,
        report=report,
        num_standing=len(answers) - len(new),
        contested=_name_contested(settled.contested, only={row_id for one in answers for row_id in one.row_ids}),
        unknown=unknown,
    )


def undo(workspace: Workspace, name: str, *, reason: str) -> tuple[Correction, Path | None]:
    """Take a change back: its file goes to data/quarantine, with the reason beside it.

    Args:
        workspace: Whose data.
        name: Beginning of the change's id.
        reason: Why.

    Returns:
        The change, and where its file is now.

    Raises:
        UsageError: No change, or several, begin so.
        StorageError: No permission.
    """
    known = read_corrections(workspace.raw)
    found = [one for one in known if name and one.id.startswith(name)]
    if len(found) != 1:
        near = ", ".join(f"{one.id} ({one.created[:10]} by {one.by})" for one in known[-NUM_NAMED:]) or "none"
        raise UsageError(f"{name!r} {'begins several changes' if found else 'is no change'}; there are: {near}")
    return found[0], remove_raw_file(workspace, found[0].file_name, reason)


def _read_rows(workspace: Workspace, params: Params) -> pd.DataFrame:
    """Return the raw rows, with their ids and the labels that they arrived with."""
    files = raw_files(workspace)
    if not files:
        raise DataRefusedError(f"{workspace.raw} holds no data, so no label of it can be mended")
    modality = get_modality(params.modality)
    rows = read_files(files, params, modality)
    return rows.assign(row_id=row_ids(modality.canonical(rows)))


def _answers(lines: Sequence[Line], rows: pd.DataFrame, workspace: Workspace, params: Params) -> list[Answer]:
    """Return what is said of rows that the data has.

    Rows of the same content but for trifles go along: of one mail under two labels both would else be left out. A test
    row never does.
    """
    split = read_ledger(workspace)
    parts = dict(zip(split["row_id"], split["split"], strict=True))
    modality = get_modality(params.modality)
    normalised = modality.normalised(modality.prepare(rows, params)[0])
    same = rows["row_id"].groupby(normalised.to_numpy()).unique()
    first = rows.assign(content=normalised.to_numpy()).drop_duplicates("row_id").set_index("row_id")
    found = []
    for line in lines:
        if line.row_id not in first.index:
            continue
        content = first["content"][line.row_id]
        others = [one for one in same[content] if one != line.row_id and parts.get(one) != "test"] if content else []
        found.append(
            Answer(
                row_ids=(line.row_id, *others),
                source=str(first["source"][line.row_id]),
                source_row=int(first["source_row"][line.row_id]),
                part=parts.get(line.row_id, "new"),
                given=line.given,
                answer="label" if line.answer == "keep" else line.answer,
                label=line.label,
                comment=line.comment,
                reasons=line.reasons,
            )
        )
    return found


def _is_new(answer: Answer, before: Answer | None) -> bool:
    return before is None or (answer.answer, answer.label) != (before.answer, before.label)


def _correction(answers: Sequence[Answer], lines: Sequence[Line], *, by: str) -> Correction:
    reviews = dict.fromkeys(line.review for line in lines if line.review)
    now = datetime.now(UTC).isoformat(timespec="milliseconds")
    return Correction(created=now, by=by, review=", ".join(reviews), answers=tuple(answers))


def _refuse_unknown_labels(answers: Sequence[Answer], rows: pd.DataFrame, known: Sequence[Correction]) -> None:
    """Refuse a label that no row has: it would be a class of its own, most likely by a slip of the pen."""
    given = {answer.label for one in known for answer in one.answers if answer.label}
    labels = sorted({*rows["label"].dropna(), *given})
    wrong = [answer for answer in answers if answer.answer == "label" and answer.label not in labels]
    if wrong:
        near = nearest(wrong[0].label, labels)
        hint = f"did you mean {near!r}? " if near else ""
        raise UsageError(
            f"row {wrong[0].row_ids[0]}: {wrong[0].label!r} is no label of the data; {hint}there are: "
            f"{', '.join(labels)}"
        )


def _name_contested(contested: Mapping[str, Mapping[str, Answer]], *, only: set[str]) -> tuple[str, ...]:
    named = {
        f"{answer.source} row {answer.source_row}": ", ".join(f"{person}: {one.says}" for person, one in said.items())
        for row_id, said in contested.items()
        for answer in said.values()
        if row_id in only and row_id == answer.row_ids[0]
    }
    return tuple(f"{place} ({said})" for place, said in named.items())
