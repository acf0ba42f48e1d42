from typing import Any

import pytest

from gingham.dataset import Feature
from gingham.errors import DataError


@pytest.mark.parametrize(
    ("feature", "name", "group"),
    [
        (Feature("kind", "hat"), "kind=hat", "kind"),
        (Feature("tags", "wool", "part"), "tags=wool", "tags"),
        (Feature("kind", "other", "other"), "kind=other", "kind"),
        (Feature("kind", "null", "null"), "kind=null", "kind"),
        (Feature("age", "(20,inf]", "bin"), "age∈(20,inf]", "age"),
        (Feature("since", "mon", "weekday"), "since:weekday=mon", "since:weekday"),
        (Feature("since", "12", "month"), "since:month=12", "since:month"),
        (Feature("since", "(0,7]", "age"), "since:age∈(0,7]", "since:age"),
        (Feature("price", kind="number"), "price", None),
        (Feature("title", "3", "words"), "title#3", None),
        (Feature("embed[0]", kind="output"), "embed[0]", None),
    ],
)
def test_names_and_groups(feature: Feature, name: str, group: str | None) -> None:
    assert (feature.name, feature.group) == (name, group)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((3,), "column=3 of a feature is a int"),
        (("kind", None), "label=None of a feature is a NoneType"),
        (("kind", "a", "kategorie"), "kind='kategorie' of a feature must be one of 'category', 'part'"),
    ],
)
def test_invalid_features(arguments: tuple[Any, ...], words: str) -> None:
    with pytest.raises(DataError, match=words):
        Feature(*arguments)
