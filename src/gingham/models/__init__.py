"""The models: one contract, one file each."""

from gingham.models.base import Recommender
from gingham.models.early_stopping import EarlyStopping
from gingham.models.ease import EASE
from gingham.models.graph_filter import GraphFilter
from gingham.models.hybrid import Epoch, HybridMF
from gingham.models.neighbours import ItemKNN
from gingham.models.next_basket import NextBasket
from gingham.models.popularity import BuyAgain, Popularity

__all__ = [
    "EASE",
    "BuyAgain",
    "EarlyStopping",
    "Epoch",
    "GraphFilter",
    "HybridMF",
    "ItemKNN",
    "NextBasket",
    "Popularity",
    "Recommender",
    "load",
]

load = Recommender.load
