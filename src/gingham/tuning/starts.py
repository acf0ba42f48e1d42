"""The first trials of a search: the model as it is given, with a switch changed, and with some parameters drawn."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from gingham.config import ModelSpec, TuneSpec
from gingham.config.models import build
from gingham.config.space import Scalar, Space, is_switch

# The number of first trials, after which the sampler "tpe" learns from them; its own default.
N_STARTS = 10
# The share of parameters that the sampler draws in the last ones of these.
_DRAWN = 1 / 2


@dataclass(frozen=True)
class Start:
    """The parameters of one of the first trials.

    Attributes
    ----------
    params : mapping of str to value
        Values of parameters.
    is_complete : bool
        Whether the model keeps its other parameters; otherwise the sampler draws them. True by default.
    """

    params: Mapping[str, Any]
    is_complete: bool = True


def starting_points(model: ModelSpec, space: Space, spec: TuneSpec) -> list[Start]:
    """Return the first trials, which no pruner stops.

    The first is the model as it is given, so that a search cannot end below it. Then each alternative of each switch
    (such as `loss` or `weighted`) replaces the given one: a pruner would compare early epochs, and some switches help
    later. Before the sampler "tpe" learns from trials, it draws about half of the parameters and keeps the others,
    because a trial with all parameters drawn from a wide space is seldom good.

    Parameters
    ----------
    model : ModelSpec
        The model.
    space : mapping of str to distribution
        The search space.
    spec : TuneSpec
        The sampler and its seed.
    """
    built = build(model)
    start = {name: getattr(built, name) for name in space}
    # None stands for a value that the model finds by itself; a recipe cannot write it.
    start = {name: value for name, value in start.items() if isinstance(value, Scalar)}
    points = [
        Start(start),
        *(
            Start({**start, name: value})
            for name, distribution in space.items()
            if is_switch(distribution)
            for value in distribution
            if value != start.get(name)
        ),
    ]
    if spec.sampler == "tpe":
        rng = np.random.default_rng(spec.seed)
        while len(points) < N_STARTS:
            drawn = rng.random(len(space)) < _DRAWN
            drawn[rng.integers(len(space))] = True
            names = [name for name, is_drawn in zip(space, drawn, strict=True) if not is_drawn and name in start]
            points.append(Start({name: start[name] for name in names}, is_complete=False))
    return points
