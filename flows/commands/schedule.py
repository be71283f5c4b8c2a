"""The command `thawline schedule`."""

from flows.options import JsonOption, SetOption, WorkspaceOption, open_workspace, print_json


def schedule(
    workspace: WorkspaceOption = None,
    overrides: SetOption = None,
    as_json: JsonOption = False,
) -> None:
    """Print the phases in which the encoder would unfreeze: a table, and YAML to edit and pass back.

    The YAML goes below `train` in params.yaml, which then follows it as it stands (policy 'explicit').

    Example: thawline schedule --set train.policy=gradual > phases.yaml
    """
    place = open_workspace(workspace)
    import sys

    from flows.tables import print_schedule
    from tasks.schedule import plan, write_schedule
    from thawline.params_file import load_params

    phases = plan(place, load_params(place, overrides or ()))
    print_schedule(phases)
    if as_json:
        print_json({"policy": "explicit", "phases": [phase.model_dump(exclude_none=True) for phase in phases]})
    else:
        sys.stdout.write(write_schedule(phases))
