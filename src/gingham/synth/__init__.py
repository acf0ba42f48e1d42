"""Synthetic data: tables with the columns of H&M's files in any size, and a small shop for examples."""

from gingham.synth.fashion import hm
from gingham.synth.sample import sample_dataset, sample_tables

__all__ = ["hm", "sample_dataset", "sample_tables"]
