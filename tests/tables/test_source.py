from typing import Any

import pytest

from gingham.config import Recipe
from gingham.errors import ConfigError
from gingham.tables import ItemsSource, TransactionsSource, UsersSource

URL = "postgresql+psycopg://shop:pssst@host/shop"


@pytest.mark.parametrize(
    ("arguments", "place"),
    [
        ({"path": "sales.csv"}, "sales.csv"),
        ({"path": ["a.csv", "b.csv"]}, "a.csv, b.csv"),
        ({"path": [f"{name}.csv" for name in "abcde"]}, "a.csv, b.csv, c.csv and 2 more"),
        ({"url": URL, "query": "SELECT 1"}, "postgresql+psycopg://shop:***@host/shop"),
        ({"columns": ["age"]}, None),
    ],
)
def test_place_names_files_or_database(arguments: Any, place: str | None) -> None:
    assert UsersSource(**arguments).place == place


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"path": "sales.csv", "url": URL, "query": "SELECT 1"}, "both set"),
        ({"url": URL}, "without query"),
        ({"query": "SELECT 1"}, "without url"),
        ({"path": "sales.csv", "query": "SELECT 1"}, "without url"),
        ({"path": ""}, "path is empty"),
        ({"path": []}, "path is empty"),
        ({"path": ["a.csv", ""]}, "path is empty"),
        ({}, "add the path of files, or the url and query of a database"),
        ({"url": [URL], "query": "SELECT 1"}, "url is not text"),
        ({"url": URL, "query": ["SELECT 1"]}, "query"),
        ({"url": URL, "query": "SELECT 1", "pathh": 1}, "pathh"),
    ],
)
def test_an_invalid_source_is_refused_without_showing_the_password(arguments: Any, words: str) -> None:
    with pytest.raises(ConfigError, match=words) as caught:
        TransactionsSource(user_id="u", item_id="i", **arguments)
    assert "pssst" not in str(caught.value)


@pytest.mark.parametrize("source", [UsersSource, ItemsSource])
def test_users_and_items_need_a_path_or_columns(source: Any) -> None:
    with pytest.raises(ConfigError, match="path and columns are missing"):
        source()


@pytest.mark.parametrize(
    "line", [f'url = ["{URL}"]\nquery = "SELECT 1"', f'url = "{URL}"', f'url = "{URL}"\nquery = 3']
)
def test_errors_of_a_recipe_do_not_show_the_password(line: str) -> None:
    with pytest.raises(ConfigError) as caught:
        Recipe.parse(f'[transactions]\nuser_id = "u"\nitem_id = "i"\n{line}\n')
    assert "pssst" not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_repr_does_not_show_the_password() -> None:
    assert "pssst" not in repr(TransactionsSource(user_id="u", item_id="i", url=URL, query="SELECT 1"))
