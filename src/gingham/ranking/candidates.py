"""The first stage: several models suggest candidates to each user."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol, runtime_checkable

import numpy as np
from pydantic import Field, NonNegativeInt

from gingham.arrays import Bools, Indices
from gingham.checked import Values, require
from gingham.dataset import Dataset
from gingham.errors import ConfigError, ParameterError
from gingham.forks import require_threads
from gingham.models import Recommender, build_model, kinds
from gingham.models.parametrized import to_json
from gingham.ranking.pairs import History, Pairs
from gingham.ranking.snapshot import Snapshot, firsts
from gingham.scores import Scores, rank
from gingham.validation import check_bool, check_integer, error_prefix, optional, shown


class _StoredSource(Values):
    """A source as an artifact stores it; in version 0.1 the number of epochs was not a parameter of the model."""

    kind: str
    params: dict[str, Any]
    n_candidates: NonNegativeInt | None
    fit: dict[str, Any] = Field(default={})
    unsold: bool = False


@runtime_checkable
class FitsToScore(Protocol):
    """A model that takes less time to fit where only some users are scored."""

    def fit_to_score(self, users: Indices, interactions: Dataset, num_threads: int) -> Recommender:
        """Fit the model to score these users only; scores are those after `fit`, up to rounding."""


@dataclass(frozen=True)
class CandidateSource:
    """A model that suggests candidates to `TwoStage`, and how many.

    Parameters
    ----------
    model : Recommender
        Any model except a `TwoStage`. It is not changed; copies of it are fitted.
    n_candidates : int, optional
        How many items the model suggests to each user; `TwoStage.n_candidates` by default. With 0 it suggests none, but
        its scores of the other models' candidates are features.
    unsold : bool
        Whether the model suggests only items that were not sold yet, so that articles to be launched need not compete
        with best sellers for its list; False by default. There are such candidates if `Dataset.candidates` is "all".

    Examples
    --------
    >>> import gingham as gg
    >>> sources = [gg.NextBasket(), gg.CandidateSource(gg.Popularity("3d"), n_candidates=20)]
    >>> gg.TwoStage(sources, n_candidates=50).validate()
    """

    model: Recommender
    n_candidates: int | None = None
    unsold: bool = False

    @classmethod
    def from_recipe(cls, params: Any, section: str) -> "Recommender | CandidateSource":
        """Build a source from one of a recipe's ``[[model.candidates]]``.

        Parameters
        ----------
        params : mapping of str to value
            The table: ``kind``, optionally ``n_candidates`` and ``unsold``, and the parameters of the model.
        section : str
            The name of the section, for error messages.

        Returns
        -------
        Recommender or CandidateSource
            The model alone where there is nothing else.

        Raises
        ------
        ConfigError
            If there is no such model or parameter.
        ParameterError
            If the value of a parameter is not allowed.
        """
        model_params = check_table(params, section)
        kind, n_candidates = model_params.pop("kind", None), model_params.pop("n_candidates", None)
        unsold = model_params.pop("unsold", False)
        if not isinstance(kind, str):
            raise ConfigError(
                f"Section [{section}] must have a kind, one of {', '.join(map(repr, kinds()))}, not {kind!r}."
            )
        source = cls(build_model(kind, model_params, section), n_candidates, unsold)
        with error_prefix(f"Section [{section}]"):
            source.validate()
        return source.simplified()

    def simplified(self) -> "Recommender | CandidateSource":
        """Return the model alone if nothing else is set, otherwise this source."""
        return self.model if self.n_candidates is None and not self.unsold else self

    def validate(self) -> None:
        """Check the model, its parameters and `n_candidates`.

        Raises
        ------
        ParameterError
            If a value is not allowed.
        """
        if not isinstance(self.model, Recommender):
            raise ParameterError(f"{shown(self.model)} is not a model; pass models or instances of CandidateSource.")
        if not self.model.suggests_candidates:
            raise ParameterError(
                f"a {type(self.model).__name__} cannot be a candidate model; pass the models that it combines."
            )
        self.model.validate()
        stopping = getattr(self.model, "early_stopping", None)
        if stopping is not None and not stopping.splits_training_data:
            raise ParameterError(
                "early_stopping.validation of a candidate model must be a SplitSpec or None, because fixed validation "
                "data would reveal purchases from after the start of a training period."
            )
        optional(partial(check_integer, least=0))("n_candidates", self.n_candidates)
        check_bool("unsold", self.unsold)

    def to_json(self) -> dict[str, Any]:
        """Return the model's class, its parameters, `n_candidates` and `unsold` as JSON values."""
        model = {"kind": type(self.model).__name__, "params": self.model._stored_params()}
        return {**model, "n_candidates": to_json(self.n_candidates), "unsold": bool(self.unsold)}

    @classmethod
    def from_json(cls, stored: Any) -> "Recommender | CandidateSource":
        """Build what `to_json` described; the model alone where there is nothing else.

        Raises
        ------
        DataError, ParameterError
            If it is not what `to_json` returns.
        """
        values = _StoredSource.of(stored, "candidates")
        require(values.kind in Recommender.classes_by_name, f"there is no model {values.kind!r}")
        model = Recommender.classes_by_name[values.kind].unfitted(
            values.params | {name: value for name, value in values.fit.items() if name == "epochs"}
        )
        return cls(model, values.n_candidates, values.unsold).simplified()

    def fit(self, snapshot: Snapshot, num_threads: int) -> Recommender:
        """Fit a copy of the model to the data of a snapshot."""
        return self.model.copy().fit(snapshot.dataset, num_threads=num_threads, verbose=False)

    def fit_to_score(self, users: Indices, snapshot: Snapshot, num_threads: int) -> Recommender:
        """Fit a copy of the model to the data of a snapshot, to score these users only."""
        model = self.model.copy()
        if isinstance(model, FitsToScore):
            return model.fit_to_score(users, snapshot.dataset, num_threads)
        return model.fit(snapshot.dataset, num_threads=num_threads, verbose=False)


def build_sources(tables: Any, section: str) -> list[Recommender | CandidateSource]:
    """Build the sources of a recipe's ``[[model.candidates]]``.

    Raises
    ------
    ConfigError, ParameterError
        As `CandidateSource.from_recipe` does, and if it is not a list of tables.
    """
    if not isinstance(tables, list):
        raise ConfigError(f"{section} must be a list of tables [[{section}]], not {tables!r}.")
    return [CandidateSource.from_recipe(table, f"{section}.{number}") for number, table in enumerate(tables)]


def check_table(params: Any, section: str) -> dict[str, Any]:
    """Return a copy of a section of a recipe.

    Raises
    ------
    ConfigError
        If it is not a table.
    """
    if not isinstance(params, Mapping):
        raise ConfigError(f"Section [{section}] must be a table, not {params!r}.")
    return dict(params)


class Candidates:
    """The candidates that fitted models suggest.

    Parameters
    ----------
    scores : sequence of Scores
        The scores of the models for some users.
    sizes : sequence of int
        How many items each model suggests to a user.
    history : History
        The history of these users.
    allowed : bool array, shape (n_items,)
        Whether each item can be a candidate; see `Snapshot.candidates`.
    pools : sequence of int32 array or None
        For each model, the items that it chooses from; None for all. By default, all models choose from all items.
    """

    def __init__(
        self,
        scores: Sequence[Scores],
        sizes: Sequence[int],
        history: History,
        allowed: Bools,
        pools: Sequence[Indices | None] = (),
    ) -> None:
        self.scores, self._sizes, self._history, self._allowed = scores, sizes, history, allowed
        self._pools = pools or [None] * len(scores)

    def pairs(self, users: Indices) -> Pairs:
        """Return the candidates of users: the items that a model suggests, except those that the dataset excludes."""
        require_threads("Ranking in two stages")
        n_items, n_users, n_sources = len(self._allowed), len(users), len(self.scores)
        keys, ranks, sources = [], [], []
        for source, (scores, size, pool) in enumerate(zip(self.scores, self._sizes, self._pools, strict=True)):
            k = min(size, n_items if pool is None else len(pool))
            items = rank(scores, users, k=k, candidates=pool if k else None).items
            suggested = (items >= 0) & self._allowed[items]
            key = np.arange(n_users)[:, None] * n_items + items
            keys.append(key[suggested])
            ranks.append(np.broadcast_to(np.arange(1, items.shape[1] + 1, dtype=np.float32), items.shape)[suggested])
            sources.append(np.full(len(keys[-1]), source))
        all_keys = np.concatenate(keys)
        order = np.argsort(all_keys, kind="stable")
        starts = firsts(all_keys[order])
        pair = np.empty(len(all_keys), np.int64)
        pair[order] = np.repeat(np.arange(len(starts)), np.diff(np.append(starts, len(all_keys))))
        pair_ranks = np.full((len(starts), n_sources), np.nan, np.float32)
        pair_ranks[pair, np.concatenate(sources)] = np.concatenate(ranks)
        position, item = np.divmod(all_keys[order][starts], n_items)
        return Pairs(users, position, item.astype(np.int32), pair_ranks, self._history.of(users), n_items)
