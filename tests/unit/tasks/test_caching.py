"""Tasks that do I/O are tried again on what may pass, and on nothing else; half a result is none."""

from pathlib import Path

import pytest
from prefect.filesystems import LocalFileSystem
from prefect.results import ResultStore
from prefect.serializers import JSONSerializer
from prefect.states import Completed, Failed

from tasks.caching import remove_half_written, retry_transient
from thawline.workspace import Workspace


class PassingError(Exception):
    """May pass."""


@pytest.mark.parametrize(
    ("state", "again"),
    [
        pytest.param(Failed(data=PassingError("busy")), True, id="a transient error"),
        pytest.param(Failed(data=ValueError("wrong")), False, id="another error"),
        pytest.param(Completed(data=1), False, id="no error"),
    ],
)
def test_only_the_named_errors_are_tried_again(state: object, again: bool) -> None:
    condition = retry_transient(PassingError)["retry_condition_fn"]
    assert condition(None, None, state) is again


@pytest.mark.parametrize("share", [0.0, 0.5, 1.0])
def test_a_result_that_was_cut_off_is_computed_again_and_a_whole_one_is_taken(tmp_path: Path, share: float) -> None:
    workspace = Workspace(tmp_path)
    results = LocalFileSystem(basepath=str(workspace.state / "results"))
    ResultStore(result_storage=results, serializer=JSONSerializer()).write({"score": 0.5}, key="fold")
    path = workspace.state / "results" / "fold"
    whole = path.read_bytes()
    path.write_bytes(whole[: int(share * len(whole))])
    store = ResultStore(result_storage=results, serializer=JSONSerializer())  # which remembers nothing
    if share < 1:
        with pytest.raises(ValueError, match=r"JSON|line 1 column|Expecting"):  # what Prefect would do at every run
            store.read(key="fold")
    assert remove_half_written(workspace) == (1 if share < 1 else 0)
    assert store.exists(key="fold") is (share == 1)
