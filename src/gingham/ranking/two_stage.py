"""TwoStage: several models suggest candidates, and a ranker orders them."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from functools import partial
from typing import Any, ClassVar, Self

import numpy as np
import scipy.sparse as sp
from tqdm import tqdm

from gingham.arrays import Floats, Indices
from gingham.checked import require
from gingham.columns import PRICE, TIMESTAMP
from gingham.dataset import Dataset
from gingham.errors import ArtifactError, DataError, ParameterError
from gingham.models import (
    BasketRegression,
    BuyAgain,
    Callback,
    ContentBased,
    ItemKNN,
    NextBasket,
    Popularity,
    Recommender,
)
from gingham.models.cold import ColdUsers
from gingham.models.living import refreshed
from gingham.models.training_data import Data, TrainingData
from gingham.progress import progress_bar
from gingham.randomness import RandomState, generator
from gingham.ranking.blending import fit_blended
from gingham.ranking.candidate_model import CandidateModel
from gingham.ranking.candidates import Candidates, CandidateSource, build_sources
from gingham.ranking.examples import BLOCK, Stage
from gingham.ranking.features import PairFeatures
from gingham.ranking.lightgbm_ranker import LightGBMRanker
from gingham.ranking.ranker import FittedRanker, Ranker, build_ranker, ranker_of_json
from gingham.ranking.snapshot import Snapshot, timed_log, with_equal_times
from gingham.ranking.suggestions import fused_ranks, score_names
from gingham.ranking.training import training_examples, training_moments
from gingham.scores import SharedScores
from gingham.validation import (
    Check,
    check_bool,
    check_duration,
    check_fit_arguments,
    check_integer,
    check_optional_duration,
    error_prefix,
    shown,
)


class TwoStage(CandidateModel):
    """Let several models suggest candidates, and order each user's candidates with a ranker.

    The ranker is trained on the last periods of the data. At the start of each period, copies of the models are fitted
    to the data before it, and suggest candidates to the users who bought something in the period. The ranker learns
    which candidates were bought, from features as of the start of the period: each model's score and rank; how often,
    regularly and recently the user bought the item and its categories; the item's recent sales, overall and in the
    user's segment; its age, price and discount; the items of the user's last basket. Then the models are fitted to all
    data.

    Categories and segments are the columns of the item and user features. Items that no model suggests follow the
    candidates in the order of their sales, so that `filter_seen` and allow-lists choose among all items. Use more
    candidates where few of them remain after filtering.

    A matrix, or a dataset without timestamps, has no periods to train a ranker on. The models' lists are then combined
    by reciprocal rank fusion: the score is the sum of 1 / (60 + rank).

    Parameters
    ----------
    candidates : sequence of Recommender or CandidateSource, or None
        The models that suggest candidates; with a `CandidateSource`, their number can be set for each model. The models
        themselves are not changed. By default (None) `NextBasket`, `BuyAgain`, `Popularity`, `ItemKNN` and, where the
        data have an order, `BasketRegression`. Where `Dataset.candidates` is "all" and items have features,
        `ContentBased` suggests items that were not sold yet.
    ranker : Ranker or None
        What orders the candidates; by default (None) a `LightGBMRanker` with its default parameters.
    n_candidates : int
        How many candidates a model suggests to each user, unless its `CandidateSource` sets another number; 50 by
        default.
    period : str
        The length of the period to predict, such as "7d" (default).
    n_periods : int
        How many past periods the ranker is trained on; 4 by default. Periods without purchases, or without purchases
        before them, are left out.
    stride : str or None
        The time between the starts of consecutive training periods, such as "2d"; the length of a period by default
        (None). With less, periods overlap, and the last ones reach beyond the end of the data, so that the ranker sees
        more, and more recent, situations.
    max_users : int
        The maximum number of users of each period that the ranker is trained on, sampled at random; 20,000 by default.
    random_state : int, Generator, RandomState or None
        The seed or generator of the sample of users and of the ranker; the models have their own. None (default) gives
        a different result for every fit.
    blend : bool
        Whether the score of a candidate model may be added to the ranker's score; True by default. Trees cannot predict
        a score above those of the training periods, so they follow a new offer less than the sales do. A ranker fitted
        to half of the users of the other periods is compared on the last one with four weights of the logarithm of each
        model's score. The best is used if it improves MAP@12 by three standard errors, paired by user; otherwise the
        ranker alone. `blend_` shows it. Has no effect with a ranker that has an offset, with one training period, or
        where the last one has fewer than 200 users.

    Attributes
    ----------
    blend_ : tuple of str and float, or None
        The feature whose logarithm is added to the ranker's score, such as "NextBasket_score", and its weight; None if
        nothing is added.

    References
    ----------
    Covington et al., "Deep Neural Networks for YouTube Recommendations", 2016 (two stages);
    Cormack et al., "Reciprocal rank fusion outperforms Condorcet and individual rank learning methods", 2009.

    Examples
    --------
    >>> import gingham as gg
    >>> ranker = gg.LightGBMRanker(n_estimators=20, num_leaves=7, min_child_samples=10)
    >>> model = gg.TwoStage([gg.NextBasket(), gg.Popularity()], ranker, n_candidates=10, random_state=42)
    >>> model.fit(gg.synth.sample_dataset()).recommend("u00", k=3)["rank"].to_list()
    [1, 2, 3]
    """

    kind = "two-stage"
    panel_cost = 15.0
    panel_needs = frozenset({TIMESTAMP})
    default_space: ClassVar[Mapping[str, Any]] = {
        "n_candidates": {"low": 20, "high": 100},
        "n_periods": {"low": 2, "high": 8},
    }
    columns = frozenset({PRICE})
    suggests_candidates = False
    constraints: ClassVar[Mapping[str, Check]] = {
        "n_candidates": check_integer,
        "period": check_duration,
        "n_periods": partial(check_integer, most=10_000),
        "stride": check_optional_duration,
        "max_users": check_integer,
        "blend": check_bool,
    }
    _added_params = frozenset({"blend"})

    def __init__(
        self,
        candidates: Sequence[Recommender | CandidateSource] | None = None,
        ranker: Ranker | None = None,
        n_candidates: int = 50,
        period: str = "7d",
        n_periods: int = 4,
        stride: str | None = None,
        max_users: int = 20_000,
        random_state: RandomState = None,
        blend: bool = True,
    ) -> None:
        self.candidates = candidates
        self.ranker = ranker
        self.n_candidates = n_candidates
        self.period = period
        self.n_periods = n_periods
        self.stride = stride
        self.max_users = max_users
        self.random_state = random_state
        self.blend = blend

    @classmethod
    def from_recipe(cls, params: Mapping[str, Any], section: str) -> Self:
        """Build an unfitted model from the keys of a recipe's section.

        Parameters
        ----------
        params : mapping of str to value
            Parameters as a recipe writes them. ``candidates`` is a list of tables, each with the ``kind`` of a model,
            optionally ``n_candidates``, and the model's parameters. ``ranker`` is a table with the ranker's parameters,
            and optionally its ``kind``.
        section : str
            The section's name, for error messages.

        Raises
        ------
        ConfigError
            If there is no such model, ranker or parameter.
        ParameterError
            If the value of a parameter is not allowed.
        """
        built = dict(params)
        if built.get("candidates") is not None:
            built["candidates"] = build_sources(built["candidates"], f"{section}.candidates")
        if built.get("ranker") is not None:
            built["ranker"] = build_ranker(built["ranker"], f"{section}.ranker")
        return cls(**built)

    def validate(self) -> None:
        """Check the parameters, including those of the candidate models and the ranker; `fit` does this first.

        Raises
        ------
        ParameterError
            If a value is not allowed.
        """
        super().validate()
        sources = self._sources()
        for number, source in enumerate(sources):
            with error_prefix(f"candidates[{number}]"):
                source.validate()
        if all(source.n_candidates == 0 for source in sources):
            raise ParameterError("n_candidates is 0 in every CandidateSource; use a positive number in at least one.")
        with error_prefix("ranker"):
            self._ranker().validate(score_names([source.model for source in sources]))

    def _sources(self, ordered: bool = True) -> list[CandidateSource]:
        """Return the candidate models; by default those that data with or without an order can be fitted to."""
        candidates = self.candidates
        if candidates is None:
            models = (NextBasket(), BuyAgain(), Popularity(), ItemKNN(), BasketRegression())
            candidates = [model for model in models if ordered or not model.requires_order]
        is_list = isinstance(candidates, Sequence) and not isinstance(candidates, str)
        if not is_list or not candidates:
            raise ParameterError(f"candidates must be a list of at least one model, not {shown(candidates)}.")
        return [source if isinstance(source, CandidateSource) else CandidateSource(source) for source in candidates]

    def _ranker(self) -> Ranker:
        ranker = LightGBMRanker() if self.ranker is None else self.ranker
        if not isinstance(ranker, Ranker):
            raise ParameterError(f"ranker must be a Ranker such as LightGBMRanker(), not {shown(ranker)}.")
        return ranker

    # Fitting ---------------------------------------------------------------------------------------------------------

    def fit(
        self,
        interactions: Data,
        y: None = None,
        *,
        num_threads: int = 0,
        callbacks: Iterable[Callback] = (),
        verbose: bool = True,
    ) -> Self:
        """Train the ranker period by period, then fit the models to all data.

        Parameters
        ----------
        interactions : Dataset or sparse matrix, shape (n_users, n_items)
            The purchases. A matrix, or a dataset without timestamps, has no periods; see above.
        num_threads : int
            The number of threads of the ranker and of the candidate models; 0 (default) for all cores.
        y, callbacks
            As for other models; the callbacks are not called, because this model is not trained in epochs.
        verbose : bool
            Whether a terminal shows a progress bar; True by default. The candidate models show none.

        Raises
        ------
        ParameterError
            If the value of a parameter is not allowed.
        DataError
            If no period has training examples, or a model cannot be fitted to the data.
        MissingExtraError
            If LightGBM, or a library that one of the models needs, is not installed.
        """
        self.validate()
        n_threads, _ = check_fit_arguments(num_threads, callbacks, verbose, y)
        period = check_duration("period", self.period)
        training_data = TrainingData.of(interactions)
        interactions = training_data.positives(interactions)
        ordered = isinstance(interactions, Dataset) and bool(interactions.interactions.sequence)
        sources, ranker, fitted_ranker = self._sources(ordered), self._ranker(), None
        if self.candidates is None and _describes_launches(interactions):
            sources.append(CandidateSource(ContentBased(), unsold=True))
        sizes = [int(self.n_candidates if source.n_candidates is None else source.n_candidates) for source in sources]
        with progress_bar(total=2 * self.n_periods + 2, unit=" steps", verbose=verbose) as bar:
            fitting: dict[str, Any] = {"sources": sources, "sizes": sizes, "num_threads": n_threads}
            if isinstance(interactions, Dataset) and interactions.interactions.has_times:
                dataset = interactions
                fit_stage = partial(Stage.fit_to_score, **fitting)
                fitted_ranker = self._fit_ranker(ranker, dataset, period, fit_stage, n_threads, bar)
            else:
                dataset = with_equal_times(interactions, training_data)
            bar.set_postfix_str("models on all data")
            stage = Stage.fit(Snapshot.latest(dataset, period), **fitting)
            bar.update()
        for model in stage.models:
            model._training_data = training_data  # one copy is enough
        self._training_data, self._stage = training_data, stage
        self._fitted_ranker, self._fitted_kind = fitted_ranker, ranker.kind
        return self

    def _fit_ranker(
        self,
        ranker: Ranker,
        dataset: Dataset,
        period: timedelta,
        fit_stage: "partial[Stage]",
        n_threads: int,
        bar: "tqdm[Any]",
    ) -> FittedRanker:
        ranker.import_libraries()
        rng = generator(self.random_state)
        seed = int(rng.integers(2**31))
        stride = check_optional_duration("stride", self.stride) or period
        moments = training_moments(dataset, period, stride, self.n_periods)
        periods, names = training_examples(dataset, moments, period, fit_stage, self.max_users, rng, bar)
        if not periods:
            raise DataError(
                f"No training examples: no user bought some, but not all, of the suggested items in the last "
                f"{self.n_periods} periods of {self.period}; increase n_periods, period or n_candidates."
            )
        bar.set_postfix_str("ranker")
        fit = partial(ranker.fit, feature_names=names, seed=seed, num_threads=n_threads)
        sources = fit_stage.keywords["sources"]
        columns = [names.index(name) for name in score_names([source.model for source in sources])]
        fitted = fit_blended(fit, periods, columns) if self.blend and ranker.can_be_blended else fit(periods)
        bar.update()
        return fitted

    def _refresh(self, before: TrainingData, after: TrainingData, changed: Indices, n_threads: int) -> None:
        snapshot = Snapshot.latest(timed_log(after), self._stage.snapshot.period)
        models = refreshed(self._stage.models, before, after, changed, n_threads)
        self._stage = Stage(snapshot, models, self._stage.sizes)
        self._training_data = after

    # Scoring ---------------------------------------------------------------------------------------------------------

    def _scores(self) -> SharedScores:
        return self._scores_of(self._stage.candidates, self._stage.features)

    def _cold_scores(self, users: ColdUsers, n_threads: int) -> SharedScores:
        return self._scores_of(*self._stage.of_users(users, n_threads))

    @property
    def _uses_features(self) -> bool:
        in_segments = self._stage.snapshot.dataset.user_features is not None
        return in_segments or any(model._uses_features for model in self._stage.models)

    def _scores_of(self, candidates: Candidates, features: PairFeatures) -> SharedScores:
        ranker = self._fitted_ranker
        if ranker is not None and ranker.n_features != len(features.names):
            raise ArtifactError(
                f"The stored ranker has {ranker.n_features} features, but the models and data have "
                f"{len(features.names)}; fit and save the model again."
            )

        def own(users: Indices) -> sp.csr_matrix:
            pairs = candidates.pairs(users)
            scores = fused_ranks(pairs) if ranker is None else ranker.score(features.values(pairs))
            indptr = np.searchsorted(pairs.position, np.arange(len(users) + 1))
            return sp.csr_matrix((scores, pairs.items, indptr), shape=(len(users), pairs.n_items))

        return SharedScores(self._fill, own, BLOCK)

    @property
    def _fill(self) -> Floats:
        """The scores of items that are not candidates, which are below those of every candidate."""
        floor = 0.0 if self._fitted_ranker is None else self._fitted_ranker.floor
        return self._stage.fill(float(np.floor(floor)) - 1)

    # Storing ---------------------------------------------------------------------------------------------------------

    def _stored_params(self) -> dict[str, Any]:
        stored = super()._stored_params()
        if self.candidates is not None:
            stored["candidates"] = [source.to_json() for source in self._sources()]
        if self.ranker is not None:
            stored["ranker"] = self.ranker.to_json()
        return stored

    @classmethod
    def _restored_params(cls, stored: Mapping[str, Any]) -> dict[str, Any]:
        params = {"blend": False, **stored}
        if params["candidates"] is not None:
            require(isinstance(params["candidates"], list), "the parameter 'candidates' is not a list")
            params["candidates"] = [CandidateSource.from_json(source) for source in params["candidates"]]
        if params["ranker"] is not None:
            params["ranker"] = ranker_of_json(params["ranker"])
        return params


def _describes_launches(data: Data) -> bool:
    """Return whether items that were not sold yet are candidates with features."""
    features = data.item_features if isinstance(data, Dataset) and data.candidates == "all" else None
    return features is not None and bool(features.definitions)
