"""Experiment tracking: what runs, comparisons and searches came to, logged where a team keeps such things."""

from gingham.tracking.mlflow import MLflow
from gingham.tracking.record import Record, of_comparison, of_run, of_tuning

__all__ = ["MLflow", "Record", "of_comparison", "of_run", "of_tuning"]
