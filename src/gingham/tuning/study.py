"""The study: the trials of a search and their results, in a database."""

import json
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from gingham.config import ModelSpec, TuneSpec
from gingham.config.space import Exponential, Range, Space, closest, written
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

# The seconds between two heartbeats that a search writes to the database, and the seconds without one after which
# another search takes it to be killed.
HEARTBEAT_SECONDS, GRACE_SECONDS = 5, 30
# How often a trial is repeated after its worker was killed.
RETRIES = 1

_MADE_FOR = "made_for"
# The names of the attributes in which a trial is recorded.
PARAMS, EPOCHS, SECONDS, LOSSES, VALUES, REASON = "params", "epochs", "seconds", "losses", "values", "reason"
# Trials are compared after each quarter of their epochs: the same epoch of 5 and of 50 is not the same stage.
N_STAGES = 4
# The attribute of the first trials: their place among the `starting_points`.
START = "start"


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
    """Return what the values of a study's trials depend on, part by part.

    Values of trials can be compared only if all of it is equal.
    """
    return {
        "data": train.digest(),
        "model": model.model_dump(mode="json", exclude={*space, "num_threads"}),
        "space": {name: written(distribution) for name, distribution in sorted(space.items())},
        "metric": {"metric": spec.metric, "filter_seen": filter_seen, "patience": spec.patience},
        "validation": {**validation.model_dump(mode="json"), "folds": spec.folds},
    }


def sqlite_url(path: Path) -> str:
    """Return the URL of an SQLite database; the path may contain any characters."""
    import sqlalchemy

    return sqlalchemy.URL.create("sqlite", database=str(path)).render_as_string()


def open_study(url: str, name: str, made_for: Mapping[str, Any], spec: TuneSpec) -> "Study":
    """Create a study in a database, or open the one with this name.

    Parameters
    ----------
    url : str
        An SQLAlchemy URL.
    name : str
        The study's name in the database.
    made_for : mapping
        The `fingerprint` of the search.
    spec : TuneSpec
        The sampler and the pruner.

    Raises
    ------
    MissingExtraError
        If Optuna is not installed.
    ConfigError
        If the database can't be used, or the study belongs to another search.
    """
    tool = optuna()
    study = _open(tool, url, name, spec)
    earlier = study.user_attrs.get(_MADE_FOR)
    if earlier is None:
        study.set_user_attr(_MADE_FOR, dict(made_for))
        return study
    # The database stores JSON, which has lists for tuples.
    now = json.loads(json.dumps(made_for))
    different = [part for part in now if now[part] != earlier.get(part)]
    if different:
        raise ConfigError(
            f"The study {name!r} in {without_password(url)} was created by another recipe: its "
            f"{' and '.join(different)} {'differ' if len(different) > 1 else 'differs'}; choose another --out or "
            "--storage, or delete the study."
        )
    return study


def _open(tool: Any, url: str, name: str, spec: TuneSpec) -> "Study":
    import sqlalchemy

    try:
        address = sqlalchemy.make_url(url)
    except sqlalchemy.exc.ArgumentError:
        raise ConfigError(
            "The storage is not the URL of a database; write it as postgresql+psycopg://user@host/database."
        ) from None
    options = {"connect_args": {"timeout": 60}} if address.get_backend_name() == "sqlite" else {}
    with require_database(url, tool.exceptions.OptunaError, ImportError, RuntimeError), warnings.catch_warnings():
        warnings.simplefilter("ignore", tool.exceptions.ExperimentalWarning)
        retry = tool.storages.RetryHeartbeatStaleTrialCallback(max_retry=RETRIES)
        storage = tool.storages.RDBStorage(
            url,
            engine_kwargs=options,
            heartbeat_interval=HEARTBEAT_SECONDS,
            grace_period=GRACE_SECONDS,
            heartbeat_stale_trial_callback=retry,
        )
        study: Study = tool.create_study(
            storage=storage, study_name=name, direction="maximize", load_if_exists=True, pruner=_pruner(tool, spec)
        )
    study.sampler = _sampler(tool, spec, len(study.get_trials(deepcopy=False)))
    return study


@contextmanager
def require_database(url: str, *errors: type[Exception]) -> Iterator[None]:
    """Raise ConfigError if the study's database fails in the block, for example because the disk is full.

    Parameters
    ----------
    url : str
        The database.
    errors : exception types
        What else means in this block that it can't be used.
    """
    import sqlalchemy

    try:
        yield
    except (sqlalchemy.exc.SQLAlchemyError, optuna().exceptions.StorageInternalError, *errors) as error:
        cause = error.__cause__ if isinstance(error.__cause__, sqlalchemy.exc.SQLAlchemyError) else error
        reason = hide_password(first_line(getattr(cause, "orig", None) or cause), sqlalchemy.make_url(url)).rstrip(".")
        raise ConfigError(
            f"The study's database {without_password(url)} cannot be used: {reason}; choose another --storage."
        ) from None


def _sampler(tool: Any, spec: TuneSpec, n_trials: int) -> Any:
    # With the same seed, a search that is continued would draw the parameters of its first trials again.
    seed = int(np.random.SeedSequence([spec.seed, n_trials]).generate_state(1)[0]) if n_trials else spec.seed
    return {"tpe": tool.samplers.TPESampler, "random": tool.samplers.RandomSampler}[spec.sampler](seed=seed)


def _pruner(tool: Any, spec: TuneSpec) -> Any:
    return {
        "median": lambda: tool.pruners.MedianPruner(n_startup_trials=5, n_warmup_steps=1),
        "hyperband": lambda: tool.pruners.HyperbandPruner(min_resource=1),
        "none": tool.pruners.NopPruner,
    }[spec.pruner]()


def optuna_distributions(space: Space) -> "dict[str, BaseDistribution]":
    """Return a search space as Optuna's distributions; for an exponential distribution, that of the quantile."""
    tool = optuna()

    def converted(distribution: Any) -> Any:
        if isinstance(distribution, list):
            return tool.distributions.CategoricalDistribution(distribution)
        numbers: Range = distribution.quantiles if isinstance(distribution, Exponential) else distribution
        cls = tool.distributions.IntDistribution if numbers.whole else tool.distributions.FloatDistribution
        return cls(numbers.low, numbers.high, log=numbers.log)

    return {name: converted(distribution) for name, distribution in space.items()}


def parameter_values(space: Space, draws: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values of parameters from what Optuna drew for `optuna_distributions`."""
    return {
        name: distribution.value(draws[name]) if isinstance(distribution, Exponential) else draws[name]
        for name, distribution in space.items()
    }


def draws(space: Space, params: Mapping[str, Any]) -> dict[str, Any]:
    """Return what Optuna would have drawn for these parameters, the inverse of `parameter_values`.

    A number outside its range, such as a penalty of 0 on a logarithmic scale, becomes the end of the range. Other
    values that the space does not have are left out.
    """
    nearest = {name: closest(space[name], value) for name, value in params.items()}
    return {
        name: distribution.quantile(nearest[name]) if isinstance(distribution, Exponential) else nearest[name]
        for name, distribution in space.items()
        if nearest.get(name) is not None
    }


def finished_trials(study: "Study") -> "list[FrozenTrial]":
    """Return complete, pruned and failed trials, without the failed ones whose parameters are tried again."""
    states = optuna().trial.TrialState
    ended = study.get_trials(deepcopy=False, states=(states.COMPLETE, states.PRUNED, states.FAIL))
    return [trial for trial in ended if trial.state != states.FAIL or REASON in trial.user_attrs]


def fail_running_trials(study: "Study") -> list[int]:
    """Mark running trials as failed, and put their parameters into new trials, at most `RETRIES` times.

    Returns
    -------
    list of int
        The numbers of the failed trials.
    """
    states = optuna().trial.TrialState
    numbers = [trial.number for trial in study.get_trials(deepcopy=False, states=(states.RUNNING,))]
    for number in numbers:
        study.tell(number, state=states.FAIL)
        repeat_trial(study, number)
    return numbers


def repeat_trial(study: "Study", number: int) -> None:
    """Put the parameters of a failed trial into a new one, at most `RETRIES` times."""
    storage: Any = study._storage
    storage.get_heartbeat_stale_trial_callback()(study, study.get_trials()[number])


def killed_trial(number: int) -> str:
    """Return the message on a trial of a search that was killed."""
    return f"The search that ran trial {number} was killed; its parameters are tried again in a new trial."
