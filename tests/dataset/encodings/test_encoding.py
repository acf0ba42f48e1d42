"""A new encoding is one class: specifications, recipes, datasets and stored models take it from there."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
import polars as pl
import pytest

import gingham as gg
from gingham.config.sections import FeaturesSpec
from gingham.dataset import Dataset, Feature
from gingham.dataset.encodings import Encoding, FeatureEntries
from gingham.errors import ConfigError
from gingham.tables import FeatureSpec, Tables


@dataclass(frozen=True, eq=False)
class Initial(Encoding):
    """One feature per first letter of a text up to a last letter."""

    key = "initial"

    last: str

    @classmethod
    def from_spec(cls, option: Any, rows: pl.Series, table: pl.Series, spec: FeatureSpec) -> Self:
        return cls(table.name, option)

    def _features(self) -> list[Feature]:
        return [Feature(self.column, chr(letter)) for letter in range(ord("a"), ord(self.last) + 1)]

    def _entries(self, values: pl.Series) -> FeatureEntries:
        codes = values.str.to_lowercase().map_elements(lambda text: ord(text[0]) - ord("a"), pl.Int64).to_numpy()
        rows = np.flatnonzero((codes >= 0) & (codes < len(self.features)))
        return FeatureEntries(rows, codes[rows], np.ones(len(rows)))


SPEC = {"initial": {"title": "c"}, "categorical": ["kind"]}


def test_a_dataset_and_a_stored_model_have_the_features(tmp_path: Path) -> None:
    items = pl.DataFrame({"item_id": [1, 2, 3], "title": ["Ball", "cap", "Hat"], "kind": ["x", "x", "y"]})
    sales = pl.DataFrame({"user_id": [1, 1, 2, 3], "item_id": [1, 2, 3, 1]})
    dataset = Dataset.from_tables(Tables(sales, items=items, item_features=FeatureSpec.model_validate(SPEC)))
    features = dataset.item_features
    assert features is not None
    assert features.names == ("kind=null", "kind=x", "kind=y", "title=a", "title=b", "title=c")
    assert features.without_identities()[:, 3:].toarray().tolist() == [[0, 1, 0], [0, 0, 1], [0, 0, 0]]
    gg.Popularity().fit(dataset).save(tmp_path / "model")
    encoder = gg.load(tmp_path / "model").training_data_.item_encoder
    assert encoder is not None
    assert encoder.encode_one({"title": "Apple"}).toarray()[0, 3:].tolist() == [1, 0, 0, 1, 0, 0]


def test_the_specification_checks_its_keys() -> None:
    spec = FeaturesSpec.model_validate({"items": SPEC}).items
    assert spec.columns == ["kind", "title"]
    with pytest.raises(ConfigError, match="listed twice"):
        FeatureSpec(initial={"kind": "c"}, categorical=["kind"])  # type: ignore[call-arg]
    with pytest.raises(ConfigError, match="initial must be a list of columns"):
        FeatureSpec(initial=3)  # type: ignore[call-arg]
    with pytest.raises(ConfigError, match=r"unknown key 'initials' in section \[items\]"):
        FeaturesSpec(items={"initials": ["title"]})  # type: ignore[arg-type]
