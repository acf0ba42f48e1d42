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
from gingham.models.epochs import EmbeddingState
from gingham.models.moved_side import shared_features
from gingham.models.side import Side
from gingham.models.training_data import TrainingData
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
        cls,
        side: Side,
        representations: Floats,
        features: sp.csr_matrix | None,
        names: Sequence[Feature],
        n_positives: Places,
        prior: float | None,
    ) -> "Components":
        """Divide representations into what features add and the rest, which is the own embedding.

        Parameters
        ----------
        side : Side
            The parameters of the features.
        representations : float32 array, shape (n, n_components)
            The representation of each user or item.
        features : csr_matrix, shape (n, n_features), or None
            The weights of their features; None if they have no features but themselves.
        names : sequence of Feature
            The meaning of the last features; none if it is not known.
        n_positives : int array, shape (n,)
            The number of positives of each user or item.
        prior : float or None
            The weight of features in a representation; see `gingham.models.priors`.
        """
        own = representations.astype(np.float64)
        if side.features is None or features is None:
            return cls(own, [])
        with_identities = shared_features(side.features) is not None
        first = side.features.shape[0] if with_identities else 0
        has_names, places = side.features.shape[1] - len(names) == first, dict[str | None, list[int]]()
        for place in range(first, side.features.shape[1]):
            places.setdefault(names[place - first].column if has_names else None, []).append(place)
        share = np.zeros((len(own), 1))
        if with_identities and prior is not None:
            evidence = np.square(np.where(n_positives > 0, n_positives + 1.0, 0.0))
            share[:, 0] = np.divide(evidence, evidence + prior, out=np.zeros(len(own)), where=evidence > 0)
        groups = [
            (name, (1 - share) * np.asarray(features[:, chosen] @ side.embeddings[chosen].astype(np.float64)))
            for name, chosen in places.items()
        ]
        return cls(own - sum(group for _, group in groups), groups)


def shared_rows(features: sp.csr_matrix | None, users: Indices) -> sp.csr_matrix | None:
    """Return the features of users without their identities, in the same columns; None without features."""
    if features is None:
        return None
    rows: sp.csr_matrix = features[users]
    if shared_features(features) is not None:
        rows.data[rows.indices < features.shape[0]] = 0
        rows.eliminate_zeros()
    return rows


@dataclass(frozen=True, eq=False)
class Represented:
    """Distinct users, and what a model knows of each.

    Attributes
    ----------
    embeddings, biases : float32 array, shape (n, n_components) and (n,)
        Their representations.
    features : csr_matrix, shape (n, n_features), or None
        The weights of their features.
    histories : csr_matrix, shape (n, n_items)
        Their positives.
    """

    embeddings: Floats
    biases: Floats
    features: sp.csr_matrix | None
    histories: sp.csr_matrix


def embedding_parts(
    state: EmbeddingState,
    data: TrainingData,
    prior: float | None,
    users: Represented,
    place: Places,
    items: Indices,
    attribution: Attribution,
) -> list[Part]:
    """Return the contributions to the scores of pairs.

    Parameters
    ----------
    state : EmbeddingState
        The parameters of the model.
    data : TrainingData
        Its training data.
    prior : float or None
        The weight of features in a representation.
    users : Represented
        The distinct users.
    place : int array, shape (n_pairs,)
        The place of each pair's user among these.
    items : int32 array, shape (n_pairs,)
        The item of each pair.
    attribution : Attribution
        Divides products with the users' own embeddings among the items of their history.
    """
    n_of_users = np.diff(users.histories.indptr)
    of_users = Components.of(state.users, users.embeddings, users.features, data.features("user"), n_of_users, prior)
    chosen, item_place = np.unique(items, return_inverse=True)
    rows, features = state.items.rows_of(chosen), state.items.features
    of_items = Components.of(
        state.items,
        rows[:, : state.items.n_components],
        None if features is None else features[chosen],
        data.features("item"),
        np.bincount(data.matrix.indices, minlength=len(data.item_ids))[chosen],
        prior,
    )
    parts = [
        *_feature_parts(of_users, of_items, place, item_place),
        *_own_parts(of_users.own, of_items.own, place, item_place, users.histories, items, attribution),
    ]
    biases = ((Cause.BASE, users.biases[place]), (Cause.BEST_SELLER, rows[item_place, state.items.n_components]))
    return [*parts, *(Part.of_all(cause, bias).take(bias != 0) for cause, bias in biases)]


def _feature_parts(users: Components, items: Components, place: Places, item_place: Places) -> list[Part]:
    """Return the contributions of features to the products of representations."""
    representation = items.own + sum(group for _, group in items.groups)
    of_users = (
        Part.of_all(Cause.USER_FEATURE, _products(group[place], representation[item_place]), name)
        for name, group in users.groups
    )
    of_items = (
        Part.of_all(Cause.ITEM_FEATURE, _products(users.own[place], group[item_place]), name)
        for name, group in items.groups
    )
    return [*of_users, *of_items]


def _own_parts(
    users: Doubles,
    items: Doubles,
    place: Places,
    item_place: Places,
    histories: sp.csr_matrix,
    pair_items: Indices,
    attribution: Attribution,
) -> list[Part]:
    """Return the contributions to the products of own embeddings."""
    parts, rest = list[Part](), _products(users[place], items[item_place])
    for distinct, chosen, _ in by_user(place.astype(np.int32), 1):
        user = int(distinct[0])
        history = histories.indices[histories.indptr[user] : histories.indptr[user + 1]]
        if len(history):
            values = attribution(user, history, users[user], items[item_place[chosen]])
            rest[chosen] -= values.sum(axis=0)
            pair, because = np.tile(chosen, len(history)), np.repeat(history, len(chosen))
            parts += divided(Part(Cause.BOUGHT_TOGETHER, pair, values.ravel(), because), pair_items)
    return [*parts, Part.of_all(Cause.TASTE, rest)]


def _products(left: Doubles, right: Doubles) -> Doubles:
    return np.asarray(np.einsum("ij,ij->i", left, right))
