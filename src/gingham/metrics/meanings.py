"""What the metrics mean, in one sentence each."""

from collections.abc import Mapping

from gingham.errors import ParameterError
from gingham.validation import shown

_MEANINGS: Mapping[str, str] = {
    "precision": "The share of the first {k} recommended items that the user bought; 1 is best.",
    "recall": "The share of the items that the user bought which are among the first {k} recommended; 1 is best.",
    "f1": "The harmonic mean of precision and recall, which is high only if both are; 1 is best.",
    "hit_rate": "The share of the users who bought at least one of the first {k} recommended items; 1 is best.",
    "ndcg": "How many of the first {k} items the user bought; the first places count most. 1 is best.",
    "map": "How many of the first {k} items the user bought, and how near the top these are; 1 is best.",
    "reciprocal_rank": "One divided by the place of the first item that the user bought: 1, 1/2, 1/3 and so on.",
    "auc": "The share of pairs of a bought and another item that are in the right order; 0.5 is chance, 1 is best.",
    "coverage": "The share of the catalogue that appears in at least one list of {k} items.",
    "gini": "How unevenly the lists show the items: 0 if all equally often, nearly 1 if few items fill all lists.",
    "novelty": "How rarely bought the recommended items are; higher means more surprising.",
    "diversity": "How different the items within a list of {k} are; higher means more variety.",
    "cold_share": "The share of recommended items that no user had bought before.",
    "repeat_share": "The share of recommended items that the user had bought before.",
}


def meaning(name: str) -> str:
    """Return what a metric means, in plain words.

    Parameters
    ----------
    name : str
        The name of a metric, such as ``"map@12"``.

    Raises
    ------
    ParameterError
        If there is no such metric.

    Examples
    --------
    >>> from gingham import metrics
    >>> metrics.meaning("precision@5")
    'The share of the first 5 recommended items that the user bought; 1 is best.'
    """
    base, _, k = str(name).partition("@")
    if base not in _MEANINGS:
        raise ParameterError(f"Unknown metric {shown(name)}; use one of {', '.join(_MEANINGS)}.")
    return _MEANINGS[base].format(k=k)
