"""TwoStage: several models suggest candidates, a ranker that knows time puts them in order."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, fields, replace
from datetime import timedelta
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt
import polars as pl
import scipy.sparse as sp
from tqdm import tqdm

from gingham.arrays import Indices
from gingham.columns import ITEM_ID, PRICE, RANK, USER_ID
from gingham.dataset import Dataset
from gingham.duration import period_starts
from gingham.errors import DataError, ParameterError
from gingham.models import BuyAgain, HybridMF, ItemKNN, NextBasket, Popularity, Recommender
from gingham.models.base import Callback, Some
from gingham.models.parametrized import to_json
from gingham.models.popularity import item_totals, rank_scores
from gingham.models.registry import check_names
from gingham.models.training_data import Data, TrainingData
from gingham.randomness import RandomState, generator
from gingham.ranking.candidates import Source
from gingham.ranking.examples import BLOCK, Examples, Stage
from gingham.ranking.explanation import NOTHING_TOLD, contributed
from gingham.ranking.pairs import find
from gingham.ranking.ranker import LightGBMRanker, Trees, lightgbm_module
from gingham.ranking.snapshot import Snapshot, times, untimed
from gingham.ranking.suggestions import fused, score_names
from gingham.scores import SharedScores, by_user
from gingham.store import Artifact
from gingham.validation import check_duration, check_integer, check_num_threads, check_optional_duration

_TREES = "ranker"
_SIDES = ("user_features", "item_features")


class TwoStage(Recommender):
    """Several models suggest candidates, and a ranker that knows time puts them in order.

    Before each of the last periods of the data, copies of the models are fitted to what had happened until then, and
    suggest candidates to those who bought something in the period. The ranker learns which of them were bought, from
    features as of the period's beginning: each model's score and rank; how often, how regularly and how lately the user
    bought the item and its categories; how the item sells, of late, by trend, in the user's segment; its age, price and
    discount; what is bought together with the user's last basket. Then the models are fitted to everything.

    Categories and segments are the columns that items' and users' features are made of. What no model suggests follows
    the candidates, best sellers first, so that `filter_seen` and allow-lists choose among all items; ask for more
    candidates where they leave few.

    In a matrix, or a dataset without timestamps, there is nothing to foretell: models' lists are then fused, the score
    being the sum of 1 / (60 + rank).

    Parameters
    ----------
    candidates : sequence of Recommender or Source, or None
        The models. They are not changed; `Source` says how many candidates one suggests, and how it is fitted. By
        default (None) `NextBasket`, `BuyAgain`, `Popularity`, `ItemKNN` and `HybridMF`.
    ranker : LightGBMRanker or None
        What orders candidates; by default (None) one with its default parameters.
    n_candidates : int
        How many candidates a model suggests to each user, unless its `Source` says otherwise; 50 by default.
    period : str
        How long the time is that is foretold, such as "7d" (default).
    n_periods : int
        From how many periods the ranker learns; 4 by default. Periods without purchases, or with none before them, are
        left out.
    stride : str or None
        How much later each of these periods begins than the one before it, such as "2d"; by default (None) when that
        one has ended. With less than a period they overlap, and the last ones end with the data, so that the ranker
        learns from more moments, and how what sells right now goes on.
    max_users : int
        How many users' candidates the ranker learns from in each period, drawn at random; 20,000 by default.
    random_state : int, Generator, RandomState or None
        The seed or source of what is drawn here; the models have their own. None (default) differs on every fit.

    References
    ----------
    Covington et al., "Deep Neural Networks for YouTube Recommendations", 2016 (two stages);
    Cormack et al., "Reciprocal rank fusion outperforms Condorcet and individual rank learning methods", 2009.
    """

    kind = "two-stage"
    default_space: ClassVar[Mapping[str, Any]] = {
        "n_candidates": {"low": 20, "high": 100},
        "n_periods": {"low": 2, "high": 8},
    }
    columns = frozenset({PRICE})
    supports = frozenset({"explanations"})

    _stage: Stage
    _sizes: list[int]
    _trees: Trees | None

    def __init__(
        self,
        candidates: Sequence[Recommender | Source] | None = None,
        ranker: LightGBMRanker | None = None,
        n_candidates: int = 50,
        period: str = "7d",
        n_periods: int = 4,
        stride: str | None = None,
        max_users: int = 20_000,
        random_state: RandomState = None,
    ) -> None:
        self.candidates = candidates
        self.ranker = ranker
        self.n_candidates = n_candidates
        self.period = period
        self.n_periods = n_periods
        self.stride = stride
        self.max_users = max_users
        self.random_state = random_state

    @classmethod
    def from_recipe(cls, params: Mapping[str, Any], section: str) -> Self:
        """Build an unfitted model from a recipe's section, of which candidates and ranker are tables."""
        params = dict(params)
        if "candidates" in params:
            params["candidates"] = [
                Source.from_recipe(keys, f"{section}.candidates.{number}")
                for number, keys in enumerate(params["candidates"])
            ]
        if "ranker" in params:
            keys = {name: value for name, value in params["ranker"].items() if name != "kind"}
            names = [field.name for field in fields(LightGBMRanker)]
            check_names(keys, names, f"{section}.ranker", "the ranker")
            params["ranker"] = LightGBMRanker(**keys)
        return cls(**params)

    def validate(self) -> None:
        """Check the parameters, those of the models and of the ranker too; `fit` does so first.

        Raises
        ------
        ParameterError
            If one is out of its range.
        """
        for name in ("n_candidates", "n_periods", "max_users"):
            check_integer(name, getattr(self, name), 1)
        check_duration("period", self.period)
        check_optional_duration("stride", self.stride)
        sources = self._sources()
        for source in sources:
            source.validate()
            if isinstance(source.model, TwoStage):
                raise ParameterError("A TwoStage is among the candidates; give the models that suggest its own.")
        if all(source.n_candidates == 0 for source in sources):
            raise ParameterError("n_candidates=0 in every Source suggests nothing to rank; give one of them some.")
        ranker = self._ranker()
        ranker.validate()
        scores = score_names([source.model for source in sources])
        if ranker.offset is not None and ranker.offset not in scores:
            raise ParameterError(
                f"ranker.offset={ranker.offset!r} is no model's score; give one of {', '.join(scores)}."
            )

    def _sources(self) -> list[Source]:
        given = self.candidates
        if given is None:
            given = [NextBasket(), BuyAgain(), Popularity(), ItemKNN(), HybridMF(random_state=42)]
        if isinstance(given, str | Recommender | Source) or not isinstance(given, Sequence) or not given:
            raise ParameterError(f"candidates={given!r} is no list of models; give at least one.")
        return [source if isinstance(source, Source) else Source(source) for source in given]

    def _ranker(self) -> LightGBMRanker:
        ranker = LightGBMRanker() if self.ranker is None else self.ranker
        if not isinstance(ranker, LightGBMRanker):
            raise ParameterError(f"ranker={ranker!r} is none; give a LightGBMRanker.")
        return ranker

    # Fitting ---------------------------------------------------------------------------------------------------------

    def fit(
        self,
        interactions: Data,
        *,
        num_threads: int = 0,
        callbacks: Iterable[Callback] = (),  # noqa: ARG002
        verbose: bool = True,
    ) -> Self:
        """Teach the ranker, period by period, then fit the models to everything.

        Parameters
        ----------
        interactions : Dataset or sparse matrix
            What was bought. A matrix (or a dataset without timestamps) has no periods, see above.
        num_threads : int
            How many threads grow trees; 0 (default) for all cores. The result does not depend on it.
        verbose : bool
            Whether a terminal shows a progress bar; True by default.

        Raises
        ------
        ParameterError, DataError
            If a parameter is out of its range, the periods hold nothing to learn from, or a model cannot be fitted.
        MissingExtraError
            If LightGBM, or what one of the models needs, is not installed.
        """
        self.validate()
        n_threads, period = check_num_threads(num_threads), check_duration("period", self.period)
        known = TrainingData.of(interactions)
        sources = self._sources()
        sizes = [int(self.n_candidates if source.n_candidates is None else source.n_candidates) for source in sources]
        trees = None
        with tqdm(total=2 * self.n_periods + 2, unit=" steps", disable=None if verbose else True) as bar:
            if isinstance(interactions, Dataset) and interactions.interactions.timestamp is not None:
                dataset = interactions
                trees = self._learn(dataset, period, sources, sizes, n_threads, bar)
            else:
                dataset = untimed(interactions, known)
            bar.set_postfix_str("models on everything")
            snapshot = Snapshot.latest(dataset, period)
            models = [source.fitted(snapshot) for source in sources]
            bar.update()
        self._take(known, snapshot, models, sizes, trees)
        return self

    def _learn(
        self,
        dataset: Dataset,
        period: timedelta,
        sources: Sequence[Source],
        sizes: Sequence[int],
        n_threads: int,
        bar: "tqdm[Any]",
    ) -> Trees:
        lightgbm_module()
        rng = generator(self.random_state)
        seed = int(rng.integers(2**31))
        found: list[Examples] = []
        names: tuple[str, ...] = ()
        for moment in self._moments(dataset, period):
            bar.set_postfix_str(f"models until {moment.item():%Y-%m-%d}")
            stage = Stage.fitted(Snapshot.of(dataset, moment, period), sources, sizes)
            bar.update()
            bar.set_postfix_str(f"features as of {moment.item():%Y-%m-%d}")
            examples = Examples.of(stage, dataset, self.max_users, rng)
            bar.update()
            if len(examples.sizes):
                found.append(examples)
            names = stage.features.names
        if not found:
            raise DataError(
                f"In the last n_periods={self.n_periods} periods of {self.period!r} nobody bought one candidate rather "
                "than another, so there is no order to learn; give more or longer periods, or more candidates."
            )
        bar.set_postfix_str("trees")
        trees = self._ranker().fit(found, names, seed, n_threads)
        bar.update()
        return trees

    def _moments(self, dataset: Dataset, period: timedelta) -> Iterator[np.datetime64]:
        """Give the beginnings of the periods that have purchases, and purchases before them."""
        when = times(dataset)[dataset.interactions.value > 0]
        if not len(when):
            return
        stride = check_optional_duration("stride", self.stride) or period
        for start in period_starts(times(dataset), stride, self.n_periods):
            if (when < start).any() and ((when >= start) & (when < start + np.timedelta64(period))).any():
                yield start

    def _take(
        self,
        known: TrainingData,
        snapshot: Snapshot,
        models: Sequence[Recommender],
        sizes: Sequence[int],
        trees: Trees | None,
    ) -> None:
        for model in models:
            model._training_data = known  # one copy will do
        self._training_data, self._sizes, self._trees = known, list(sizes), trees
        self._stage = Stage(snapshot, models, sizes)

    # Scoring ---------------------------------------------------------------------------------------------------------

    def _scores(self) -> SharedScores:
        floor = 0.0 if self._trees is None else self._trees.floor
        # What no model suggests is below whatever a candidate can score.
        fill = (rank_scores(item_totals(self.training_data_.matrix)) + np.floor(floor) - 1).astype(np.float32)
        return SharedScores(fill, self._own, BLOCK)

    def _own(self, users: Indices) -> sp.csr_matrix:
        pairs = self._stage.candidates.of(users)
        scores = fused(pairs) if self._trees is None else self._trees.scores(self._stage.features.of(pairs))
        indptr = np.searchsorted(pairs.place, np.arange(len(users) + 1))
        return sp.csr_matrix((scores, pairs.items, indptr), shape=(len(users), pairs.n_items))

    def explain(
        self,
        user_ids: Some | None = None,
        k: int = 12,
        filter_seen: bool = False,
        items: Some | None = None,
        exclude: Some | None = None,
    ) -> pl.DataFrame:
        """Say what each feature adds to the scores of what is recommended.

        Parameters
        ----------
        user_ids, k, filter_seen, items, exclude
            As for `recommend`.

        Returns
        -------
        polars.DataFrame
            ``user_id``, ``item_id``, ``rank``, ``feature``, its ``value`` (null where there is none) and its
            ``contribution``; those of a pair add up to its score. The feature "base" is what every pair begins at.
            What no model suggested has no rows.

        Raises
        ------
        NotFittedError, UnknownIdError, ParameterError
            As `recommend` does.
        DataError
            If there is no ranker, because the data had no timestamps.
        """
        table = self.recommend(user_ids, k, filter_seen, items, exclude)
        if self._trees is None:
            raise DataError("Ranks are fused, for the data had no timestamps: there is no ranker to explain.")
        users, chosen = (
            ids.index(table[column])
            for ids, column in ((self.training_data_.user_ids, USER_ID), (self.training_data_.item_ids, ITEM_ID))
        )
        parts = [NOTHING_TOLD]
        for distinct, rows, place in by_user(users, BLOCK):
            pairs = self._stage.candidates.of(distinct)
            there, entry = find(pairs.keys, place * pairs.n_items + chosen[rows])
            values = self._stage.features.of(pairs)[entry[there]]
            parts.append(
                contributed(rows[there], self._stage.features.names, values, self._trees.contributions(values))
            )
        told = pl.concat(parts).sort("row", maintain_order=True)
        return pl.concat([table.select(USER_ID, ITEM_ID, RANK)[told["row"]], told.drop("row")], how="horizontal")

    # Storing ---------------------------------------------------------------------------------------------------------

    def _stored_params(self) -> dict[str, Any]:
        stored = super()._stored_params()
        if self.candidates is not None:
            stored["candidates"] = [source.stored() for source in self._sources()]
        if self.ranker is not None:
            stored["ranker"] = {name: to_json(value) for name, value in asdict(self._ranker()).items()}
        return stored

    @classmethod
    def _restored_params(cls, stored: Mapping[str, Any]) -> dict[str, Any]:
        params = dict(stored)
        if params["candidates"] is not None:
            params["candidates"] = [Source.restored(source) for source in params["candidates"]]
        if params["ranker"] is not None:
            params["ranker"] = LightGBMRanker(**params["ranker"])
        return params

    def artifact(self) -> Artifact:
        """Give what is stored of the model; the ranker is a text, as LightGBM writes it.

        Raises
        ------
        NotFittedError
            If the model is not fitted.
        """
        stored = super().artifact()
        if self._trees is None:
            return stored
        text, rest = self._trees.stored()
        return replace(stored, texts={_TREES: text}, state={**stored.state, _TREES: rest})

    def _restore(self, stored: Artifact) -> None:
        text = stored.texts.get(_TREES)
        self._trees = None if text is None else Trees.restored(text, stored.state[_TREES])
        super()._restore(stored)

    def _learned(self) -> tuple[dict[str, Any], dict[str, npt.NDArray[Any]]]:
        snapshot, models = self._stage.snapshot, []
        data, columns = snapshot.dataset.arrays()
        arrays = {f"snapshot.{name}": array for name, array in columns.items()}
        for number, model in enumerate(self._stage.models):
            state, learned = model._learned()
            models.append({"kind": type(model).__name__, "params": model._stored_params(), "state": state})
            arrays |= {f"models.{number}.{name}": array for name, array in learned.items()}
        state = {
            "moment": int(snapshot.moment.astype(np.int64)),
            "period": snapshot.period.total_seconds(),
            "dataset": data,
            "models": models,
            "sizes": self._sizes,
        }
        return state, arrays

    def _relearn(self, state: dict[str, Any], arrays: dict[str, npt.NDArray[Any]]) -> None:
        known = self.training_data_
        data = state["dataset"] if "dataset" in state else _dataset_state(state, known)
        dataset = Dataset.from_arrays(data, _within("snapshot.", arrays), known.user_ids, known.item_ids)
        snapshot = Snapshot(dataset, np.datetime64(state["moment"], "us"), timedelta(seconds=state["period"]))
        models = []
        for number, stored in enumerate(state["models"]):
            kind = self.classes_by_name[stored["kind"]]
            model = kind(**kind._restored_params(stored["params"]))
            model._training_data = known
            model._relearn(stored["state"], _within(f"models.{number}.", arrays))
            models.append(model)
        self._take(known, snapshot, models, state["sizes"], self._trees)


def _within(prefix: str, arrays: Mapping[str, npt.NDArray[Any]]) -> dict[str, npt.NDArray[Any]]:
    return {name.removeprefix(prefix): array for name, array in arrays.items() if name.startswith(prefix)}


def _dataset_state(state: Mapping[str, Any], known: TrainingData) -> dict[str, Any]:
    """Describe the dataset of an artifact whose features have names only: their columns are those of the encoders."""
    shape = len(known.user_ids), len(known.item_ids)
    data: dict[str, Any] = {"n_users": shape[0], "n_items": shape[1]}
    for side, size, encoder in zip(_SIDES, shape, (known.user_encoder, known.item_encoder), strict=True):
        if side in state["features"]:
            width, *names = state["features"][side]
            features = encoder.features if encoder is not None and list(encoder.names) == names else ()
            definitions = [[feature.column, feature.label, feature.kind] for feature in features]
            data[side] = {
                "shape": [size, width],
                "definitions": definitions or [[name, "", "number"] for name in names],
            }
    return data
