"""What reading from one tracking store leaves to the next workspace of the process: nothing."""

import os
from pathlib import Path

import pytest
from mlflow.exceptions import MlflowException

from tasks.tracking import load_registered, open_tracking, tracking_uri
from thawline.params import Params
from thawline.workspace import Workspace


@pytest.mark.parametrize("given", [None, "http://127.0.0.1:5000"])
def test_loading_a_model_leaves_the_address_of_the_environment_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, given: str | None
) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    params, other = Params.model_validate({"name": "mails"}), Workspace(tmp_path / "other")
    tracking = open_tracking(Workspace(tmp_path / "one"), params)
    if given:
        monkeypatch.setenv("MLFLOW_TRACKING_URI", given)
    expected = tracking_uri(other, params)
    with pytest.raises(MlflowException, match="mails"):
        load_registered(tracking.uri, "mails/1")
    assert os.environ.get("MLFLOW_TRACKING_URI") == given
    assert tracking_uri(other, params) == expected
