"""Public data sets, downloaded at first use and kept in a folder."""

from gingham.lightfm.datasets.movielens import fetch_movielens
from gingham.lightfm.datasets.stackexchange import fetch_stackexchange

__all__ = ["fetch_movielens", "fetch_stackexchange"]
