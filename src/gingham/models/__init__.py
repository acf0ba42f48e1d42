"""The models: one contract, one file each."""

from gingham.models.base import Recommender
from gingham.models.early_stopping import EarlyStopping
from gingham.models.hybrid import Epoch, HybridMF
from gingham.models.popularity import BuyAgain, Popularity

__all__ = ["BuyAgain", "EarlyStopping", "Epoch", "HybridMF", "Popularity", "Recommender", "load"]

load = Recommender.load
