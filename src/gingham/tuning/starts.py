"""The first trials of a search: the model as it is given, and the same model with one switch changed."""

from typing import Any

from gingham.config import ModelSpec
from gingham.config.models import build
from gingham.config.space import Scalar, Space, is_switch


def starting_points(model: ModelSpec, space: Space) -> list[dict[str, Any]]:
    """Return the parameters of the first trials, which no pruner stops.

    The first is the model as it is given, so that a search cannot end below it. Then each alternative of each switch
    (such as `loss` or `weighted`) replaces the given one, because a pruner would compare a single epoch of it with the
    best epochs so far, next to other parameters that differ.

    Parameters
    ----------
    model : ModelSpec
        The model.
    space : mapping of str to distribution
        The search space.
    """
    built = build(model)
    start = {name: getattr(built, name) for name in space}
    # None stands for a value that the model finds by itself; a recipe cannot write it.
    start = {name: value for name, value in start.items() if isinstance(value, Scalar)}
    switched = [
        {**start, name: value}
        for name, distribution in space.items()
        if is_switch(distribution)
        for value in distribution
        if value != start.get(name)
    ]
    return [start, *switched]
