"""Ranking in two stages: several models suggest candidates, and a ranker orders them."""

from gingham.ranking.candidates import CandidateSource
from gingham.ranking.examples import Examples
from gingham.ranking.lightgbm_ranker import LightGBMRanker
from gingham.ranking.ranker import FittedRanker, Ranker, StoredRanker
from gingham.ranking.two_stage import TwoStage

__all__ = ["CandidateSource", "Examples", "FittedRanker", "LightGBMRanker", "Ranker", "StoredRanker", "TwoStage"]
