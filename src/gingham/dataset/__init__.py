"""Tables as integers: ids, interactions, features, and the dataset that holds them together."""

from gingham.dataset.dataset import Dataset
from gingham.dataset.encoder import FeatureEncoder, encode
from gingham.dataset.feature import Feature
from gingham.dataset.features import Features
from gingham.dataset.ids import Ids
from gingham.dataset.interactions import Interactions

__all__ = ["Dataset", "Feature", "FeatureEncoder", "Features", "Ids", "Interactions", "encode"]
