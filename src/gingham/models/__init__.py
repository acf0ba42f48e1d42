"""The models: one contract, one file each."""

from gingham.models.base import Recommender
from gingham.models.early_stopping import EarlyStopping
from gingham.models.ease import EASE
from gingham.models.hybrid import Epoch, HybridMF
from gingham.models.neighbours import ItemKNN
from gingham.models.popularity import BuyAgain, Popularity

__all__ = ["EASE", "BuyAgain", "EarlyStopping", "Epoch", "HybridMF", "ItemKNN", "Popularity", "Recommender", "load"]

load = Recommender.load
