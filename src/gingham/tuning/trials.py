"""A study's trials as tables."""

import warnings
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import polars as pl

from gingham.selection import Selection
from gingham.tuning.study import EPOCHS, LOSSES, PARAMS, REASON, SECONDS, START, VALUES, finished_trials, optuna

if TYPE_CHECKING:
    from optuna import Study
    from optuna.trial import FrozenTrial

# The importance of parameters is computed from at least this many complete trials.
_MIN_TRIALS = 4
# The table of curves without rows.
NO_CURVES = pl.DataFrame(schema={"trial": pl.Int64, "epoch": pl.Int64, "loss": pl.Float64, "value": pl.Float64})
_TYPES = {
    "trial": pl.Int64,
    "state": pl.String,
    "value": pl.Float64,
    "best_epoch": pl.Int64,
    "seconds": pl.Float64,
    "reason": pl.String,
}


def any_complete(study: "Study") -> bool:
    """Return whether any trial is complete."""
    return bool(study.get_trials(deepcopy=False, states=(optuna().trial.TrialState.COMPLETE,)))


def best_params(study: "Study") -> dict[str, Any]:
    """Return the parameters of the best trial; `epochs` is the best number of epochs."""
    attributes = study.best_trial.user_attrs
    epochs = attributes[EPOCHS]
    return dict(attributes[PARAMS]) | ({} if epochs is None else {"epochs": epochs})


def given_value(study: "Study") -> float | None:
    """Return the value of the model as it is given, the first starting point; None if its trial is not complete."""
    complete = study.get_trials(deepcopy=False, states=(optuna().trial.TrialState.COMPLETE,))
    return next((trial.value for trial in complete if trial.user_attrs.get(START) == 0), None)


def trials_table(study: "Study") -> pl.DataFrame:
    """Return a table with one row per trial; see `gingham.tuning.Tuning`."""
    names = dict.fromkeys(name for trial in finished_trials(study) for name in trial.user_attrs.get(PARAMS, {}))
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
        for trial in finished_trials(study)
    ]
    return pl.DataFrame(rows, infer_schema_length=None, schema_overrides=_TYPES)


def panel_table(selection: Selection) -> pl.DataFrame:
    """Return a table of trials for the models of a panel; see `gingham.tuning.Tuning`."""
    measured = selection.comparison.measured
    rows = [
        {
            "trial": number,
            "state": "complete" if row["reason"] is None else "failed",
            "value": row["mean"],
            "best_epoch": None,
            "seconds": row["seconds"],
            "reason": row["reason"],
            "kind": row["model"],
        }
        for number, row in enumerate(selection.table.sort(~pl.col("model").is_in(list(measured))).to_dicts())
    ]
    return pl.DataFrame(rows, infer_schema_length=None, schema_overrides=_TYPES)


def parameter_columns(table: pl.DataFrame) -> list[str]:
    """Return the columns of a table of trials that are parameters."""
    return [column for column in table.columns if column not in _TYPES]


def curves_table(study: "Study") -> pl.DataFrame:
    """Return a table with one row per epoch of each trial; see `gingham.tuning.Tuning`."""
    rows = [
        {"trial": trial.number, "epoch": epoch, "loss": loss, "value": value}
        for trial in finished_trials(study)
        for epoch, (loss, value) in enumerate(_curve(trial), start=1)
    ]
    return pl.DataFrame(rows, NO_CURVES.schema)


def _curve(trial: "FrozenTrial") -> Iterable[tuple[float, float]]:
    """Return the loss and the metric of each epoch of a trial; those of version 0.1 have the metrics elsewhere."""
    values = trial.user_attrs.get(VALUES, list(trial.intermediate_values.values()))
    return zip(trial.user_attrs.get(LOSSES, ()), values, strict=False)


def importances(study: "Study") -> dict[str, float]:
    """Return each parameter's share in the differences between complete trials, the largest first.

    The result is empty if fewer than four trials are complete, or all have the same value.
    """
    tool = optuna()
    complete = study.get_trials(deepcopy=False, states=(tool.trial.TrialState.COMPLETE,))
    if len(complete) < _MIN_TRIALS or len({trial.value for trial in complete}) == 1:
        return {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", tool.exceptions.ExperimentalWarning)
        # The first trials may have parameters that the search space does not have.
        warnings.filterwarnings("ignore", message="Some regimes for parameter")
        return dict(tool.importance.get_param_importances(study))
