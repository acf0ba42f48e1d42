"""The parameters of a HybridMF: representations, and the priors from features that they are drawn to."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from gingham import _native
from gingham.arrays import Bools, Longs, aligned
from gingham.checked import require, stored_array
from gingham.errors import ParameterError
from gingham.models.embedding import restored_sides
from gingham.models.epochs import EmbeddingState
from gingham.models.inputs import FeatureMatrices
from gingham.models.side import Side
from gingham.models.training_data import TrainingData

# A prior is trained by adagrad, because that can keep the other side fixed.
PRIOR_SCHEDULE = "adagrad"


def shared_features(features: sp.csr_matrix | None) -> sp.csr_matrix | None:
    """Return the features after the identities of a feature matrix.

    Parameters
    ----------
    features : csr_matrix, shape (n_entities, n_features), or None
        The weight of each feature; column j of the first n_entities is the identity of row j.

    Returns
    -------
    csr_matrix, shape (n_entities, n_features - n_entities), or None
        None if there are no other features, or the matrix does not start with an identity for each row.
    """
    if features is None or features.shape[1] <= features.shape[0]:
        return None
    n = features.shape[0]
    identities = features[:, :n]
    diagonal = identities.diagonal()
    return features[:, n:] if identities.nnz == n and diagonal.all() else None


@dataclass(frozen=True, eq=False)
class Prior:
    """What the features of users or items say about their representations, and what their interactions say.

    Identities are trained as if there were no features. The prior is trained on the same examples against fixed
    identities of the other side, as if there were no identities on this side.

    Attributes
    ----------
    identities : Side
        The parameters of each entity's identity.
    shared : Side
        The parameters of the shared features.
    evidence : int64 array, shape (n_entities,)
        What the identity of each entity is trained with: 0 if training does not reach it, otherwise 1 more than the
        number of its positives, because an item that is drawn as a negative but never sold is not unknown.
    """

    identities: Side
    shared: Side
    evidence: Longs

    def new_side(self, features: sp.csr_matrix | None) -> Side:
        """Return a side for `represent`, whose parameters are not set."""
        n_features, n_components = len(self.evidence) + len(self.shared.state), self.identities.n_components
        return Side(aligned(*Side.shape(n_features, n_components, None)), features, n_components)

    def represent(self, side: Side, strength: float) -> None:
        """Set the parameters of a side such that its representations are drawn to the prior.

        With evidence n, a representation is ``(n * identity + strength * prior) / (n + strength)``; without evidence,
        it is the prior.
        """
        assert side.features is not None  # because shared features are part of them
        n, width = len(self.evidence), _native.padded_width(side.n_components)
        prior = self.shared.rows()
        share = np.divide(self.evidence, self.evidence + strength, out=np.zeros(n), where=self.evidence > 0)
        share /= side.features[:, :n].diagonal()
        side.state[n:] = self.shared.state[:, :width]
        np.multiply(self.identities.state[:, :width] - prior, share[:, None].astype(np.float32), out=side.state[:n])

    def continued(self, features: sp.csr_matrix | None, evidence: Longs) -> "Prior":
        """Return the prior for other features and interactions of the same entities."""
        shared = replace(self.shared, features=shared_features(features))
        return replace(self, shared=shared, evidence=np.maximum(self.evidence, evidence))


Priors = tuple[Prior | None, Prior | None]


@dataclass(eq=False, kw_only=True)
class HybridState(EmbeddingState):
    """The parameters of a `HybridMF`, and what determines its next epoch.

    Attributes
    ----------
    seed : int
        The source of an epoch's draws, together with the epoch's number.
    schedule : str
        The learning schedule that the trained sides have memory for.
    priors : pair of Prior or None
        Of users and of items. None where there are no shared features or they are trained together with identities:
        the side itself is trained. Otherwise, the prior's parts are, and the side follows from them.
    """

    seed: int
    schedule: str
    priors: Priors = field(default=(None, None))

    def next_seed(self) -> int:
        """Return the seed of the next epoch; each has random streams of its own."""
        return self.seed + len(self.history)

    @property
    def sides(self) -> tuple[Side, ...]:
        """All sides that an epoch changes."""
        parts = [part for prior in self.priors if prior is not None for part in (prior.identities, prior.shared)]
        return self.users, self.items, *parts

    @property
    def trained(self) -> tuple[Side, Side]:
        """The sides of users and of items that are trained together."""
        users, items = (
            side if prior is None else prior.identities
            for side, prior in zip((self.users, self.items), self.priors, strict=True)
        )
        return users, items

    def represent(self, strength: float | None) -> None:
        """Compute the sides that have a prior."""
        for side, prior in zip((self.users, self.items), self.priors, strict=True):
            if prior is not None and strength is not None:
                prior.represent(side, strength)

    @classmethod
    def initial(
        cls,
        features: FeatureMatrices,
        active: tuple[Bools, Bools],
        entries: sp.csr_matrix,
        strength: float | None,
        *,
        n_components: int,
        schedule: str,
        seed: int,
        rng: np.random.Generator,
    ) -> "HybridState":
        """Return small random parameters.

        Parameters
        ----------
        features : pair of csr_matrix or None
            Of users and of items.
        active : pair of bool arrays
            The users and the items that training can reach.
        entries : csr_matrix, shape (n_users, n_items)
            The interactions.
        strength : float or None
            As the parameter `prior` of `HybridMF`.
        n_components, schedule, seed
            As in the state.
        rng : Generator
            The source of the initial embeddings. Those of identities do not depend on shared features.
        """
        shared = [None if strength is None else shared_features(matrix) for matrix in features]
        trained = [
            Side.initial(matrix if part is None else None, reached, n_components, schedule, rng)
            for matrix, part, reached in zip(features, shared, active, strict=True)
        ]
        priors = [
            None
            if part is None
            else Prior(side, Side.initial(part, reached, n_components, PRIOR_SCHEDULE, rng), evidence)
            for part, side, reached, evidence in zip(shared, trained, active, _evidence(entries, active), strict=True)
        ]
        users, items = (
            side if prior is None else prior.new_side(matrix)
            for side, prior, matrix in zip(trained, priors, features, strict=True)
        )
        state = cls(users, items, seed=seed, schedule=schedule, priors=(priors[0], priors[1]))
        state.represent(strength)
        return state

    def continued(
        self,
        features: FeatureMatrices,
        active: tuple[Bools, Bools],
        entries: sp.csr_matrix,
        strength: float | None,
    ) -> "HybridState":
        """Return a state that goes on from these parameters with other features and interactions.

        Raises
        ------
        ParameterError
            If the priors were switched on or off.
        """
        for prior, matrix in zip(self.priors, features, strict=True):
            wanted = strength is not None and shared_features(matrix) is not None
            if wanted != (prior is not None):
                raise ParameterError(
                    f"prior={strength!r} or the identities among the features differ from those that the model was "
                    "fitted with; call fit."
                )
        users, items = (
            replace(side, features=matrix) if prior is None else prior.new_side(matrix)
            for side, prior, matrix in zip((self.users, self.items), self.priors, features, strict=True)
        )
        priors = [
            None if prior is None else prior.continued(matrix, evidence)
            for prior, matrix, evidence in zip(self.priors, features, _evidence(entries, active), strict=True)
        ]
        state = replace(self, users=users, items=items, priors=(priors[0], priors[1]), history=list(self.history))
        state.represent(strength)
        return state


def prior_arrays(priors: Priors) -> dict[str, npt.NDArray[Any]]:
    """Return the arrays that an artifact stores of priors; `restored_sides_and_priors` reads them."""
    arrays: dict[str, npt.NDArray[Any]] = {}
    for what, prior in zip(("user", "item"), priors, strict=True):
        if prior is not None:
            arrays[f"{what}.identities.state"] = prior.identities.state
            arrays[f"{what}.shared.state"] = prior.shared.state
            arrays[f"{what}.evidence"] = prior.evidence
    return arrays


def restored_sides_and_priors(
    n_components: int, schedule: str, arrays: Mapping[str, npt.NDArray[Any]], data: TrainingData
) -> tuple[Side, Side, Priors]:
    """Return the users, the items and the priors of an artifact.

    Parameters
    ----------
    n_components : int
        The size of an embedding.
    schedule : str
        The learning schedule that trained sides have memory for.
    arrays : mapping of str to array
        The arrays of the artifact.
    data : TrainingData
        The users and items.

    Raises
    ------
    DataError
        If the arrays are not such parameters, or if scores could be infinite.
    """
    with_prior = ["user.identities.state" in arrays, "item.identities.state" in arrays]
    of_users, of_items = (None if computed else schedule for computed in with_prior)
    users, items = restored_sides(n_components, (of_users, of_items), arrays, data)
    priors = [
        _restored_prior(what, side, schedule, arrays) if computed else None
        for what, side, computed in zip(("user", "item"), (users, items), with_prior, strict=True)
    ]
    return users, items, (priors[0], priors[1])


def _restored_prior(what: str, side: Side, schedule: str, arrays: Mapping[str, npt.NDArray[Any]]) -> Prior:
    features = shared_features(side.features)
    require(features is not None, f"the array '{what}.identities.state' belongs to no features")
    assert features is not None
    n, n_shared = features.shape
    parts = []
    for part, matrix, size, memory in (
        ("identities", None, n, schedule),
        ("shared", features, n_shared, PRIOR_SCHEDULE),
    ):
        shape = Side.shape(size, side.n_components, memory)
        stored = stored_array(arrays, f"{what}.{part}.state", "float32", shape)
        state = aligned(*shape)
        state[:] = stored
        parts.append(Side(state, matrix, side.n_components))
        parts[-1].require_valid(f"{what}.{part}")
    return Prior(parts[0], parts[1], stored_array(arrays, f"{what}.evidence", "int64", (n,), least=0))


def _evidence(entries: sp.csr_matrix, active: tuple[Bools, Bools]) -> tuple[Longs, Longs]:
    """Return what the identities of users and of items are trained with; see `Prior`."""
    positives = sp.csr_matrix(entries > 0)
    of_users, of_items = positives.getnnz(axis=1), positives.getnnz(axis=0)
    users, items = (
        np.where(reached, 1 + counts.astype(np.int64), 0)
        for reached, counts in zip(active, (of_users, of_items), strict=True)
    )
    return users, items
