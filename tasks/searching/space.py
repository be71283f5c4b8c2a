"""The space of a search: from params to what Optuna draws from, and a grid of it."""

import itertools
from collections.abc import Mapping
from operator import attrgetter
from typing import Any

import numpy as np
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution

from thawline.errors import ParamsError
from thawline.params import Params
from thawline.params.search import Dimension, Search

GRID_POINTS = 3
"""Values of a span in a grid."""


def distributions(search: Search) -> dict[str, BaseDistribution]:
    """Return the space as Optuna has it, whole numbers where the param is one.

    Raises:
        ParamsError: A span for a param that is no number, or with bounds that are not whole for one that is.
    """
    return {name: _distribution(name, dimension) for name, dimension in sorted(search.space.items())}


def current_values(params: Params, names: Mapping[str, Any]) -> dict[str, Any]:
    """Return the params' own values of some names."""
    return {name: attrgetter(name)(params) for name in names}


def grid(space: Mapping[str, BaseDistribution], params: Params) -> list[dict[str, Any]]:
    """Return every combination but that of the params as they stand, in an order that the seed gives."""
    points = [_points(params.search.space[name], one) for name, one in space.items()]
    combinations = [dict(zip(space, values, strict=True)) for values in itertools.product(*points)]
    own = current_values(params, space)
    order = np.random.default_rng(params.seed).permutation(len(combinations))
    return [combinations[place] for place in order if combinations[place] != own]


def _points(dimension: Dimension, one: BaseDistribution) -> list[Any]:
    if dimension.choices:
        return list(dimension.choices)
    assert dimension.low is not None and dimension.high is not None  # noqa: S101, PT018 - a span has both
    space = np.geomspace if dimension.log else np.linspace
    values = space(dimension.low, dimension.high, GRID_POINTS).clip(dimension.low, dimension.high).tolist()
    return sorted({round(value) for value in values}) if isinstance(one, IntDistribution) else values


def _distribution(name: str, dimension: Dimension) -> BaseDistribution:
    if dimension.choices:
        return CategoricalDistribution(dimension.choices)
    section: Any = Params
    for part in name.split("."):
        section = section.model_fields[part].annotation
    kind = str(section)
    low, high = dimension.low, dimension.high
    assert low is not None and high is not None  # noqa: S101, PT018 - a span has both
    if "float" in kind:
        return FloatDistribution(low, high, log=dimension.log)
    if "int" not in kind:
        raise ParamsError(f"search.space: {name} is no number, so it has no low and high; write {{choices: [...]}}")
    if low != int(low) or high != int(high):
        raise ParamsError(f"search.space: {name} is a whole number; write low and high without a fraction")
    return IntDistribution(int(low), int(high), log=dimension.log)


def contains(one: BaseDistribution, value: Any) -> bool:
    """Return whether a value is in a dimension of the space."""
    if isinstance(one, CategoricalDistribution):
        return value in one.choices
    return value is not None and one._contains(one.to_internal_repr(value))  # noqa: SLF001 - there is no public one
