"""What the kept results of each kind of work do not depend on; everything else in the params is part of their key.

A new param or section is in every key until somebody leaves it out here, with the reason. That no step reads what is
left out is proved by running the steps under a recorder (`tests/contract/test_scopes.py`).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from thawline.params import Params

_ELSEWHERE = {
    "arrive": "says when data comes in; what came is in the data version",
    "keep": "says when files go that can be computed again",
    "model.stream": "says where weights are until they run, not what they are: states are the same to the bit",
    "notify": "says who is told",
    "runner": "says where folds are trained, not how: they end at the same bits",
    "schedule": "says when something runs by itself",
    "search.storage": "says where trials are written down",
    "store": "says what is kept of states that come out the same when they are computed anew",
    "tracking": "says where results are recorded",
    "watch": "says what is kept of answers in production",
    "versioning": "says where copies of the data are kept",
}
_LATER = {
    "audit": "says which rows are left out, which the context names",
    "compare": "is read by `thawline compare` alone",
    "export": "is of a model that is trained",
    "gates": "judge a model that is trained",
    "predict": "is of what a trained model gives",
    "search": "ends in params that are a trial's own",
}
_BESIDE = {
    "augment": "changes rows for networks",
    "ft_transformer": "is of networks",
    "model": "is of networks",
    "pretrain": "is of networks",
    "train": "is of networks",
}
_LIMITS = {"validation": "limits what goes in; what passed is in the data version"}
_COMPETITOR = {"baseline": "is of the baselines"}


@dataclass(frozen=True)
class Scope:
    """A kind of work, and which sections and single params its results don't depend on, each with the reason.

    `heeds` are single params of sections left out that matter all the same.
    """

    name: str
    leaves_out: Mapping[str, str]
    heeds: tuple[str, ...] = ()

    def covers(self, param: str) -> bool:
        """Return whether a param, by its dotted name, is part of the key."""
        section = param.partition(".")[0]
        return param in self.heeds or not {section, param} & self.leaves_out.keys()

    def choose(self, params: Params) -> dict[str, Any]:
        """Return the params that are part of the key, as JSON has them."""
        content = params.model_dump(mode="json")
        chosen: dict[str, Any] = {}
        for section, value in content.items():
            if not isinstance(value, dict):
                chosen |= {section: value} if self.covers(section) else {}
            elif kept := {key: item for key, item in value.items() if self.covers(f"{section}.{key}")}:
                chosen[section] = kept
        return chosen

    def narrow(self, params: Params) -> Params:
        """Return the params with those that are no part of the key as they are by default."""
        return Params.model_validate(self.choose(params))


RUN = Scope("run", {**_ELSEWHERE, "compare": _LATER["compare"]})
"""The whole line, to the verdict."""

TRAINING = Scope("training", {**_ELSEWHERE, **_LATER, **_LIMITS, **_COMPETITOR})
BASELINES = Scope("baselines", {**_ELSEWHERE, **_LATER, **_LIMITS, **_BESIDE})
COMPARISON = Scope(
    "comparison", {**_ELSEWHERE, **{name: why for name, why in _LATER.items() if name != "compare"}, **_LIMITS}
)
PROFILE = Scope("profile", {**_ELSEWHERE, **_LATER, **_COMPETITOR})
CHECKS = Scope(
    "checks",
    {
        **_ELSEWHERE,
        **_LATER,
        **_COMPETITOR,
        **{name: why for name, why in _BESIDE.items() if name != "model"},
    },
    heeds=("train.activations", "train.device"),  # rows are looked at as vectors, too
)
ENCODING = Scope(
    "encoding",
    {
        **TRAINING.leaves_out,
        "train": "says how what is encoded is learned from",
        **{f"model.{name}": "is the head's" for name in ("dropout", "head_activation", "head_layers", "head_units")},
    },
    heeds=("model.stream", "train.device"),
)
HEADS = Scope(
    "exact heads",
    ENCODING.leaves_out,
    heeds=(
        *("model.stream", "store.budget_gb"),
        *(f"train.{name}" for name in ("activations", "class_weights", "device", "sampling")),
    ),
)
"""The last two are of no kept results, but of what a process keeps: trials of a search share it."""
