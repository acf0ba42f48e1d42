from typing import Any

import pytest
from pydantic import ValidationError

from gingham.config import Recipe
from gingham.errors import ConfigError
from gingham.tables import ItemsSource, TransactionsSource, UsersSource

URL = "postgresql+psycopg://shop:pssst@host/shop"


@pytest.mark.parametrize(
    ("given", "place"),
    [
        ({"path": "sales.csv"}, "sales.csv"),
        ({"path": ["a.csv", "b.csv"]}, "a.csv, b.csv"),
        ({"path": [f"{name}.csv" for name in "abcde"]}, "a.csv, b.csv, c.csv and 2 more"),
        ({"url": URL, "query": "SELECT 1"}, "postgresql+psycopg://shop:***@host/shop"),
        ({"columns": ["age"]}, None),
    ],
)
def test_a_place_is_what_messages_call_it(given: Any, place: str | None) -> None:
    assert UsersSource(**given).place == place


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"path": "sales.csv", "url": URL, "query": "SELECT 1"}, "not both"),
        ({"url": URL}, "both of them"),
        ({"query": "SELECT 1"}, "both of them"),
        ({"path": "sales.csv", "query": "SELECT 1"}, "both of them"),
        ({"path": ""}, "path is empty"),
        ({"path": []}, "path is empty"),
        ({"path": ["a.csv", ""]}, "path is empty"),
        ({}, "give the path of files, or the url and the query of a database"),
        ({"url": [URL], "query": "SELECT 1"}, "the url is no text"),
        ({"url": URL, "query": ["SELECT 1"]}, "query"),
        ({"url": URL, "query": "SELECT 1", "pathh": 1}, "pathh"),
    ],
)
def test_an_unsound_source_is_refused_and_keeps_its_password(given: Any, words: str) -> None:
    with pytest.raises(ValidationError, match=words) as caught:
        TransactionsSource(user_id="u", item_id="i", **given)
    assert "pssst" not in str(caught.value)


@pytest.mark.parametrize("source", [UsersSource, ItemsSource])
def test_a_described_table_has_a_path_or_columns(source: Any) -> None:
    with pytest.raises(ValidationError, match="path, or the columns"):
        source()


@pytest.mark.parametrize(
    "line", [f'url = ["{URL}"]\nquery = "SELECT 1"', f'url = "{URL}"', f'url = "{URL}"\nquery = 3']
)
def test_a_recipe_that_is_wrong_keeps_its_password(line: str) -> None:
    with pytest.raises(ConfigError) as caught:
        Recipe.parse(f'[transactions]\nuser_id = "u"\nitem_id = "i"\n{line}\n')
    assert "pssst" not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_source_does_not_show_its_password() -> None:
    assert "pssst" not in repr(TransactionsSource(user_id="u", item_id="i", url=URL, query="SELECT 1"))
