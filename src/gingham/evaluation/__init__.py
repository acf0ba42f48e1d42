"""Evaluation: metrics on a test part with confidence intervals, for all users and by segment."""

from gingham.evaluation.evaluation import Evaluation, differences, evaluate, overlap, sizes

__all__ = ["Evaluation", "differences", "evaluate", "overlap", "sizes"]
