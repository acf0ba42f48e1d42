"""Epochs of training, and the parameters that they change."""

from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from typing import Annotated, Any, Literal, Self, TypeAlias

import numpy as np
from pydantic import Field

from gingham.arrays import Floats, Indices, Longs
from gingham.checked import Values, require
from gingham.models.inputs import FeatureMatrices
from gingham.models.moved_side import moved_side, place_embeddings, shared_part
from gingham.models.moving import Places
from gingham.models.side import Side

# Called with the number of examples that are done.
ProgressFunction: TypeAlias = Callable[[int], None]


@dataclass(frozen=True)
class Epoch:
    """One epoch of training.

    Attributes
    ----------
    epoch : int
        Its number, from 1.
    loss : float
        The mean loss of the epoch's examples, as the model defines it.
    seconds : float
        Its duration.
    metrics : dict of str to float
        Metrics measured after it, by early stopping or callbacks.
    """

    epoch: int
    loss: float
    seconds: float
    metrics: dict[str, float] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON values, with null for metrics that are not finite."""
        metrics = {name: float(value) if np.isfinite(value) else None for name, value in self.metrics.items()}
        return {**asdict(self), "metrics": metrics}


class StoredEpoch(Values):
    """An epoch as `Epoch.to_json` returns it."""

    epoch: int
    loss: float
    seconds: Annotated[float, Field(ge=0)]
    metrics: dict[str, float | None]

    def restored(self) -> Epoch:
        """Return the epoch, with NaN for metrics that were not finite."""
        metrics = {name: np.nan if value is None else value for name, value in self.metrics.items()}
        return Epoch(self.epoch, self.loss, self.seconds, metrics)


def restored_history(stored: list[StoredEpoch]) -> list[Epoch]:
    """Return the epochs of a fit.

    Raises
    ------
    DataError
        If their numbers are not 1, 2 and so on.
    """
    numbers = [epoch.epoch for epoch in stored]
    require(numbers == list(range(1, len(numbers) + 1)), "the epochs of the value history are not 1, 2 and so on")
    return [epoch.restored() for epoch in stored]


@dataclass(eq=False)
class EmbeddingState:
    """The parameters of a model of embeddings, and how they were trained.

    Attributes
    ----------
    users, items : Side
        The parameters of both sides.
    history : list of Epoch
        The epochs of the training so far.
    validation_history : list of Epoch
        The epochs of the search for their number, if early stopping split off validation data.
    best_epoch : int or None
        The number of epochs that early stopping chose; None without early stopping.
    sold : int64 array, shape (n_items,), or None
        How many users bought each item in the last fit; -1 for items that an update added. None before training.
    """

    users: Side
    items: Side
    history: list[Epoch] = field(default_factory=list)
    validation_history: list[Epoch] = field(default_factory=list)
    best_epoch: int | None = None
    sold: Longs | None = None

    @property
    def sides(self) -> tuple[Side, ...]:
        """All sides that an epoch changes."""
        return self.users, self.items

    def launch_unsold(self, strength: float | None) -> None:
        """Represent items without positives by their features alone; without priors, nothing changes."""

    def represent(self, strength: float | None) -> None:
        """Compute representations that follow from other parameters; there are none."""

    @property
    def fitted(self) -> Indices:
        """The items that the last fit knew."""
        assert self.sold is not None
        return np.flatnonzero(self.sold >= 0).astype(np.int32)

    def moved(self, users: Places, items: Places, features: FeatureMatrices) -> Self:
        """Return the parameters for other users and items, in new arrays.

        New ones have no parameters of their own, so they are represented by the features that they share.

        Parameters
        ----------
        users, items : Places
            Where those of this state are.
        features : pair of csr_matrix or None
            The new features of users and of items.
        """
        assert self.sold is not None
        return replace(
            self,
            users=moved_side(self.users, users, features[0]),
            items=moved_side(self.items, items, features[1]),
            history=list(self.history),
            sold=items.array(self.sold, -1),
        )

    def centre(self, which: Literal[0, 1], chosen: Indices) -> Floats:
        """Return the embeddings that those of some users (0) or items (1) are drawn to when they are solved for."""
        return shared_part((self.users, self.items)[which], chosen)[0]

    def place(
        self,
        which: Literal[0, 1],
        chosen: Indices,
        embeddings: Floats,
        n_positives: Longs,  # noqa: ARG002
    ) -> None:
        """Set the embeddings that were solved for some users (0) or items (1); their own bias becomes 0.

        Parameters
        ----------
        chosen : int32 array, shape (n,)
            Their indices.
        embeddings : float32 array, shape (n, n_components)
        n_positives : int64 array, shape (n,)
            How many positives they have.
        """
        place_embeddings((self.users, self.items)[which], chosen, embeddings)
