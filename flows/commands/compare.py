"""The command `thawline compare`."""

from typing import Annotated, Any

import typer

from flows.terminal.options import JsonOption, SetOption, WorkspaceOption, open_space, print_json

EncoderOption = Annotated[
    list[str] | None,
    typer.Option(
        "--encoder", "-e", metavar="NAME", help="Compare this encoder, named as in model.encoder; may be repeated."
    ),
]
FormatOption = Annotated[
    list[str] | None,
    typer.Option(
        "--frozen-dtype", metavar="FORMAT", help="Compare this format, as in model.frozen_dtype; may be repeated."
    ),
]
StagedOption = Annotated[
    bool, typer.Option("--staged", help="Of encoders or formats: also train the best encoder in stages, in every fold.")
]


def compare(
    workspace: WorkspaceOption = None,
    encoders: EncoderOption = None,
    formats: FormatOption = None,
    staged: StagedOption = False,
    overrides: SetOption = None,
    as_json: JsonOption = False,
) -> None:
    """Compare fine-tuning with training from random weights, frozen features and the baseline, over data sizes.

    All learn from the same rows and are scored on the same held-out folds; the test set is not touched, and nothing is
    registered. The table, a picture and a recommendation go to the terminal and to MLflow.

    With --encoder it compares encoders instead, each left frozen under the exact head, with the one in use: which
    suits the data, and what it costs. With --frozen-dtype it compares formats of their frozen layers. --staged adds
    what staged training makes of the best encoder, which takes as long as the folds of a run.

    Example: thawline compare --set compare.num_seeds=3 --set compare.max_seconds=1200

    Example: thawline compare --encoder mpnet --encoder /models/e5-base --staged

    Example: thawline compare --frozen-dtype bfloat16 --frozen-dtype int8
    """
    chosen: Any = {"encoders": encoders or (), "formats": formats or (), "staged": staged}
    result = open_space(workspace).compare(*overrides or (), **chosen).details
    from flows.terminal.result_tables import print_compared_encoders, print_comparison

    if encoders or formats or staged:
        print_compared_encoders(result)
    else:
        print_comparison(result)
    if as_json:
        print_json(result.model_dump(mode="json"))
