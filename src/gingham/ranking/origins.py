"""Where the features of pairs come from: the cause that explanations name for each of them."""

from typing import NamedTuple

from gingham.models.contributions import Cause


class Origin(NamedTuple):
    """Where a feature comes from; contributions of features with the same origin are added up.

    Attributes
    ----------
    cause : Cause
        The cause that the feature stands for.
    detail : str or None
        The column of categories that it was made of; None (default) if it was not made of one.
    source : int or None
        The candidate model whose output it is, and whose own contributions to its score share its contribution; None
        (default) for other features.
    """

    cause: Cause
    detail: str | None = None
    source: int | None = None
