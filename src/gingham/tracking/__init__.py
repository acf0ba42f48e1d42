"""Experiment tracking: logs the results of runs, comparisons and searches to a tracking tool."""

from gingham.tracking.mlflow import MLflow
from gingham.tracking.record import Record, of_comparison, of_run, of_tuning

__all__ = ["MLflow", "Record", "of_comparison", "of_run", "of_tuning"]
