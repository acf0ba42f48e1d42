"""The models: one contract, one file each."""

from gingham.models.als import ALS
from gingham.models.base import Callback, Recommender
from gingham.models.basket_regression import BasketRegression
from gingham.models.blend import Blend
from gingham.models.content import ContentBased
from gingham.models.early_stopping import EarlyStopping
from gingham.models.ease import EASE
from gingham.models.epoch_model import EpochModel
from gingham.models.epochs import Epoch
from gingham.models.graph_filter import GraphFilter
from gingham.models.hybrid import HybridMF
from gingham.models.neighbours import ItemKNN
from gingham.models.next_basket import NextBasket
from gingham.models.popularity import BuyAgain, Popularity
from gingham.models.registry import build_model, kinds, model_class, panel_classes
from gingham.models.transitions import Transitions

__all__ = [
    "ALS",
    "EASE",
    "BasketRegression",
    "Blend",
    "BuyAgain",
    "Callback",
    "ContentBased",
    "EarlyStopping",
    "Epoch",
    "EpochModel",
    "GraphFilter",
    "HybridMF",
    "ItemKNN",
    "NextBasket",
    "Popularity",
    "Recommender",
    "Transitions",
    "build_model",
    "kinds",
    "model_class",
    "panel_classes",
]
