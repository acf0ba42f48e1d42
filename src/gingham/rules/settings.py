"""Parts of rules that have several keys: boosts, pins, new items and diversity."""

from typing import Literal, Self

from pydantic import Field, model_validator

from gingham.duration import duration
from gingham.rules.condition import Condition
from gingham.section import Integer, Number, Section

EMBEDDINGS: Literal["embeddings"] = "embeddings"


class Boost(Section):
    """A boost or demotion of the items for which a condition is true.

    Attributes
    ----------
    condition : str
        An SQL condition on item columns and values of the request, such as ``margin > 0.3``.
    factor : float
        The item's rank is divided by this number: 2 treats the 10th item like the 5th, 0.5 like the 20th.

    Examples
    --------
    >>> Boost(condition="margin > 0.3", factor=2).factor
    2.0
    """

    condition: str
    factor: Number = Field(gt=0, le=1e6, ge=1e-6)

    @model_validator(mode="after")
    def _is_valid(self) -> Self:
        Condition.parse(self.condition)
        return self


class Pin(Section):
    """An item at a fixed position of every list.

    Attributes
    ----------
    item : int or str
        The item's id.
    position : int
        The position, from 1.

    Examples
    --------
    >>> Pin(item="tea", position=1).position
    1
    """

    item: int | str
    position: Integer = Field(ge=1)


class NewItems(Section):
    """A share of new items in every list.

    Attributes
    ----------
    share : float
        The share, above 0 and at most 1: of the first n positions, at least ``floor(share * n)`` have new items, as
        long as there are such candidates.
    within : str
        An item is new if it was first sold within this time before the latest transaction of the training data, such
        as ``"14d"``, or was never sold.

    Examples
    --------
    >>> NewItems(share=0.25, within="14d").share
    0.25
    """

    share: Number = Field(gt=0, le=1)
    within: str

    @model_validator(mode="after")
    def _is_valid(self) -> Self:
        duration(self.within)
        return self


class Diversity(Section):
    """Items that resemble those already in the list come later: maximal marginal relevance on ranks [1]_.

    Attributes
    ----------
    by : list of str, or "embeddings"
        The item columns by which items resemble each other. For a column of lists of numbers, the similarity of two
        items is their cosine, or 0 if that is negative; for another column, 1 if the values are equal and 0 if not. The
        mean over the columns counts. With "embeddings", it is the cosine of the model's embeddings.
    ranks : float
        By how many ranks an item moves down that equals an item in the list; less similar items move proportionally.

    References
    ----------
    .. [1] Carbonell and Goldstein, "The Use of MMR, Diversity-Based Reranking for Reordering Documents and Producing
       Summaries", SIGIR 1998.

    Examples
    --------
    >>> Diversity(by=["category"], ranks=10).by
    ['category']
    """

    by: list[str] | Literal["embeddings"] = Field(min_length=1)
    ranks: Number = Field(gt=0, le=1e6)

    @property
    def columns(self) -> list[str]:
        """The item columns; none for embeddings."""
        return [] if isinstance(self.by, str) else self.by
