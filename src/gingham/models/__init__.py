"""The models: one contract, one file each."""

from collections.abc import Mapping

from gingham.models.als import ALS
from gingham.models.base import Recommender
from gingham.models.early_stopping import EarlyStopping
from gingham.models.ease import EASE
from gingham.models.epochs import Epoch, EpochModel
from gingham.models.graph_filter import GraphFilter
from gingham.models.hybrid import HybridMF
from gingham.models.neighbours import ItemKNN
from gingham.models.next_basket import NextBasket
from gingham.models.popularity import BuyAgain, Popularity

__all__ = [
    "ALS",
    "EASE",
    "KINDS",
    "BuyAgain",
    "EarlyStopping",
    "Epoch",
    "EpochModel",
    "GraphFilter",
    "HybridMF",
    "ItemKNN",
    "NextBasket",
    "Popularity",
    "Recommender",
    "load",
]

load = Recommender.load

# What recipes call each.
KINDS: Mapping[str, type[Recommender]] = {
    "hybrid": HybridMF,
    "als": ALS,
    "popularity": Popularity,
    "buy-again": BuyAgain,
    "item-knn": ItemKNN,
    "ease": EASE,
    "graph-filter": GraphFilter,
    "next-basket": NextBasket,
}
