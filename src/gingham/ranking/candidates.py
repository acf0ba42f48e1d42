"""The first stage: what may be recommended, as several models suggest it."""

import inspect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from gingham.arrays import Indices
from gingham.errors import ParameterError
from gingham.models import Recommender, build_model
from gingham.models.parametrized import to_json
from gingham.ranking.pairs import History, Pairs
from gingham.ranking.snapshot import Snapshot, firsts
from gingham.scores import rank
from gingham.validation import check_integer

# What may be said of a source's training; its data are the snapshot's.
_TRAINING = ("epochs", "num_threads", "verbose")


@dataclass(frozen=True)
class Source:
    """A model that suggests candidates.

    Attributes
    ----------
    model : Recommender
        Any model; it is not fitted itself, copies of it are.
    n_candidates : int, optional
        How many items it suggests to each user; by default as many as `TwoStage.n_candidates` says. 0: none, but its
        scores of what others suggest are features.
    fit : mapping of str to value
        How it is trained, such as ``{"epochs": 5}``: those of ``epochs``, ``num_threads`` and ``verbose`` that its
        `fit` takes; nothing by default.
    """

    model: Recommender
    n_candidates: int | None = None
    fit: Mapping[str, Any] = field(default_factory=dict)

    def validate(self) -> None:
        """Check the model's parameters, and how it is used.

        Raises
        ------
        ParameterError
            If a parameter is out of its range, or `fit` has something else than is said above.
        """
        if not isinstance(self.model, Recommender):
            raise ParameterError(f"{self.model!r} among the candidates is no model; give models, or a Source of one.")
        self.model.validate()
        if self.n_candidates is not None:
            check_integer("n_candidates", self.n_candidates, 0)
        if not isinstance(self.fit, Mapping):
            raise ParameterError(f"fit={self.fit!r} is no mapping; give one such as {{'epochs': 5}}.")
        what = type(self.model).__name__
        known = [name for name in inspect.signature(self.model.fit).parameters if name in _TRAINING]
        for name, value in self.fit.items():
            if name not in known:
                takes = f"takes {', '.join(known)}" if known else "takes nothing here"
                raise ParameterError(f"fit={dict(self.fit)!r} has {name!r}; {what}.fit {takes}.")
            if not isinstance(value, bool | int | np.integer):
                raise ParameterError(f"fit={dict(self.fit)!r} has {name}={value!r}; give {what} a number.")

    @classmethod
    def from_recipe(cls, keys: Mapping[str, Any], section: str) -> "Source":
        """Build it from one of a recipe's ``[[model.candidates]]``."""
        params = dict(keys)
        kind, n_candidates = params.pop("kind", ""), params.pop("n_candidates", None)
        return cls(build_model(kind, params, section), n_candidates)

    def stored(self) -> dict[str, Any]:
        """Give it as JSON values."""
        model = {"kind": type(self.model).__name__, "params": self.model._stored_params()}
        training = {name: to_json(value) for name, value in self.fit.items()}
        return {**model, "n_candidates": to_json(self.n_candidates), "fit": training}

    @classmethod
    def restored(cls, stored: Mapping[str, Any]) -> "Recommender | Source":
        """Take what `stored` gave; where nothing is said of a model, the model alone."""
        kind = Recommender.classes_by_name[stored["kind"]]
        model, n_candidates, fit = (
            kind(**kind._restored_params(stored["params"])),
            stored["n_candidates"],
            stored["fit"],
        )
        return model if n_candidates is None and not fit else cls(model, n_candidates, fit)

    def fitted(self, snapshot: Snapshot) -> Recommender:
        """Fit a copy to what was known at a moment."""
        copy = type(self.model)(**self.model.get_params())
        return copy.fit(snapshot.dataset, **{"verbose": False, **self.fit})


class Candidates:
    """What fitted models suggest.

    Parameters
    ----------
    models : sequence of Recommender
        Fitted to the data of `snapshot`.
    sizes : sequence of int
        How many items each suggests to a user.
    snapshot : Snapshot
        What was known.
    """

    def __init__(self, models: Sequence[Recommender], sizes: Sequence[int], snapshot: Snapshot) -> None:
        self.scores = [model._scores() for model in models]
        self._sizes, self._sold = sizes, snapshot.sold
        self._history = History(snapshot)

    def of(self, users: Indices) -> Pairs:
        """Give these users' candidates: whatever a model suggests, unless it was never sold."""
        n_items, n_users, n_sources = len(self._sold), len(users), len(self.scores)
        keys, places, sources = [], [], []
        for source, (scores, size) in enumerate(zip(self.scores, self._sizes, strict=True)):
            items = rank(scores, users, k=min(size, n_items)).items
            suggested = (items >= 0) & self._sold[items]
            key = np.arange(n_users)[:, None] * n_items + items
            keys.append(key[suggested])
            places.append(np.broadcast_to(np.arange(1, items.shape[1] + 1, dtype=np.float32), items.shape)[suggested])
            sources.append(np.full(len(keys[-1]), source))
        every = np.concatenate(keys)
        order = np.argsort(every, kind="stable")
        starts = firsts(every[order])
        pair = np.empty(len(every), np.int64)
        pair[order] = np.repeat(np.arange(len(starts)), np.diff(np.append(starts, len(every))))
        ranks = np.full((len(starts), n_sources), np.nan, np.float32)
        ranks[pair, np.concatenate(sources)] = np.concatenate(places)
        place, item = np.divmod(every[order][starts], n_items)
        return Pairs(users, place, item.astype(np.int32), ranks, self._history.of(users), n_items)
