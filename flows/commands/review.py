"""The commands `thawline review ...`: which rows a person should look at, and what is made of the answers."""

from pathlib import Path
from typing import Annotated

import typer

from flows.terminal.options import JsonOption, WorkspaceOption, open_workspace, pass_on, print_json
from thawline.system.console import reply

app = typer.Typer(invoke_without_command=True)


@app.callback(invoke_without_command=True)
def review(
    context: typer.Context,
    num: Annotated[int, typer.Option("--num", "-n", metavar="N", min=1, help="At most so many training rows.")] = 200,
    num_test: Annotated[
        int, typer.Option("--test", metavar="N", min=0, help="And so many test rows that the champion has wrong.")
    ] = 0,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Write a page with the rows that most need a person: labels that look wrong, mistakes, doubts, odd arrivals.

    reports/review/page.html needs no server: answer by keys, save, and hand the file to `thawline review apply`.
    rows.csv and tasks.json beside it hold the same rows for a spreadsheet and for Label Studio. Rows that are answered
    are not asked about again.

    Example: thawline review -n 100
    """
    if context.invoked_subcommand is not None:
        pass_on(context, workspace=workspace, as_json=as_json)
        return
    place = open_workspace(workspace)
    from collections import Counter

    from targets import require_classes
    from tasks.mending.questions import gather_questions
    from tasks.mending.review_files import write_review
    from tasks.tracking.runs import open_tracking
    from thawline.page.parts import count
    from thawline.params.file import load_params

    params = load_params(place)
    require_classes(params, "`thawline review`")
    questions = gather_questions(place, params, open_tracking(place, params), num=num, num_test=num_test)
    paths = write_review(place, params.name, questions)
    reasons = Counter(reason for row in questions.rows for reason in row.reasons)
    told = ", ".join(f"{reason}: {number:,}" for reason, number in reasons.most_common())
    reply.print(f"{count(len(questions.rows), 'row')} to look at ({told})", markup=False)
    if questions.left_out:
        reply.print(questions.left_out, markup=False)
    reply.print(f"Open {paths['page']}, answer, save, then: thawline review apply FILE --by NAME", markup=False)
    if as_json:
        print_json(
            {
                "rows": len(questions.rows),
                "reasons": dict(reasons),
                "run_id": questions.run_id,
                **{kind: str(path) for kind, path in paths.items()},
            }
        )


@app.command("apply")
def apply_file(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The answers, as the page saved them.")],
    by: Annotated[str, typer.Option("--by", metavar="NAME", help="Who answers.")],
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Take answers into the data: a recorded change, under the same checks; accepted files stay as they arrived.

    The same answers once more change nothing. Where two people answer differently, the row is named and stays as it
    arrived until they agree. Exit code 3 if the data would not pass its checks; then nothing changes.

    Example: thawline review apply answers-1a2b3c4d.csv --by anna
    """
    place = open_workspace(workspace)
    from targets import require_classes
    from tasks.checking.validate import refuse_if_critical
    from tasks.mending.corrections import apply_answers
    from tasks.versions.prepare import print_report
    from thawline.mending.tally import tally
    from thawline.params.file import load_params
    from thawline.system.lock import WAIT_S, lock_workspace

    params = load_params(place)
    require_classes(params, "`thawline review`")
    with lock_workspace(place, "data", wait_s=WAIT_S):
        applied = apply_answers(place, params, file, by=by)
    if applied.report is not None:
        print_report(applied.report, reply)
        refuse_if_critical(applied.report)
    made = applied.correction
    if made is None:
        reply.print(f"nothing new: all {applied.num_standing:,} answers stand already")
    else:
        reply.print(f"change {made.id} by {made.by}: {tally([made]).sentence()}", markup=False)
        reply.print(f"`thawline run` goes on with it; `thawline review undo {made.id}` takes it back", markup=False)
    for row in applied.contested:
        reply.print(f"contested, left as it arrived: {row}", style="yellow", markup=False)
    if applied.unknown:
        reply.print(
            f"{len(applied.unknown):,} rows are not in the data: {', '.join(applied.unknown[:10])}", markup=False
        )
    if as_json:
        print_json(
            {
                "change": made.id if made else None,
                "tally": tally([made]).model_dump() if made else None,
                "standing": applied.num_standing,
                "contested": list(applied.contested),
                "unknown": list(applied.unknown),
            }
        )


@app.command("undo")
def undo_change(
    change: Annotated[str, typer.Argument(metavar="ID", help="Beginning of the change's id, see `review changes`.")],
    reason: Annotated[
        str, typer.Option("--reason", metavar="TEXT", help="Why; kept beside the change.")
    ] = "taken back",
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Take a change of labels back; it goes to data/quarantine, and the rows are again as they were without it.

    Example: thawline review undo 1a2b3c4d --reason "answered in a hurry"
    """
    place = open_workspace(workspace)
    from tasks.mending.corrections import undo
    from thawline.system.lock import WAIT_S, lock_workspace

    with lock_workspace(place, "data", wait_s=WAIT_S):
        taken, kept = undo(place, change, reason=reason)
    reply.print(f"change {taken.id} by {taken.by} is taken back; `thawline run` goes on without it", markup=False)
    if as_json:
        print_json({"change": taken.id, "kept": str(kept) if kept else None})


@app.command()
def changes(workspace: WorkspaceOption = None, as_json: JsonOption = False) -> None:
    """List the changes of labels that stand, the newest last: when, by whom, and how many.

    Example: thawline review changes
    """
    place = open_workspace(workspace)
    from tasks.ingest import read_corrections
    from thawline.mending.tally import tally

    known = read_corrections(place.raw)
    for one in known:
        reply.print(f"{one.id}  {one.created[:19]}  {one.by}: {tally([one]).sentence()}", markup=False)
    reply.print(f"together: {tally(known).sentence()}" if known else "nobody has changed labels yet", markup=False)
    if as_json:
        listed = [{"id": one.id, **one.model_dump(mode="json")} for one in known]
        print_json({"changes": listed, "tally": tally(known).model_dump() if known else None})
