"""The parameters of a HybridMF, and how they are stored."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Annotated, Any, Literal

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp
from pydantic import Field

from gingham.arrays import Bools, aligned
from gingham.checked import require, stored_array
from gingham.errors import ParameterError
from gingham.models.embedding import StoredEmbeddings, restored_sides
from gingham.models.inputs import FeatureMatrices
from gingham.models.moved_side import shared_features
from gingham.models.priors import Prior, Priors, PriorState, evidence_of, sides_of, split_features
from gingham.models.side import Side
from gingham.models.training_data import TrainingData

# A prior is trained by adagrad, because that can keep the other side fixed.
PRIOR_SCHEDULE = "adagrad"


class StoredHybrid(StoredEmbeddings):
    """The JSON values of a fitted `HybridMF`; the schedule is None in artifacts of version 0.1."""

    seed: Annotated[int, Field(ge=0, lt=2**63)]
    schedule: Literal["adagrad", "adadelta"] | None = None


@dataclass(eq=False, kw_only=True)
class HybridState(PriorState):
    """The parameters of a `HybridMF`, and what determines its next epoch.

    Attributes
    ----------
    seed : int
        The source of an epoch's draws, together with the epoch's number.
    schedule : str
        The learning schedule that the trained sides have memory for.
    """

    seed: int
    schedule: str

    def next_seed(self) -> int:
        """Return the seed of the next epoch; each has random streams of its own."""
        return self.seed + len(self.history)

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
        matrices, shared = split_features(features, strength)
        trained = [
            Side.initial(matrix, reached, n_components, schedule, rng)
            for matrix, reached in zip(matrices, active, strict=True)
        ]
        priors = [
            None
            if part is None
            else Prior(side, Side.initial(part, reached, n_components, PRIOR_SCHEDULE, rng), evidence)
            for part, side, reached, evidence in zip(shared, trained, active, evidence_of(entries, active), strict=True)
        ]
        users, items = sides_of(trained, priors, features)
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
            for prior, matrix, evidence in zip(self.priors, features, evidence_of(entries, active), strict=True)
        ]
        state = replace(
            self, users=users, items=items, priors=(priors[0], priors[1]), history=list(self.history), sold=None
        )
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
    n_components: int, schedule: str | None, arrays: Mapping[str, npt.NDArray[Any]], data: TrainingData
) -> tuple[Side, Side, Priors]:
    """Return the users, the items and the priors of an artifact.

    Parameters
    ----------
    n_components : int
        The size of an embedding.
    schedule : str or None
        The learning schedule that trained sides have memory for; None for sides and priors without memory.
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


def _restored_prior(what: str, side: Side, schedule: str | None, arrays: Mapping[str, npt.NDArray[Any]]) -> Prior:
    features = shared_features(side.features)
    require(features is not None, f"the array '{what}.identities.state' belongs to no features")
    assert features is not None
    n, n_shared = features.shape
    parts = []
    for part, matrix, size, memory in (
        ("identities", None, n, schedule),
        ("shared", features, n_shared, None if schedule is None else PRIOR_SCHEDULE),
    ):
        shape = Side.shape(size, side.n_components, memory)
        stored = stored_array(arrays, f"{what}.{part}.state", "float32", shape)
        state = aligned(*shape)
        state[:] = stored
        parts.append(Side(state, matrix, side.n_components))
        parts[-1].require_valid(f"{what}.{part}")
    return Prior(parts[0], parts[1], stored_array(arrays, f"{what}.evidence", "int64", (n,), least=0))
