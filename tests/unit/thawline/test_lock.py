"""One run at a time; the lock dies with its process."""

import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from thawline.errors import WorkspaceBusyError
from thawline.lock import lock_workspace
from thawline.workspace import Workspace

HOLD = """
    import sys, time
    from pathlib import Path
    from thawline.lock import lock_workspace
    from thawline.workspace import Workspace
    with lock_workspace(Workspace(Path(sys.argv[1]))):
        print("held", flush=True)
        time.sleep(60)
"""


def test_a_second_process_is_refused_and_a_killed_one_leaves_nothing_behind(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(HOLD), str(tmp_path)], stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline().strip() == "held"
        with (
            pytest.raises(WorkspaceBusyError, match=f"process {holder.pid}"),
            lock_workspace(Workspace(tmp_path)),
        ):
            pytest.fail("the workspace was held twice")
        holder.kill()
        holder.wait()
    with lock_workspace(Workspace(tmp_path)):
        pass
