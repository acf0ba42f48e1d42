"""Search spaces: the distribution of each parameter, as a recipe's ``[tune.space]`` writes it."""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Annotated, Any, Literal, TypeAlias, TypeGuard

from pydantic import BeforeValidator, PlainSerializer, SkipValidation

from gingham.duration import duration
from gingham.errors import ParameterError

Scalar: TypeAlias = bool | int | float | str

# The quantiles of an exponential distribution between which a search draws: the distribution has no maximum, and a
# learning rate of zero is useless.
_QUANTILES = (1e-6, 1 - 1e-6)


@dataclass(frozen=True)
class Range:
    """A number from `low` to `high`, both included.

    Attributes
    ----------
    low, high : int or float
        With two integers, only integers are drawn.
    log : bool
        Whether the logarithm is uniformly distributed, rather than the number; False by default.

    Raises
    ------
    ValueError
        If `low` is above `high`, one of them is not a finite number, or it has no logarithm.
    """

    low: float
    high: float
    log: bool = False

    def __post_init__(self) -> None:
        numbers = all(isinstance(end, int | float) and not isinstance(end, bool) for end in (self.low, self.high))
        if not (numbers and math.isfinite(self.low) and math.isfinite(self.high) and self.low <= self.high):
            raise ValueError(
                f"low = {self.low!r} and high = {self.high!r} are not a range; use numbers with low <= high"
            )
        if self.log and self.low <= 0:
            raise ValueError(f"low = {self.low!r} has no logarithm; use a number above 0, or leave out log")

    @property
    def whole(self) -> bool:
        """Whether only integers are drawn."""
        return isinstance(self.low, int) and isinstance(self.high, int)

    def closest(self, value: float) -> float:
        """Return the closest number that can be drawn."""
        return min(max(round(value) if self.whole else value, self.low), self.high)


@dataclass(frozen=True)
class Exponential:
    """An exponential distribution: small numbers are likely, large ones possible.

    Attributes
    ----------
    exponential : float
        The mean.

    Raises
    ------
    ValueError
        If the mean is not a number above 0.
    """

    exponential: float

    def __post_init__(self) -> None:
        mean = self.exponential
        if isinstance(mean, bool) or not isinstance(mean, int | float) or not 0 < mean < math.inf:
            raise ValueError(f"exponential = {mean!r} is not a mean; use a number above 0")

    @property
    def quantiles(self) -> Range:
        """The range of quantiles that are drawn, uniformly distributed."""
        return Range(*_QUANTILES)

    def value(self, quantile: float) -> float:
        """Return the value at a quantile."""
        return -self.exponential * math.log1p(-quantile)

    def quantile(self, value: float) -> float:
        """Return the quantile of a value; the inverse of `value`."""
        return -math.expm1(-value / self.exponential)

    def closest(self, value: float) -> float:
        """Return the closest number that can be drawn."""
        return self.value(self.quantiles.closest(self.quantile(value)))


def distribution(written: Any) -> Any:
    """Parse a distribution as a recipe writes it.

    Raises
    ------
    ValueError
        If `written` is not a distribution.
    """
    if isinstance(written, Range | Exponential):
        return written
    if isinstance(written, list | tuple) and written and all(isinstance(value, Scalar) for value in written):
        return list(written)
    if isinstance(written, Mapping):
        for kind, keys in ((Exponential, {"exponential"}), (Range, {"low", "high"}), (Range, {"low", "high", "log"})):
            if set(written) == keys:
                return kind(**written)
    raise ValueError(
        f"{written!r} is not a distribution; use a list of values, {{ low = 1, high = 9, log = true }} or "
        "{ exponential = 0.05 }"
    )


def closest(distribution: Any, value: Any) -> Any:
    """Return the value itself or the closest number that a distribution can draw; None if no value is close."""
    if isinstance(distribution, list):
        return value if value in distribution else None
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return distribution.closest(value) if is_number else None


def is_switch(distribution: Any) -> TypeGuard[list[Scalar]]:
    """Return whether a distribution is a list of alternatives without an order: words or truth values.

    A list of numbers or durations is not a switch: what one value does says something about its neighbours.
    """
    return isinstance(distribution, list) and any(map(_is_name, distribution))


def _is_name(value: Scalar) -> bool:
    if isinstance(value, bool):
        return True
    if not isinstance(value, str):
        return False
    try:
        duration(value)
    except ParameterError:
        return True
    return False


def written(distribution: Any) -> Any:
    """Return a distribution as a recipe writes it."""
    return distribution if isinstance(distribution, list) else asdict(distribution)


Distribution: TypeAlias = Annotated[
    SkipValidation[Range | Exponential | list[Scalar]], BeforeValidator(distribution), PlainSerializer(written)
]
Space: TypeAlias = Mapping[str, Range | Exponential | list[Scalar]]
Preset: TypeAlias = Literal["default", "hm-study"]

# The distributions of the H&M study.
HM_STUDY: Space = {
    "n_components": Range(16, 63),
    "learning_schedule": ["adagrad", "adadelta"],
    "loss": ["bpr", "warp", "warp-kos"],
    "learning_rate": Exponential(0.05),
    "item_alpha": Exponential(1e-8),
    "user_alpha": Exponential(1e-8),
    "max_sampled": Range(5, 14),
    "epochs": Range(5, 49),
    "weighted": [False, True],
}


def preset(name: Preset, kind: str, default: Mapping[str, Any]) -> Space:
    """Return the distributions of a preset.

    Parameters
    ----------
    name : {"default", "hm-study"}
    kind : str
        The model's name in recipes.
    default : mapping of str to distribution
        The model's default space, as a recipe writes it.

    Raises
    ------
    ValueError
        If the model has no such preset.
    """
    if name == "default":
        if not default:
            raise ValueError(f"there is no default space for a model of kind {kind!r}; add a section [tune.space]")
        return {parameter: distribution(written) for parameter, written in default.items()}
    if kind != "hybrid":
        raise ValueError(f"preset = {name!r} has parameters of 'hybrid', not of {kind!r}; leave it out")
    return HM_STUDY
