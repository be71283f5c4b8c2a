"""The command `thawline compare`."""

from flows.terminal.options import JsonOption, SetOption, WorkspaceOption, open_space, print_json


def compare(
    workspace: WorkspaceOption = None,
    overrides: SetOption = None,
    as_json: JsonOption = False,
) -> None:
    """Compare fine-tuning with training from random weights, frozen features and the baseline, over data sizes.

    All learn from the same rows and are scored on the same held-out folds; the test set is not touched, and nothing is
    registered. The table, a picture and a recommendation go to the terminal and to MLflow.

    Example: thawline compare --set compare.num_seeds=3 --set compare.max_seconds=1200
    """
    result = open_space(workspace).compare(*overrides or ()).details
    from flows.terminal.result_tables import print_comparison

    print_comparison(result)
    if as_json:
        print_json(result.model_dump(mode="json"))
