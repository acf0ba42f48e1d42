"""Stochastic gradient descent in the native kernel: one epoch of a HybridMF."""

from dataclasses import dataclass, replace

from gingham import _native
from gingham.arrays import aligned
from gingham.models import plan
from gingham.models.epochs import ProgressFunction
from gingham.models.hybrid_state import PRIOR_SCHEDULE, HybridState
from gingham.models.side import Side
from gingham.models.training_pairs import TrainingPairs


@dataclass(frozen=True, kw_only=True)
class Descent:
    """The parameters of `HybridMF` that determine a step, by the same names."""

    loss: str
    learning_rate: float
    rho: float
    epsilon: float
    user_alpha: float
    item_alpha: float
    regularization: float
    max_sampled: int
    k: int
    n: int

    def train(
        self, state: HybridState, problem: TrainingPairs, n_threads: int, progress: ProgressFunction | None
    ) -> float:
        """Train the identities of a state, then its priors against fixed identities; return the mean loss of the first.

        Parameters
        ----------
        state : HybridState
        problem : TrainingPairs
        n_threads : int
        progress : callable or None
            Called with the number of examples that are done.
        """
        seed, done = state.next_seed(), len(state.history)
        users, items = state.trained
        loss = self.run(
            users, items, problem, state.schedule, seed=seed, done=done, n_threads=n_threads, progress=progress
        )
        (of_users, of_items), (user_pairs, item_pairs) = state.priors, problem.priors
        # An alpha would shrink the fixed side, too.
        if of_users is not None and user_pairs is not None:
            fixing, sides = replace(self, item_alpha=0.0), (of_users.shared, items.fixed_copy())
            fixing.run(*sides, user_pairs, PRIOR_SCHEDULE, seed=seed, done=done, n_threads=n_threads)
        if of_items is not None and item_pairs is not None:
            fixing, sides = replace(self, user_alpha=0.0), (users.fixed_copy(), of_items.shared)
            fixing.run(*sides, item_pairs, PRIOR_SCHEDULE, seed=seed, done=done, n_threads=n_threads)
        return loss

    def run(
        self,
        users: Side,
        items: Side,
        pairs: TrainingPairs,
        schedule: str,
        *,
        seed: int,
        done: int,
        n_threads: int,
        progress: ProgressFunction | None = None,
    ) -> float:
        """Train two sides in place for one epoch.

        Parameters
        ----------
        users, items : Side
        pairs : TrainingPairs
        schedule : str
            The learning schedule that both sides have memory for.
        seed : int
            The source of the draws.
        done : int
            The number of epochs before.
        n_threads : int
        progress : callable, optional
            Called with the number of examples that are done.

        Returns
        -------
        float
            The mean loss of the examples.
        """
        n_items = (items.state if items.features is None else items.features).shape[0]
        has_features = any(side.features is not None for side in (users, items))
        shrinkage = self.learning_rate * max(self.user_alpha, self.item_alpha)
        cache = None if items.features is None else aligned(n_items, _native.padded_width(items.n_components))
        total = _native.train_epoch(
            loss=self.loss,
            schedule=schedule,
            examples=pairs.examples,
            positives=pairs.positives,
            pool=pairs.pool,
            users=users.native(pairs.owners[0], self.regularization, self.user_alpha),
            items=items.native(pairs.owners[1], self.regularization, self.item_alpha),
            item_cache=cache,
            n_components=items.n_components,
            n_items=n_items,
            learning_rate=self.learning_rate,
            rho=self.rho,
            epsilon=self.epsilon,
            max_sampled=self.max_sampled,
            k=self.k,
            n=self.n,
            seed=seed,
            plan=(pairs.lanes, plan.blocks(len(pairs), len(pairs) * done, has_features, shrinkage)),
            num_threads=n_threads,
            progress=progress,
        )
        return total / len(pairs)
