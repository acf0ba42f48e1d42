"""The study: what was tried and what came of it, in a database that outlives whoever searches."""

import json
import warnings
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from gingham.config import ModelSpec, TuneSpec
from gingham.config.space import Exponential, Range, Space, written
from gingham.dataset import Dataset
from gingham.errors import ConfigError
from gingham.extras import extra
from gingham.split import SplitSpec
from gingham.tables.database import hide_password, without_password
from gingham.tables.origin import first_line

if TYPE_CHECKING:
    from optuna import Study
    from optuna.distributions import BaseDistribution
    from optuna.trial import FrozenTrial

# A search tells the database so often, in seconds, that its trials are alive; those it has not heard of for so long
# belonged to a search that was killed.
BEAT, SILENCE = 5, 30
# How often parameters are tried again after their worker was killed.
RETRIES = 1

_MADE_FOR = "made_for"
# Columns of the frames below that a parameter can't be named after; none is.
PARAMS, EPOCHS, SECONDS, LOSSES, REASON = "params", "epochs", "seconds", "losses", "reason"


def optuna() -> Any:
    """Import Optuna.

    Raises
    ------
    MissingExtraError
        If it is not installed.
    """
    tool = extra("optuna", "tune", "Tuning")
    tool.logging.set_verbosity(tool.logging.WARNING)
    return tool


def fingerprint(
    train: Dataset, model: ModelSpec, space: Space, spec: TuneSpec, filter_seen: bool, validation: SplitSpec
) -> dict[str, Any]:
    """Write down what a study's figures depend on, part by part; figures of other parts can't be compared."""
    return {
        "data": train.digest(),
        "model": model.model_dump(mode="json", exclude={*space, "num_threads"}),
        "space": {name: written(distribution) for name, distribution in sorted(space.items())},
        "metric": {"metric": spec.metric, "filter_seen": filter_seen, "patience": spec.patience},
        "validation": {**validation.model_dump(mode="json"), "folds": spec.folds},
    }


def open_study(url: str, name: str, made_for: Mapping[str, Any], spec: TuneSpec) -> "Study":
    """Make a study in a database, or go on with the one that is there.

    Parameters
    ----------
    url : str
        An SQLAlchemy URL.
    name : str
        The study's name in the database.
    made_for : mapping
        What `fingerprint` gave.
    spec : TuneSpec
        Which sampler and pruner.

    Raises
    ------
    MissingExtraError
        If Optuna is not installed.
    ConfigError
        If the database can't be used, or the study was made for something else.
    """
    tool = optuna()
    study = _open(tool, url, name, spec)
    earlier = study.user_attrs.get(_MADE_FOR)
    if earlier is None:
        study.set_user_attr(_MADE_FOR, dict(made_for))
        return study
    # What JSON makes of it, as the database did.
    now = json.loads(json.dumps(made_for))
    other = [part for part in now if now[part] != earlier.get(part)]
    if other:
        raise ConfigError(
            f"The study {name!r} in {without_password(url)} was made by another recipe: its {' and '.join(other)} "
            f"{'differ' if len(other) > 1 else 'differs'}; choose another --out or --storage, or delete it."
        )
    return study


def _open(tool: Any, url: str, name: str, spec: TuneSpec) -> "Study":
    import sqlalchemy

    try:
        address = sqlalchemy.make_url(url)
    except sqlalchemy.exc.ArgumentError:
        raise ConfigError(
            "The storage is no database's URL; write it as postgresql+psycopg://user@host/database."
        ) from None
    waits = {"connect_args": {"timeout": 60}} if address.get_backend_name() == "sqlite" else {}
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", tool.exceptions.ExperimentalWarning)
            again = tool.storages.RetryHeartbeatStaleTrialCallback(max_retry=RETRIES)
            storage = tool.storages.RDBStorage(
                url,
                engine_kwargs=waits,
                heartbeat_interval=BEAT,
                grace_period=SILENCE,
                heartbeat_stale_trial_callback=again,
            )
        study: Study = tool.create_study(
            storage=storage, study_name=name, direction="maximize", load_if_exists=True, pruner=_pruner(tool, spec)
        )
    except (sqlalchemy.exc.SQLAlchemyError, tool.exceptions.OptunaError, ImportError, RuntimeError) as error:
        said = hide_password(first_line(getattr(error, "orig", None) or error), address)
        place = without_password(url)
        raise ConfigError(
            f"The study's database {place} cannot be used: {said.rstrip('.')}; choose another --storage."
        ) from None
    study.sampler = _sampler(tool, spec, len(study.get_trials(deepcopy=False)))
    return study


def _sampler(tool: Any, spec: TuneSpec, n_tried: int) -> Any:
    # A search that goes on must not draw what it drew at first.
    seed = int(np.random.SeedSequence([spec.seed, n_tried]).generate_state(1)[0]) if n_tried else spec.seed
    return {"tpe": tool.samplers.TPESampler, "random": tool.samplers.RandomSampler}[spec.sampler](seed=seed)


def _pruner(tool: Any, spec: TuneSpec) -> Any:
    return {
        "median": lambda: tool.pruners.MedianPruner(n_startup_trials=5, n_warmup_steps=1),
        "hyperband": lambda: tool.pruners.HyperbandPruner(min_resource=1),
        "none": tool.pruners.NopPruner,
    }[spec.pruner]()


def distributions(space: Space) -> "dict[str, BaseDistribution]":
    """Write a space as Optuna does; of an exponential distribution, the quantile is drawn."""
    tool = optuna()

    def of(distribution: Any) -> Any:
        if isinstance(distribution, list):
            return tool.distributions.CategoricalDistribution(distribution)
        numbers: Range = distribution.quantiles if isinstance(distribution, Exponential) else distribution
        kind = tool.distributions.IntDistribution if numbers.whole else tool.distributions.FloatDistribution
        return kind(numbers.low, numbers.high, log=numbers.log)

    return {name: of(distribution) for name, distribution in space.items()}


def values(space: Space, drawn: Mapping[str, Any]) -> dict[str, Any]:
    """Give the parameters' values of what Optuna drew."""
    return {
        name: distribution.value(drawn[name]) if isinstance(distribution, Exponential) else drawn[name]
        for name, distribution in space.items()
    }


def finished(study: "Study") -> "list[FrozenTrial]":
    """Give the trials that count: all but those that run, wait, or were lost with their worker and are tried again."""
    states = optuna().trial.TrialState
    counted = study.get_trials(deepcopy=False, states=(states.COMPLETE, states.PRUNED, states.FAIL))
    return [trial for trial in counted if trial.state != states.FAIL or REASON in trial.user_attrs]
