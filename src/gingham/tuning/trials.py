"""A study's trials as tables."""

import warnings
from typing import TYPE_CHECKING, Any

import polars as pl

from gingham.tuning.study import EPOCHS, LOSSES, PARAMS, REASON, SECONDS, finished, optuna

if TYPE_CHECKING:
    from optuna import Study

# Of fewer complete trials than this, nobody can say what made the difference.
_FEW = 4
_TYPES = {
    "trial": pl.Int64,
    "state": pl.String,
    "value": pl.Float64,
    "best_epoch": pl.Int64,
    "seconds": pl.Float64,
    "reason": pl.String,
}


def any_complete(study: "Study") -> bool:
    """Tell whether there is a best trial."""
    return bool(study.get_trials(deepcopy=False, states=(optuna().trial.TrialState.COMPLETE,)))


def best_params(study: "Study") -> dict[str, Any]:
    """Give the parameters of the best trial; `epochs` is after how many it was best."""
    told = study.best_trial.user_attrs
    return dict(told[PARAMS]) | ({} if told[EPOCHS] is None else {"epochs": told[EPOCHS]})


def table(study: "Study") -> pl.DataFrame:
    """Write a row a trial; see `gingham.tuning.Tuning`."""
    names = dict.fromkeys(name for trial in finished(study) for name in trial.user_attrs.get(PARAMS, {}))
    rows = [
        {
            "trial": trial.number,
            "state": {"COMPLETE": "complete", "PRUNED": "pruned", "FAIL": "failed"}[trial.state.name],
            "value": trial.value if trial.state.name == "COMPLETE" else None,
            "best_epoch": trial.user_attrs.get(EPOCHS),
            "seconds": trial.user_attrs.get(SECONDS),
            "reason": trial.user_attrs.get(REASON),
            **{name: trial.user_attrs.get(PARAMS, {}).get(name) for name in names},
        }
        for trial in finished(study)
    ]
    return pl.DataFrame(rows, infer_schema_length=None, schema_overrides=_TYPES)


def parameters(table: pl.DataFrame) -> list[str]:
    """Name the columns of such a table that are parameters."""
    return [column for column in table.columns if column not in _TYPES]


def curves(study: "Study") -> pl.DataFrame:
    """Write a row an epoch of a trial; see `gingham.tuning.Tuning`."""
    rows = [
        {"trial": trial.number, "epoch": epoch, "loss": loss, "value": trial.intermediate_values[epoch]}
        for trial in finished(study)
        for epoch, loss in enumerate(trial.user_attrs.get(LOSSES, ()), start=1)
    ]
    return pl.DataFrame(rows, {"trial": pl.Int64, "epoch": pl.Int64, "loss": pl.Float64, "value": pl.Float64})


def importances(study: "Study") -> dict[str, float]:
    """Tell each parameter's share in the differences between complete trials, the greatest first; {} if none did."""
    tool = optuna()
    complete = study.get_trials(deepcopy=False, states=(tool.trial.TrialState.COMPLETE,))
    if len(complete) < _FEW or len({trial.value for trial in complete}) == 1:
        return {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", tool.exceptions.ExperimentalWarning)
        return dict(tool.importance.get_param_importances(study))
