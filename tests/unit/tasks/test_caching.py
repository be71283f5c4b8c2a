"""Tasks that do I/O are tried again on what may pass, and on nothing else."""

import pytest
from prefect.states import Completed, Failed

from tasks.caching import retry_transient


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
