"""What a fold is given on Ray is what the params say."""

import pytest
from prefect_ray.context import RemoteOptionsContext

from flows.runners import NODE_DEATHS, _resources
from thawline.errors import ParamsError
from thawline.params.file import parse_params


def test_a_fold_on_ray_is_given_its_processors_and_begun_anew_where_a_node_dies() -> None:
    runner = {"kind": "ray", "cpus_per_task": 4, "gpus_per_task": 0.5}
    with _resources(parse_params({"name": "x", "runner": runner})):
        given = RemoteOptionsContext.get().current_remote_options
    assert given == {"num_cpus": 4.0, "num_gpus": 0.5, "max_retries": NODE_DEATHS}


def test_elsewhere_nothing_is_given() -> None:
    with _resources(parse_params({"name": "x"})):
        assert RemoteOptionsContext.get().current_remote_options == {}


@pytest.mark.parametrize("number", [0, -1])
def test_a_fold_without_a_processor_is_refused(number: int) -> None:
    with pytest.raises(ParamsError, match=r"runner\.cpus_per_task"):
        parse_params({"name": "x", "runner": {"cpus_per_task": number}})
