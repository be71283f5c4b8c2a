"""The command `thawline schedule`."""

from flows.terminal.options import JsonOption, SetOption, WorkspaceOption, open_workspace, print_json


def schedule(
    workspace: WorkspaceOption = None,
    overrides: SetOption = None,
    as_json: JsonOption = False,
) -> None:
    """Print the phases in which the encoder would unfreeze: a table, and YAML to edit and pass back.

    The YAML goes below `train` in params.yaml, which then follows it as it stands (policy 'explicit'). Of policy 'auto'
    a run takes the head and one of the others, as deep as pays; `--set train.depth=N` prints these two.

    Example: thawline schedule --set train.policy=gradual > phases.yaml
    """
    place = open_workspace(workspace)
    import sys

    from flows.terminal.result_tables import print_phases
    from tasks.training.phase_plan import plan, write_phases
    from thawline.params.file import load_params

    phases = plan(place, load_params(place, overrides or ()))
    print_phases(phases)
    if as_json:
        print_json({"policy": "explicit", "phases": [phase.model_dump(exclude_none=True) for phase in phases]})
    else:
        sys.stdout.write(write_phases(phases))
