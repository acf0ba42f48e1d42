"""Ranking in two stages: models suggest candidates, a ranker that knows time puts them in order."""

from gingham.ranking.candidates import Source
from gingham.ranking.ranker import LightGBMRanker
from gingham.ranking.two_stage import TwoStage

__all__ = ["LightGBMRanker", "Source", "TwoStage"]
