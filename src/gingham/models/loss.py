"""The losses of `HybridMF`, and what each of them needs; ``native/losses.hpp`` has their steps."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Loss:
    """A loss, as far as training data depend on it.

    Attributes
    ----------
    name : str
        The name that models and recipes use.
    needs_negatives : bool
        Whether entries of zero or less are training examples, with a target of 0 where positives have 1. Otherwise only
        positives are examples, and negatives are sampled.
    searches : bool
        Whether negatives are searched in the whole catalogue, so that training can reach every item and all items
        start with random embeddings. Otherwise only items with interactions do.
    avoids_entries : bool
        Whether a sampled negative is never one of the user's entries; otherwise it may be one that is not positive.
    draws_positives : bool
        Whether a step draws several of the user's positives, and so needs the weights of all of them.
    """

    name: str
    needs_negatives: bool = False
    searches: bool = False
    avoids_entries: bool = False
    draws_positives: bool = False


LOSSES: Mapping[str, Loss] = {
    loss.name: loss
    for loss in (
        Loss("logistic", needs_negatives=True),
        Loss("bpr", avoids_entries=True),
        Loss("warp", searches=True),
        Loss("warp-kos", searches=True, draws_positives=True),
    )
}
