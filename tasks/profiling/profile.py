"""The profile: one page that tells a person what the data is like before anything is trained.

It is made once for a data version and lies in reports/, from where it goes to MLflow with the other reports.
"""

from pathlib import Path

from prefect import task

from expectations.report import ValidationReport
from tasks.caching import step_cache
from tasks.checking.validate import refuse_if_critical, validate_processed
from tasks.edges import FROZEN, ROWS, after, noted
from tasks.versions.dvc_repo import reproduce_data
from tasks.versions.prepare import print_report
from thawline.context import Context, hash_code
from thawline.params import Params
from thawline.params.scopes import PROFILE
from thawline.system.files import write_atomically
from thawline.system.lock import lock_workspace
from thawline.workspace import Workspace

PAGE = "profile.html"


def profile_rows(context: Context) -> Path:
    """Write reports/profile.html for the rows of the context's data version; a page made before is taken again.

    Raises:
        StorageError: No permission, or the disk is full.
    """
    draw = after(draw_profile, noted(FROZEN, ROWS))
    made = Path(draw(context))
    if not made.is_file():  # somebody tidied .thawline
        made = Path(draw_profile.with_options(refresh_cache=True)(context))
    page = context.workspace.reports / PAGE
    write_atomically(page, made.read_bytes())
    return page


@task(name="profile", **step_cache(PROFILE))
def draw_profile(context: Context) -> str:
    """Make the page below .thawline/steps and return its path."""
    from tasks.profiling.page import make_profile

    path = context.directory(PROFILE) / PAGE
    write_atomically(path, make_profile(context, is_stored=True).encode())  # the flow's step before sees to that
    return str(path)


def profile_workspace(workspace: Workspace, params: Params, raw: ValidationReport) -> Path:
    """Write reports/profile.html outside a flow: of the processed rows, or of raw ones where those are refused.

    Args:
        workspace: The caller holds its lock `training`, and hands `params` to the stages.
        params: Of the workspace.
        raw: What validation said of the raw rows.

    Raises:
        DataRefusedError: The processed rows failed a critical check; the page is there all the same.
        DvcError: A stage failed.
    """
    from tasks.profiling.page import make_profile, make_raw_profile

    page = workspace.reports / PAGE
    if raw.critical_failures:
        write_atomically(page, make_raw_profile(workspace, params).encode())
        return page
    with lock_workspace(workspace, "data", wait_s=-1):
        version = reproduce_data(workspace).data_version
    processed = validate_processed(workspace, params, version)
    print_report(processed)
    context = Context(root=workspace.root, params=params, data_version=version, code_version=hash_code())
    write_atomically(page, make_profile(context).encode())
    refuse_if_critical(processed)
    return page
