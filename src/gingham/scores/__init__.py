"""How models score items, and top-k lists and ranks from scores."""

from gingham.scores.cold import ColdScores
from gingham.scores.kinds import DenseScores, RepresentationScores, SharedScores, by_user
from gingham.scores.ranking import Block, Ranking, Scores, frame, rank

__all__ = [
    "Block",
    "ColdScores",
    "DenseScores",
    "Ranking",
    "RepresentationScores",
    "Scores",
    "SharedScores",
    "by_user",
    "frame",
    "rank",
]
