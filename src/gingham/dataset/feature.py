"""What one feature of a user or item means: the column it was made of, and the value, bin or part it stands for."""

from dataclasses import dataclass
from typing import Literal, TypeAlias, get_args

from gingham.errors import DataError
from gingham.validation import shown

FeatureKind: TypeAlias = Literal[
    "category", "part", "bin", "other", "null", "weekday", "month", "age", "number", "words", "output"
]

# Kinds of which a column makes no categories: a number is a weight, and words share their buckets.
_UNGROUPED = frozenset({"number", "words", "output"})
# A date makes three groups of categories, each named after the column and the kind.
_OF_DATES = frozenset({"weekday", "month", "age"})
_INTERVALS = frozenset({"bin", "age"})


@dataclass(frozen=True, slots=True)
class Feature:
    """The meaning of one feature.

    Parameters
    ----------
    column : str
        The column that the feature was made of, or the name of a feature that was not made of a column.
    label : str
        The category, part, bin, weekday, month or word bucket; empty for a number and for the output of a function.
    kind : str
        "category" (default), "part" (of a multi-valued text), "bin" (of numbers), "other" (rare values together),
        "null", "weekday", "month" and "age" (of a date), "number" (scaled), "words" (a bucket of words) or "output" (of
        a function that makes features).

    Raises
    ------
    DataError
        If `column` or `label` is not text, or there is no such kind.

    Examples
    --------
    >>> import gingham as gg
    >>> gg.Feature("colour", "red").name
    'colour=red'
    >>> gg.Feature("age", "(20,30]", "bin").name
    'age∈(20,30]'
    >>> gg.Feature("launch", "mon", "weekday").name
    'launch:weekday=mon'
    """

    column: str
    label: str = ""
    kind: FeatureKind = "category"

    def __post_init__(self) -> None:
        for field in ("column", "label"):
            value = getattr(self, field)
            if not isinstance(value, str):
                raise DataError(f"{field}={shown(value)} of a feature is a {type(value).__name__}; pass text.")
        kinds = get_args(FeatureKind)
        if not isinstance(self.kind, str) or self.kind not in kinds:
            raise DataError(f"kind={shown(self.kind)} of a feature must be one of {', '.join(map(repr, kinds))}.")

    @property
    def group(self) -> str | None:
        """The name that the categories of one kind share.

        It is the column, or for dates ``column:weekday``, ``column:month`` and ``column:age``; None for numbers, words
        and outputs of functions, which are not categories.
        """
        if self.kind in _UNGROUPED:
            return None
        return f"{self.column}:{self.kind}" if self.kind in _OF_DATES else self.column

    @property
    def name(self) -> str:
        """The feature as text, such as ``column=value``; two features may have the same text."""
        if self.group is None:
            return f"{self.column}#{self.label}" if self.kind == "words" else self.column
        return f"{self.group}{'∈' if self.kind in _INTERVALS else '='}{self.label}"
