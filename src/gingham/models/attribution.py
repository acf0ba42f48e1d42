"""Contributions to scores of embeddings: of the items of the history, and of users' and items' features."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from gingham.arrays import Doubles, Floats, Indices
from gingham.dataset import Feature
from gingham.models.contributions import Cause, Part, divided
from gingham.models.moved_side import shared_features
from gingham.models.side import Side
from gingham.scores import by_user

Places: TypeAlias = npt.NDArray[np.integer]

# Returns what each item of a history contributes to the products of a user's own embedding with some vectors, float64
# of shape (n_history, n_vectors). Takes the user's place, the items of the history, the own embedding and the vectors.
Attribution: TypeAlias = Callable[[int, Indices, Doubles, Doubles], Doubles]

# The penalty of a projection, relative to the mean squared norm of the items of the history.
_RIDGE = 0.1
# Added where a history has no embeddings, so that the regression has a solution.
_TINY = 1e-30


@dataclass(frozen=True, eq=False)
class Projection:
    """The own embedding as a combination of the items of the history: a ridge regression on their embeddings.

    Gradient descent moves a user's embedding towards those of the history and away from others, so the projection
    explains most of it.

    Attributes
    ----------
    items : float32 array, shape (n_items, n_components)
        The embeddings of all items.
    """

    items: Floats

    def __call__(self, user: int, history: Indices, own: Doubles, vectors: Doubles) -> Doubles:  # noqa: ARG002
        """Return the contributions; see `Attribution`."""
        rows = self.items[history].astype(np.float64)
        gram = rows @ rows.T
        gram[np.diag_indices_from(gram)] += _RIDGE * max(float(np.trace(gram)) / len(rows), _TINY)
        return np.linalg.solve(gram, rows @ own)[:, None] * (rows @ vectors.T)


@dataclass(frozen=True, eq=False)
class NormalEquations:
    """The own embedding as the solution of the user's normal equations against fixed items.

    With Y the embeddings of the history, C their weights and D what all items and the penalty add, the embedding is
    ``(D + Y'CY)^-1 Y'C 1``, so that item i contributes ``y' (D + Y'CY)^-1 c_i y_i`` to the product with a vector y. All
    of them together are ``(C^-1 + Y D^-1 Y')^-1 Y D^-1 y``, a system of the size of the history.

    Attributes
    ----------
    items : float64 array, shape (n_items, n_components)
        The embeddings of all items.
    axes : float64 array, shape (n_components, n_components)
        The principal axes of these embeddings, as columns.
    spectrum : float64 array, shape (n_components,)
        The eigenvalues of their Gram matrix, times the weight of unobserved pairs.
    weights : csr_matrix, shape (n_users, n_items)
        The weight of each positive of the users.
    penalty : float32 array, shape (n_users,)
        The penalty of each user's embedding.
    """

    items: Doubles
    axes: Doubles
    spectrum: Doubles
    weights: sp.csr_matrix
    penalty: Floats

    @classmethod
    def of(cls, items: Floats, unobserved: float, weights: sp.csr_matrix, penalty: Floats) -> "NormalEquations":
        """Build the equations of some users from the embeddings of all items."""
        rows = items.astype(np.float64)
        eigenvalues, axes = np.linalg.eigh(rows.T @ rows)
        return cls(rows, axes, unobserved * np.maximum(eigenvalues, 0), weights, penalty)

    def __call__(self, user: int, history: Indices, own: Doubles, vectors: Doubles) -> Doubles:  # noqa: ARG002
        """Return the contributions; see `Attribution`."""
        weight = self.weights[[user]]
        order = np.searchsorted(weight.indices, history)
        rows = (self.items[history] @ self.axes) / (self.spectrum + float(self.penalty[user]))
        system = rows @ (self.items[history] @ self.axes).T
        system[np.diag_indices_from(system)] += 1 / weight.data[order].astype(np.float64)
        return np.asarray(np.linalg.solve(system, rows @ (vectors @ self.axes).T))


@dataclass(frozen=True, eq=False)
class Components:
    """What the representations of some users or items are made of.

    Attributes
    ----------
    own : float64 array, shape (n, n_components)
        The embedding that only this user or item has.
    groups : list of (str or None, float64 array of shape (n, n_components))
        For each column of features, what it adds; None for features without names.
    """

    own: Doubles
    groups: list[tuple[str | None, Doubles]]

    @classmethod
    def of(
        cls, side: Side, entities: Indices, names: Sequence[Feature], n_positives: Places, prior: float | None
    ) -> "Components":
        """Divide representations.

        Parameters
        ----------
        side : Side
            The parameters.
        entities : int32 array, shape (n,)
            The users or items.
        names : sequence of Feature
            The meaning of the last features; none if it is not known.
        n_positives : int array, shape (n,)
            The number of positives of each entity.
        prior : float or None
            The weight of features in a representation; see `gingham.models.priors`.
        """
        embeddings = side.embeddings.astype(np.float64)
        if side.features is None:
            return cls(embeddings[entities], [])
        with_identities = shared_features(side.features) is not None
        first = side.features.shape[0] if with_identities else 0
        rows, own = side.features[entities], np.zeros((len(entities), side.n_components))
        if with_identities:
            own = np.asarray(rows[:, :first] @ embeddings[:first])
        places: dict[str | None, list[int]] = {}
        has_names = side.features.shape[1] - len(names) == first
        for place in range(first, side.features.shape[1]):
            places.setdefault(names[place - first].column if has_names else None, []).append(place)
        groups = [(name, np.asarray(rows[:, chosen] @ embeddings[chosen])) for name, chosen in places.items()]
        if with_identities and prior is not None and groups:
            # The identity was stored as a difference from the prior; see `Prior.represent`.
            evidence = np.square(np.where(n_positives > 0, n_positives + 1.0, 0.0))
            share = np.divide(evidence, evidence + prior, out=np.zeros(len(own)), where=evidence > 0)[:, None]
            own = own + share * np.sum([group for _, group in groups], axis=0)
            groups = [(name, (1 - share) * group) for name, group in groups]
        return cls(own, groups)


def embedding_parts(
    users: Components,
    items: Components,
    place: Places,
    item_place: Places,
    histories: sp.csr_matrix,
    pair_items: Indices,
    attribution: Attribution,
) -> list[Part]:
    """Return the contributions to the products of representations, without biases.

    Parameters
    ----------
    users, items : Components
        The representations of the distinct users and items.
    place, item_place : int array, shape (n_pairs,)
        The place of each pair's user and item among these.
    histories : csr_matrix, shape (n_users, n_items)
        The positives of the distinct users.
    pair_items : int32 array, shape (n_pairs,)
        The item of each pair.
    attribution : Attribution
        Divides products with the users' own embeddings among the items of their history.
    """
    parts = []
    representation = items.own + sum(group for _, group in items.groups)
    for name, group in users.groups:
        products = np.einsum("ij,ij->i", group[place], representation[item_place])
        parts.append(Part.of_all(Cause.USER_FEATURE, products, name))
    for name, group in items.groups:
        products = np.einsum("ij,ij->i", users.own[place], group[item_place])
        parts.append(Part.of_all(Cause.ITEM_FEATURE, products, name))
    rest = np.einsum("ij,ij->i", users.own[place], items.own[item_place])
    for distinct, chosen, _ in by_user(place.astype(np.int32), 1):
        user = int(distinct[0])
        history = histories.indices[histories.indptr[user] : histories.indptr[user + 1]]
        if not len(history):
            continue
        values = attribution(user, history, users.own[user], items.own[item_place[chosen]])
        rest[chosen] -= values.sum(axis=0)
        pair, because = np.tile(chosen, len(history)), np.repeat(history, len(chosen))
        parts += divided(Part(Cause.BOUGHT_TOGETHER, pair, values.ravel(), because), pair_items)
    return [*parts, Part.of_all(Cause.TASTE, rest)]
