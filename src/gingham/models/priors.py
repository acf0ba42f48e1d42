"""Priors: what features say about users and items, and how much that weighs in their representations."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Literal, Self

import numpy as np
import scipy.sparse as sp

from gingham import _native
from gingham.arrays import Bools, Doubles, Floats, Indices, Longs, aligned
from gingham.models.epochs import EmbeddingState
from gingham.models.inputs import FeatureMatrices
from gingham.models.moved_side import moved_side, place_embeddings, shared_features
from gingham.models.moving import Places
from gingham.models.side import Side


def split_features(features: FeatureMatrices, strength: float | None) -> tuple[FeatureMatrices, FeatureMatrices]:
    """Return the features that are trained together, and those that a prior is made of.

    Parameters
    ----------
    features : pair of csr_matrix or None
        Of users and of items.
    strength : float or None
        The strength of priors; None for no priors.

    Returns
    -------
    trained, shared : pair of csr_matrix or None
        With a prior, only identities are trained together, and the matrix of these is None.
    """
    users, items = (None if strength is None else shared_features(matrix) for matrix in features)
    trained = (features[0] if users is None else None, features[1] if items is None else None)
    return trained, (users, items)


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
        """Return a side for `represent`."""
        n_features = len(self.evidence) + len(self.shared.state)
        return Side.zeros(n_features, features, self.identities.n_components)

    def represent(self, side: Side, strength: float) -> None:
        """Set the parameters of a side such that its representations are drawn to the prior.

        With evidence n, a representation is ``(n^2 * identity + strength * prior) / (n^2 + strength)``; without
        evidence, it is the prior. With n instead of its square, users with dozens of interactions got worse lists.
        """
        assert side.features is not None  # because shared features are part of them
        n, width = len(self.evidence), _native.padded_width(side.n_components)
        prior = self.shared.rows()
        weight = self.evidence.astype(np.float64) ** 2
        share = np.divide(weight, weight + strength, out=np.zeros(n), where=weight > 0)
        share /= side.features[:, :n].diagonal()
        side.state[n:] = self.shared.state[:, :width]
        np.multiply(self.identities.state[:, :width] - prior, share[:, None].astype(np.float32), out=side.state[:n])

    def without_negatives(self) -> "Prior":
        """Return the prior without the evidence of negatives: entities without positives are unknown."""
        return replace(self, evidence=np.where(self.evidence > 1, self.evidence, 0))

    def moved(self, places: Places, features: sp.csr_matrix | None) -> "Prior":
        """Return the prior for other entities; new ones have no evidence."""
        shared = shared_features(features)
        assert shared is not None  # because a prior has shared features
        state = aligned(*self.shared.state.shape)
        state[:] = self.shared.state
        return Prior(
            moved_side(self.identities, places, None),
            Side(state, shared, self.shared.n_components),
            places.array(self.evidence, 0),
        )

    def continued(self, features: sp.csr_matrix | None, evidence: Longs) -> "Prior":
        """Return the prior for other features and interactions of the same entities."""
        shared = replace(self.shared, features=shared_features(features))
        return replace(self, shared=shared, evidence=np.maximum(self.evidence, evidence))


Priors = tuple[Prior | None, Prior | None]


@dataclass(eq=False, kw_only=True)
class PriorState(EmbeddingState):
    """The parameters of a model whose users and items may have priors.

    Attributes
    ----------
    priors : pair of Prior or None
        Of users and of items. None where there are no shared features or they are trained together with identities:
        the side itself is trained. Otherwise, the prior's parts are, and the side follows from them.
    """

    priors: Priors = field(default=(None, None))

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

    def moved(self, users: Places, items: Places, features: FeatureMatrices) -> Self:
        """Return the parameters for other users and items, in new arrays; see `EmbeddingState.moved`."""
        state = super().moved(users, items, features)
        first, second = (
            None if prior is None else prior.moved(places, matrix)
            for prior, places, matrix in zip(self.priors, (users, items), features, strict=True)
        )
        return replace(state, priors=(first, second))

    def centre(self, which: Literal[0, 1], chosen: Indices) -> Floats:
        """Return the embeddings that those of some users or items are drawn to; identities with a prior, to none."""
        if self.priors[which] is None:
            return super().centre(which, chosen)
        return np.zeros((len(chosen), self.users.n_components), np.float32)

    def place(self, which: Literal[0, 1], chosen: Indices, embeddings: Floats, n_positives: Longs) -> None:
        """Set the embeddings that were solved for some users or items; with a prior, `represent` has to follow."""
        prior = self.priors[which]
        if prior is None:
            super().place(which, chosen, embeddings, n_positives)
        else:
            place_embeddings(prior.identities, chosen, embeddings)
            prior.evidence[chosen] = np.where(n_positives > 0, n_positives + 1, 0)

    def represent(self, strength: float | None) -> None:
        """Compute the sides that have a prior."""
        for side, prior in zip((self.users, self.items), self.priors, strict=True):
            if prior is not None and strength is not None:
                prior.represent(side, strength)

    def launch_unsold(self, strength: float | None) -> None:
        """Represent items without positives by their features alone; without a prior of items, nothing changes."""
        users, items = self.priors
        if items is not None:
            self.priors = (users, items.without_negatives())
            self.represent(strength)


def sides_of(trained: Sequence[Side], priors: Sequence[Prior | None], features: FeatureMatrices) -> tuple[Side, Side]:
    """Return the sides of users and of items: those that are trained, or those that `PriorState.represent` sets."""
    users, items = (
        side if prior is None else prior.new_side(matrix)
        for side, prior, matrix in zip(trained, priors, features, strict=True)
    )
    return users, items


def evidence_share(positives: sp.csr_matrix, strength: float) -> Doubles:
    """Return the share of the identity in the representation of each user, as `Prior.represent` computes it.

    Parameters
    ----------
    positives : csr_matrix, shape (n_users, n_items)
        The positives of each user.
    strength : float
        The strength of the prior.

    Returns
    -------
    float64 array, shape (n_users,)
        Zero for a user without positives.
    """
    n = np.diff(positives.indptr).astype(np.float64)
    weight = (n + 1) ** 2
    return np.where(n > 0, weight / (weight + strength), 0)


def evidence_of(entries: sp.csr_matrix, active: tuple[Bools, Bools]) -> tuple[Longs, Longs]:
    """Return the evidence of users and of items, as `Prior` counts it.

    Parameters
    ----------
    entries : csr_matrix, shape (n_users, n_items)
        The interactions; a positive's value is above zero.
    active : pair of bool arrays
        The users and the items whose identities training reaches.
    """
    positives = sp.csr_matrix(entries > 0)
    of_users, of_items = positives.getnnz(axis=1), positives.getnnz(axis=0)
    users, items = (
        np.where(reached, 1 + counts.astype(np.int64), 0)
        for reached, counts in zip(active, (of_users, of_items), strict=True)
    )
    return users, items
