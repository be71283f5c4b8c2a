"""The command `thawline compare`."""

from flows.environment import orchestration_errors
from flows.options import JsonOption, SetOption, WorkspaceOption, open_workspace, print_json
from flows.temporary_server import start_server
from thawline.garbage import importing


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
    place = open_workspace(workspace)
    from thawline.params_file import load_params

    load_params(place, overrides or ())  # a wrong param is said before anything slow starts
    server = start_server()
    with importing():
        from flows.compare import compare as compare_approaches
        from flows.tables import print_comparison

    with orchestration_errors(server):
        result = compare_approaches(place.root, tuple(overrides or ()))
    print_comparison(result)
    if as_json:
        print_json(result.model_dump(mode="json"))
