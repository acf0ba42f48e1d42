"""The model that a recipe's ``[model]`` names: made, and fitted."""

import difflib
import inspect
from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any

import scipy.sparse as sp

from gingham.comparison import Fitted
from gingham.config import CandidateSpec, ModelSpec
from gingham.dataset import Dataset
from gingham.errors import ConfigError, ParameterError
from gingham.models import EarlyStopping, EpochModel, Recommender
from gingham.ranking import KINDS, LightGBMRanker, Source
from gingham.split import SplitSpec

# What a recipe says of training that goes through the data in epochs.
_TRAINING = ("epochs", "weighted", "early_stopping")


def build(spec: ModelSpec, section: str = "model") -> Recommender:
    """Make the model that a recipe names, with parameters that it takes; it is not fitted yet.

    Parameters
    ----------
    spec : ModelSpec
        What to make.
    section : str
        Where in the recipe it stands, for the error message; "model" by default.

    Raises
    ------
    ConfigError
        If it has no such parameter.
    ParameterError
        If one is out of its range.
    """
    kind = KINDS[spec.kind]
    said = [name for name in _TRAINING if getattr(spec, name) != ModelSpec.model_fields[name].default]
    _refuse_training(spec, said, section)
    params = _check_names(kind.param_names(), spec.params, section, spec.kind)
    if spec.candidates is not None:
        params["candidates"] = [
            _source(source, spec.num_threads, f"{section}.candidates.{number}")
            for number, source in enumerate(spec.candidates)
        ]
    if spec.ranker is not None:
        names = [field.name for field in fields(LightGBMRanker)]
        params["ranker"] = LightGBMRanker(**_check_names(names, spec.ranker, f"{section}.ranker", "the ranker"))
    return _valid(kind(**params), section)


def _refuse_training(spec: ModelSpec | CandidateSpec, said: Sequence[str], section: str) -> None:
    """Refuse what is said of training in epochs, for a model that is not trained so."""
    if said and not issubclass(KINDS[spec.kind], EpochModel):
        hint = f"; [[{section}.candidates]] have epochs of their own" if spec.kind == "two-stage" else ""
        raise ConfigError(
            f"Section [{section}] has {said[0]!r}, but a {spec.kind!r} model is not trained in epochs; leave it "
            f"out{hint}."
        )


def _source(spec: CandidateSpec, num_threads: int, section: str) -> Source:
    kind = KINDS[spec.kind]
    model = _valid(kind(**_check_names(kind.param_names(), spec.params, section, spec.kind)), section)
    training = _threads(model, num_threads)
    if spec.epochs is not None:
        _refuse_training(spec, ["epochs"], section)
        training["epochs"] = spec.epochs
    return Source(model, spec.n_candidates, training)


def _valid(model: Recommender, section: str) -> Recommender:
    """Say where in the recipe it stands that a parameter is out of its range."""
    try:
        model.validate()
    except ParameterError as error:
        # There is one [model], whose parameters need no place.
        raise error if section == "model" else ParameterError(f"Section [{section}]: {error}") from None
    return model


def _check_names(names: Sequence[str], params: Mapping[str, Any], section: str, what: str) -> dict[str, Any]:
    """Refuse parameters that there are none of."""
    for name in params:
        if name not in names:
            near = difflib.get_close_matches(name, names, n=1)
            hint = f"did you mean {near[0]!r}" if near else f"it has {', '.join(names)}"
            raise ConfigError(f"Section [{section}] has {name!r}, which is no parameter of {what!r}; {hint}.")
    return dict(params)


def fit(spec: ModelSpec, dataset: Dataset, **training: Any) -> Recommender:
    """Make the model that a recipe names, and fit it as the recipe says.

    Parameters
    ----------
    spec : ModelSpec
        What to fit.
    dataset : Dataset
        What to fit it to.
    training
        What else the `fit` of a model with epochs takes, such as `callbacks`; other models are fitted without.

    Raises
    ------
    GinghamError
        If the recipe names a parameter that there is none of, or for what the model's `fit` raises.
    """
    model = build(spec)
    if isinstance(model, EpochModel):
        weights = _weights(dataset) if spec.weighted else None
        return model.fit(dataset, epochs=spec.epochs, num_threads=spec.num_threads, sample_weight=weights, **training)
    return model.fit(dataset, **_threads(model, spec.num_threads))


def _threads(model: Recommender, num_threads: int) -> dict[str, Any]:
    """Give the number of threads to a model that is fitted by several."""
    return {"num_threads": num_threads} if "num_threads" in inspect.signature(model.fit).parameters else {}


def fit_to_train(spec: ModelSpec, train: Dataset, split: SplitSpec, filter_seen: bool) -> Fitted:
    """Fit the model that a recipe names to the train part; first find out how many epochs, if the recipe asks for it.

    Parameters
    ----------
    spec : ModelSpec
        What to fit.
    train : Dataset
        What to fit it to.
    split : SplitSpec
        How the validation part is taken from train.
    filter_seen : bool
        Whether items that users have in the rest of train are no candidates for the validation part.

    Returns
    -------
    Fitted
        The model, and its learning curve: that of the search, where there was one.

    Raises
    ------
    GinghamError
        As `fit` does, and if train is too small to be split.
    """
    asked = spec.early_stopping
    if asked is None or not issubclass(KINDS[spec.kind], EpochModel):
        return Fitted.of(fit(spec, train))
    rest, validation = split.apply(train)
    stopping = EarlyStopping(validation, asked.metric, asked.patience, filter_seen, spec.num_threads)
    search = Fitted.of(fit(spec, rest, early_stopping=stopping))
    return Fitted(fit(spec.model_copy(update={"epochs": stopping.best_epoch}), train), search.curve)


def _weights(dataset: Dataset) -> sp.csr_matrix:
    """Take the interactions' values for their weights; what is no positive weighs one."""
    weights = dataset.matrix()
    weights.data[weights.data <= 0] = 1
    return weights
