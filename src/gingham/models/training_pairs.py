"""The (user, item) pairs that an epoch of stochastic gradient descent goes through, as the kernel takes them."""

from dataclasses import dataclass, replace
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from gingham.arrays import Bools, Floats, Indices, Longs, Pattern, pattern
from gingham.errors import DataError
from gingham.models import plan
from gingham.models.inputs import FeatureMatrices
from gingham.models.loss import Loss


class Observations(NamedTuple):
    """Interactions one by one.

    Attributes
    ----------
    users, items : int array
    values : float32 array
        Above zero for a positive.
    weights : float32 array or None
        None if all weights are 1.
    """

    users: npt.NDArray[np.integer]
    items: npt.NDArray[np.integer]
    values: Floats
    weights: Floats | None


@dataclass(frozen=True, eq=False)
class TrainingPairs:
    """The examples of an epoch; their number is the length.

    Attributes
    ----------
    examples
        User, item, weight (None if all are 1) and target (None unless the loss needs negatives) of each example, lane
        by lane and in random order within a lane; an epoch trains runs of neighbours together.
    lanes : int64 array
        Where the examples of each lane begin, and their number.
    owners : pair of uint8 arrays
        The owner of each row of users' and of items' state.
    positives
        The positive items of each user as sparse rows, or all items of the user's entries if the loss avoids these; and
        their weights (None if all are 1).
    pool : int32 array
        The items of all entries: drawing from it draws an item by its popularity.
    active : pair of bool arrays
        The users and the items that training can reach.
    priors : pair of TrainingPairs or None
        The same pairs for the priors of users and of items; None where there is no prior.
    """

    examples: tuple[Indices, Indices, Floats | None, Floats | None]
    lanes: Longs
    owners: tuple[plan.Owners, plan.Owners]
    positives: tuple[*Pattern, Floats | None]
    pool: Indices
    active: tuple[Bools, Bools]
    priors: tuple["TrainingPairs | None", "TrainingPairs | None"] = (None, None)

    def __len__(self) -> int:
        return len(self.examples[0])

    @classmethod
    def of_matrix(
        cls, matrix: sp.csr_matrix, features: FeatureMatrices, weights: Floats | None, loss: Loss, seed: int
    ) -> "TrainingPairs":
        """Choose the examples of a loss among the entries of an interaction matrix.

        Parameters
        ----------
        matrix : csr_matrix of float32, shape (n_users, n_items)
        features : pair of csr_matrix or None
            Of users and of items; None where each has only its own feature.
        weights : float32 array or None
            The weight of each entry; None if all are 1.
        loss : Loss
        seed : int
            Determines the order of the examples.

        Raises
        ------
        DataError
            If there are no examples.
        """
        users = np.repeat(np.arange(matrix.shape[0], dtype=np.int32), np.diff(matrix.indptr))
        observations = Observations(users, matrix.indices, matrix.data, weights)
        pairs = cls.of_observations(observations, matrix, features, weights, loss, seed)
        pairs.require_some(matrix, loss)
        return pairs

    def with_features(self, features: FeatureMatrices) -> "TrainingPairs":
        """Return the same pairs for other features of users and of items."""
        shape = len(self.active[0]), len(self.active[1])
        return replace(self, owners=_owners(self.examples, shape, features))

    def require_some(self, matrix: sp.csr_matrix, loss: Loss) -> None:
        """Check that there are examples.

        Raises
        ------
        DataError
            If there are none.
        """
        if not len(self):
            raise DataError(
                f"None of the {matrix.nnz:,} interactions has a value above zero, so the loss {loss.name!r} has no "
                "training examples; use a value such as 1 for each positive interaction."
            )

    @classmethod
    def of_observations(
        cls,
        observations: Observations,
        matrix: sp.csr_matrix,
        features: FeatureMatrices,
        positive_weights: Floats | None,
        loss: Loss,
        seed: int,
    ) -> "TrainingPairs":
        """Choose the examples of a loss among observations; there may be none.

        Parameters
        ----------
        observations : Observations
            A pair that occurs twice is two examples.
        matrix : csr_matrix of float32, shape (n_users, n_items)
            The same data with duplicates summed, which decides what is a positive when negatives are sampled.
        features : pair of csr_matrix or None
            Of users and of items; None where each has only its own feature.
        positive_weights : float32 array or None
            The weight of each entry of `matrix` when a loss draws positives; None if all are 1.
        loss : Loss
        seed : int
            Determines the order of the examples.
        """
        positive = observations.values > 0
        chosen = np.ones_like(positive) if loss.needs_negatives else positive
        pairs = np.stack([part[chosen].astype(np.int32, copy=False) for part in observations[:2]], axis=1)
        weights = None if observations.weights is None else observations.weights[chosen]
        targets = positive.astype(np.float32) if loss.needs_negatives else None
        counts = np.bincount(pairs[:, 0], minlength=matrix.shape[0])
        first_users = plan.lanes(counts)
        lanes = np.concatenate([[0], np.cumsum(counts)])[first_users]
        if (np.diff(pairs[:, 0]) < 0).any():
            places = np.arange(len(pairs))  # SciPy sorts rows by counting, and keeps the order within a row
            by_user = sp.coo_matrix((places, (pairs[:, 0], places))).tocsr().data
            pairs = pairs[by_user]
            weights, targets = (None if part is None else part[by_user] for part in (weights, targets))
        # Arrays of equal length shuffled with equal seeds get the same order, so no permutation has to be stored. A
        # pair is moved as one 8-byte number, which NumPy shuffles faster than two 4-byte ones.
        for part in (pairs.view(np.int64)[:, 0], weights, targets):
            if part is not None:
                rng = np.random.default_rng(seed)
                for begin, end in pairwise(lanes.tolist()):
                    rng.shuffle(part[begin:end])
        examples = (pairs[:, 0].copy(), pairs[:, 1].copy(), weights, targets)
        owners = _owners(examples, matrix.shape, features)
        entities = (examples[0], matrix.indices)
        active = [np.bincount(index, minlength=size) > 0 for index, size in zip(entities, matrix.shape, strict=True)]
        if loss.searches:
            active[1][:] = True
        avoided = np.full(matrix.nnz, True) if loss.avoids_entries else matrix.data > 0
        return cls(
            examples,
            lanes,
            owners,
            (*_rows(matrix, avoided), None if positive_weights is None else positive_weights[avoided]),
            matrix.indices.astype(np.int32, copy=False),
            (active[0], active[1]),
        )


def _owners(
    examples: tuple[Indices, Indices, Floats | None, Floats | None],
    shape: tuple[int, int],
    features: FeatureMatrices,
) -> tuple[plan.Owners, plan.Owners]:
    users, items = (np.bincount(part, minlength=size) for part, size in zip(examples[:2], shape, strict=True))
    return plan.user_owners(features[0], plan.lanes(users), users), plan.item_owners(features[1], items)


def _rows(matrix: sp.csr_matrix, chosen: Bools) -> Pattern:
    """Return the sparse rows of some of a matrix's entries."""
    indptr, indices = pattern(matrix)
    before = np.concatenate([[0], np.cumsum(chosen, dtype=np.int64)])
    return before[indptr], indices[chosen]
