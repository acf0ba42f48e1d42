"""Blend: a weighted sum of the scores of several models."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt
from pydantic import ValidationError

from gingham.arrays import Indices, check_matrix, positive_entries
from gingham.checked import Contents, Values, require
from gingham.dataset import Dataset
from gingham.errors import ConfigError, DataError, ParameterError
from gingham.metrics import named
from gingham.models.base import Callback, Recommender
from gingham.models.cold import ColdUsers
from gingham.models.contributions import Cause, Part
from gingham.models.ease import EASE
from gingham.models.graph_filter import GraphFilter
from gingham.models.greedy_weights import check_weights, greedy_weights, scaled
from gingham.models.item_requests import Asked, SimilarItems, fused
from gingham.models.living import refreshed
from gingham.models.neighbours import ItemKNN
from gingham.models.parametrized import to_json
from gingham.models.registry import models_of_recipe
from gingham.models.standardised import moments, standardised, weighted_sum
from gingham.models.training_data import Data, TrainingData
from gingham.scores import DenseScores, SharedScores
from gingham.section import sentences
from gingham.split import SplitSpec, random
from gingham.validation import Check, check_bool, check_fit_arguments, error_prefix, shown

# The largest number of scores that the search for weights keeps in memory, over all models.
_MOST_SCORES = 200_000_000
# The share of the pairs that are split off data without timestamps.
_HOLDOUT = 0.2
# With fewer interactions, nothing is split off by default.
_FEWEST = 10


class _StoredModel(Values):
    """A model of the blend."""

    kind: str
    params: dict[str, Any]
    state: dict[str, Any]


class _StoredBlend(Values):
    """The JSON values of a blend."""

    models: list[_StoredModel]
    weights: list[float]


class Blend(SimilarItems, Recommender):
    """Blend the scores of several models: a weighted sum of scores that are standardised for each user.

    The scores of a model for a user are shifted and scaled to a mean of 0 and a standard deviation of 1 over all items,
    so that models with scores of different sizes can be added.

    Weights that are not given are chosen on validation data, by greedy selection with replacement: 20 times, the model
    that improves the metric most is added, and a model's weight is how often it was added until the metric was best.
    The best single model is among the choices.

    Parameters
    ----------
    models : sequence of Recommender, or None
        At least two models. They are not changed; copies of them are fitted. By default (None) `GraphFilter`, `EASE`
        and `ItemKNN`.
    weights : sequence of float, or None
        The weight of each model, at least 0; their sum is scaled to 1. None (default) to choose them on validation
        data.
    metric : str
        The metric that the weights maximise; "map@12" by default.
    validation : Dataset, sparse matrix of shape (n_users, n_items), SplitSpec or None
        The data that the weights are chosen on; never the test data. A `SplitSpec` splits them off a dataset: the
        weights are chosen with models fitted to the rest, and then the models are fitted to all training data. None
        (default) splits off the last 7 days, or a random fifth of data without timestamps; with fewer than ten
        interactions, all models have the same weight.
    filter_seen : bool
        Whether items of the training data are left out when the metric is computed; False by default.

    Attributes
    ----------
    weights_ : list of float
        The weights of the last fit; their sum is 1.
    models_ : list of Recommender
        The fitted models.

    References
    ----------
    Caruana et al., "Ensemble Selection from Libraries of Models", 2004

    Examples
    --------
    >>> import gingham as gg
    >>> train, test = gg.split.by_time(gg.synth.sample_dataset(), test="7d")
    >>> model = gg.Blend([gg.BuyAgain(), gg.EASE(l2=20)], metric="map@5").fit(train)
    >>> [round(weight, 2) for weight in model.weights_]
    [0.93, 0.07]
    >>> model.recommend(["u07"], k=3)["rank"].to_list()
    [1, 2, 3]
    """

    kind: ClassVar[str] = "blend"
    supports: ClassVar[frozenset[str]] = frozenset({"similar_items"})
    constraints: ClassVar[Mapping[str, Check]] = {
        "metric": lambda _, value: named(value),
        "filter_seen": check_bool,
    }

    weights_: list[float]
    models_: list[Recommender]

    def __init__(
        self,
        models: Sequence[Recommender] | None = None,
        weights: Sequence[float] | None = None,
        metric: str = "map@12",
        validation: Data | SplitSpec | None = None,
        filter_seen: bool = False,
    ) -> None:
        self.models = models
        self.weights = weights
        self.metric = metric
        self.validation = validation
        self.filter_seen = filter_seen

    @classmethod
    def of(cls, models: Sequence[Recommender], weights: Sequence[float]) -> Self:
        """Blend models that are fitted already, without fitting them again.

        Parameters
        ----------
        models : sequence of Recommender
            Fitted to data of the same users and items; the blend has the training data of the first.
        weights : sequence of float
            The weight of each model, at least 0.

        Raises
        ------
        NotFittedError, ParameterError, DataError
            If a model is not fitted, a weight is not allowed, or the models have different users or items.

        Examples
        --------
        >>> import gingham as gg
        >>> dataset = gg.synth.sample_dataset()
        >>> blend = gg.Blend.of([gg.BuyAgain().fit(dataset), gg.EASE(l2=20).fit(dataset)], [2, 1])
        >>> [round(weight, 2) for weight in blend.weights_]
        [0.67, 0.33]
        """
        blend = cls(models, weights)
        blend.validate()
        first, *others = (model.training_data_ for model in models)
        for number, data in enumerate(others, 1):
            for what in ("user", "item"):
                own, other = (getattr(each, f"{what}_ids") for each in (first, data))
                if not own.values.equals(other.values):
                    raise DataError(
                        f"models[{number}] is fitted to other {what}s than models[0]; fit all models of a blend to the "
                        "same data."
                    )
        blend._training_data, blend.models_, blend.weights_ = first, list(models), scaled(weights)
        return blend

    @classmethod
    def from_recipe(cls, params: Mapping[str, Any], section: str) -> Self:
        """Build an unfitted model from the keys of a recipe's section.

        Parameters
        ----------
        params : mapping of str to value
            Parameters as a recipe writes them. ``models`` is a list of tables, each with the ``kind`` of a model and
            the model's parameters; ``validation`` is a table with the keys of ``[split]``.
        section : str
            The section's name, for error messages.

        Raises
        ------
        ConfigError
            If there is no such model or parameter.
        ParameterError
            If the value of a parameter is not allowed.
        """
        built = dict(params)
        if built.get("models") is not None:
            built["models"] = models_of_recipe(built["models"], f"{section}.models")
        if built.get("validation") is not None:
            try:
                built["validation"] = SplitSpec.model_validate(built["validation"])
            except ValidationError as error:
                message = sentences(error, SplitSpec, built["validation"], f"Section [{section}]", ("validation",))
                raise ConfigError(message) from None
        return cls(**built)

    def validate(self) -> None:
        """Check the parameters, including those of the models; `fit` does this first.

        Raises
        ------
        ParameterError, DataError
            If a value is not allowed, or the validation data are not a matrix.
        """
        super().validate()
        models = self._models()
        for number, model in enumerate(models):
            with error_prefix(f"models[{number}]"):
                _check_model(model)
        if self.weights is not None:
            check_weights(self.weights, len(models))
        if not (self.validation is None or isinstance(self.validation, Dataset | SplitSpec)):
            check_matrix("validation", self.validation)

    def _models(self) -> Sequence[Recommender]:
        models = [GraphFilter(), EASE(), ItemKNN()] if self.models is None else self.models
        if not isinstance(models, Sequence) or isinstance(models, str) or len(models) < 2:
            raise ParameterError(f"models must be a list of at least two models, not {shown(models)}.")
        return models

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
        """Choose the weights, and fit the models.

        Parameters
        ----------
        interactions : Dataset or sparse matrix, shape (n_users, n_items)
            The training data.
        num_threads : int
            The number of threads of the models; 0 (default) for all cores.
        y, callbacks, verbose
            As for other models; the callbacks are not called, and the models show no progress.

        Raises
        ------
        ParameterError
            If the value of a parameter is not allowed.
        DataError
            If the data can't be split for validation, or a model cannot be fitted to the data.
        MissingExtraError
            If a library that one of the models needs is not installed.
        """
        self.validate()
        n_threads, _ = check_fit_arguments(num_threads, callbacks, verbose, y)
        training_data = TrainingData.of(interactions)
        weights = self._given_weights(training_data)
        if weights is None and (self.validation is None or isinstance(self.validation, SplitSpec)):
            rest, held = self._split(training_data.positives(interactions))
            weights = self._chosen_weights(self._fitted(rest, n_threads), held, n_threads)
        fitted = self._fitted(interactions, n_threads)
        if weights is None:
            weights = self._chosen_weights(fitted, self.validation, n_threads)
        for model in fitted:
            model._training_data = training_data  # one copy is enough
        self._training_data, self.models_, self.weights_ = training_data, fitted, weights
        return self

    def _refresh(self, before: TrainingData, after: TrainingData, changed: Indices, n_threads: int) -> None:
        self.models_ = refreshed(self.models_, before, after, changed, n_threads)
        self._training_data = after

    def _given_weights(self, training_data: TrainingData) -> list[float] | None:
        """Return the weights that need no validation data; None if they must be chosen."""
        if self.weights is None and self.validation is None and training_data.matrix.nnz < _FEWEST:
            return scaled([1.0] * len(self._models()))
        return None if self.weights is None else scaled(self.weights)

    def _fitted(self, data: Data, n_threads: int) -> list[Recommender]:
        return [model.copy().fit(data, num_threads=n_threads, verbose=False) for model in self._models()]

    def _split(self, data: Data) -> tuple[Data, Data]:
        if not isinstance(data, Dataset):
            if self.validation is not None:
                raise ParameterError(
                    "validation is a SplitSpec, which splits datasets, but the data are a matrix; pass a matrix."
                )
            return random(data, test=_HOLDOUT, random_state=0)
        timed = data.interactions.timestamp is not None
        spec = SplitSpec(kind="time" if timed else "random") if self.validation is None else self.validation
        assert isinstance(spec, SplitSpec)
        return spec.apply(data)

    def _chosen_weights(self, models: Sequence[Recommender], validation: Any, n_threads: int) -> list[float]:
        """Choose the weights on at most as many users as fit into memory."""
        test, seen = positive_entries(models[0].test_matrix(validation)), models[0].training_data_.matrix
        users = np.flatnonzero(np.diff(test.indptr)).astype(np.int32)
        most = max(1, _MOST_SCORES // (len(models) * max(test.shape[1], 1)))
        if len(users) > most:
            users = np.sort(np.random.default_rng(0).choice(users, most, replace=False))
        layers = [standardised(model._scores(), users) for model in models]
        seen_of_users = seen[users] if self.filter_seen else None
        return greedy_weights(layers, test[users], seen_of_users, self.metric, n_threads)

    # Scoring ---------------------------------------------------------------------------------------------------------

    def _scores(self) -> DenseScores:
        return weighted_sum([model._scores() for model in self.models_], self.weights_)

    def _cold_scores(self, users: ColdUsers, n_threads: int) -> DenseScores:
        return weighted_sum([model._cold_scores(users, n_threads) for model in self.models_], self.weights_)

    @property
    def _uses_features(self) -> bool:
        return any(model._uses_features for model in self.models_)

    def _similarities(self, asked: Asked, n_threads: int) -> SharedScores:
        return fused(self.models_, asked, self.n_items, n_threads)

    def _contributions(self, users: Indices, items: Indices, cold: ColdUsers | None = None) -> list[Part]:
        parts, start = list[Part](), np.zeros(len(users))
        distinct, place = np.unique(users, return_inverse=True)
        for model, weight in zip(self.models_, self.weights_, strict=True):
            if weight:
                mean, deviation = moments(model._all_scores(cold), distinct)
                scale = weight / deviation[place]
                parts += [part.scaled(scale) for part in model._contributions(users, items, cold)]
                start -= scale * mean[place]
        return [*parts, Part.of_all(Cause.BASE, start)]

    # Storing ---------------------------------------------------------------------------------------------------------

    def _stored_params(self) -> dict[str, Any]:
        # Validation data are not stored, only how to split them off.
        spec = self.validation.model_dump(mode="json") if isinstance(self.validation, SplitSpec) else None
        models = None if self.models is None else [_described(model) for model in self._models()]
        weights = None if self.weights is None else [to_json(weight) for weight in self.weights]
        return super()._stored_params() | {"models": models, "weights": weights, "validation": spec}

    @classmethod
    def _restored_params(cls, stored: Mapping[str, Any]) -> dict[str, Any]:
        params = dict(stored)
        if params["models"] is not None:
            require(isinstance(params["models"], list), "the parameter 'models' is not a list")
            described = [_StoredModel.of({"state": {}} | dict(model), "models") for model in params["models"]]
            for model in described:
                require(model.kind in cls.classes_by_name, f"there is no model {model.kind!r}")
            params["models"] = [cls.classes_by_name[model.kind].unfitted(model.params) for model in described]
        if params["validation"] is not None:
            params["validation"] = SplitSpec.model_validate(params["validation"])
        return params

    def _learned(self) -> tuple[dict[str, Any], dict[str, npt.NDArray[Any]]]:
        models, arrays = [], dict[str, npt.NDArray[Any]]()
        for number, model in enumerate(self.models_):
            state, model_arrays = model._learned()
            models.append(_described(model) | {"state": state})
            arrays |= {f"models.{number}.{name}": array for name, array in model_arrays.items()}
        return {"models": models, "weights": self.weights_}, arrays

    def _relearn(self, state: Mapping[str, Any], arrays: Mapping[str, npt.NDArray[Any]]) -> None:
        stored = _StoredBlend.read(state)
        check_weights(stored.weights, len(stored.models))
        parts = arrays if isinstance(arrays, Contents) else Contents("array", arrays)
        self.models_ = [
            Recommender.restored(
                model.kind, model.params, model.state, parts.within(f"models.{number}"), self.training_data_
            )
            for number, model in enumerate(stored.models)
        ]
        self.weights_ = stored.weights


def _check_model(model: Any) -> None:
    if not isinstance(model, Recommender):
        raise ParameterError(f"{shown(model)} is not a model.")
    if not model.suggests_candidates:
        raise ParameterError(f"a {type(model).__name__} cannot be blended; blend the models that it combines.")
    model.validate()


def _described(model: Recommender) -> dict[str, Any]:
    return {"kind": type(model).__name__, "params": model._stored_params()}
