"""Ranking in two stages: models suggest candidates, a ranker that knows time puts them in order."""

from collections.abc import Mapping

from gingham import models
from gingham.models import Recommender
from gingham.ranking.candidates import Source
from gingham.ranking.ranker import LightGBMRanker
from gingham.ranking.two_stage import TwoStage

__all__ = ["KINDS", "LightGBMRanker", "Source", "TwoStage"]

# What recipes call each model.
KINDS: Mapping[str, type[Recommender]] = {**models.KINDS, "two-stage": TwoStage}
