"""Params of where folds are trained."""

from typing import Literal

from pydantic import Field

from thawline.params.section import Section


class Runner(Section):
    """Where the folds are trained; the results are the same."""

    kind: Literal["local", "process", "ray"] = Field(
        "local", description="One fold after another here, in processes of this machine, or on a Ray cluster."
    )
    num_workers: int = Field(2, ge=1, le=1024, description="Folds that are trained at the same time ('process').")
    address: str | None = Field(
        None,
        description="Address of the Ray cluster: HOST:6379 from one of its nodes, ray://HOST:10001 from elsewhere, or "
        "auto. All nodes need this installation and the workspace under the same path. Unset: one is started here.",
    )
    cpus_per_task: float = Field(
        1.0, gt=0, le=1024, description="Processors that a fold is given on Ray: so many fewer folds share a node."
    )
    gpus_per_task: float = Field(0.0, ge=0, description="GPUs that a fold is given on Ray; parts of one are possible.")
