"""Datasets: interactions and features with integer indices, and the external ids of the indices."""

from gingham.dataset.dataset import Dataset
from gingham.dataset.encoder import FeatureEncoder, encode
from gingham.dataset.feature import Feature
from gingham.dataset.features import Features
from gingham.dataset.ids import Ids
from gingham.dataset.interactions import Interactions

__all__ = ["Dataset", "Feature", "FeatureEncoder", "Features", "Ids", "Interactions", "encode"]
