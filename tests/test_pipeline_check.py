"""A check finds an error exactly where a run or a comparison is refused."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import gingham as gg
from gingham import pipeline
from gingham.errors import GinghamError
from gingham.progress import Silent
from gingham.reading import read_parts

Spoil = Callable[[Path], Any]


def replace(name: str, old: str, new: str) -> Spoil:
    def change(folder: Path) -> None:
        text = (folder / name).read_text()
        assert old in text
        (folder / name).write_text(text.replace(old, new))

    return change


def recipe_with(text: str) -> Spoil:
    return lambda folder: (folder / "shop.toml").write_text((folder / "shop.toml").read_text() + text)


def append(name: str, text: str) -> Spoil:
    return lambda folder: (folder / name).write_text((folder / name).read_text() + text)


def prefix(name: str, letters: str) -> Spoil:
    """Put letters before each first field."""

    def change(folder: Path) -> None:
        header, *lines = (folder / name).read_text().splitlines()
        (folder / name).write_text("\n".join([header, *(letters + line for line in lines)]) + "\n")

    return change


def text_prices(folder: Path) -> None:
    """Add prices that are not numbers; the recipe's model does not use prices."""
    header, *lines = (folder / SALES).read_text().splitlines()
    (folder / SALES).write_text("\n".join([f"{header},cost", *(f"{line},dear" for line in lines)]) + "\n")
    replace(SHOP, 'timestamp = "day"', 'timestamp = "day"\nprice = "cost"')(folder)


SALES, PEOPLE, THINGS, SHOP = "transactions.csv", "customers.csv", "articles.csv", "shop.toml"

GOOD = [
    append(SALES, "c999,03,2024-01-01\n"),
    append(SALES, "NULL,03,2024-01-01\n"),
    append(PEOPLE, "c999,\n"),
    text_prices,
    replace(SHOP, "k = 5", "k = 25"),
    recipe_with('\n[compare]\nmodels = [{ name = "p", kind = "popularity" }]\n'),
]
BAD = [
    append(SALES, "c001,03,2024-01-01,7\n"),
    append(SALES, "c001,03,yesterday\n"),
    append(SALES, ",03,2024-01-01\n"),
    append(SALES, "c001,,2024-01-01\n"),
    append(SALES, "c001,03,\n"),
    append(PEOPLE, "c000,30\n"),
    append(PEOPLE, ",30\n"),
    append(THINGS, '03,"a\n'),
    prefix(PEOPLE, "x"),
    prefix(THINGS, "0"),
    replace(PEOPLE, "age", "years"),
    replace(PEOPLE, "customer,", "shopper,"),
    lambda folder: (folder / THINGS).unlink(),
    lambda folder: (folder / THINGS).write_text(""),
    lambda folder: (folder / THINGS).write_text("article,title,kind,tags\n"),
    lambda folder: (folder / SALES).write_text("customer,article,day\n"),
    replace(SHOP, "age > 20", "age > 200"),
    replace(SHOP, "age > 20", "agee > 20"),
    replace(SHOP, "age > 20", "age >"),
    replace(SHOP, 'timestamp = "day"\n', ""),
    replace(SHOP, "age = 3", "title = 3"),
    replace(SHOP, 'categorical = ["kind"]', 'categorical = ["colour"]'),
    replace(SHOP, 'categorical = ["kind"]', 'scaled = ["kind"]'),
    replace(SHOP, "k = 5", "k = 26"),
    replace(SHOP, "k = 4", "k = 400"),
    replace(SHOP, "epochs = 3", "epochs = 0"),
    replace(SHOP, "epochs = 3", "epochs = 3\nloss = 'wrap'"),
    recipe_with('\n[split]\nkind = "time"\ntest = "900d"\n'),
    recipe_with('\n[split]\nkind = "last-n"\ntest = 5000\n'),
    recipe_with('\n[compare]\nmodels = [{ name = "p", kind = "item-knn", n_neighbors = 0 }]\n'),
    recipe_with('\n[compare]\nmodels = [{ name = "a" }, { name = "a" }]\n'),
]


def run_and_compare(recipe: Path) -> None:
    gg.run(recipe, recipe.parent / "out")
    pipeline.compare(recipe)


@pytest.mark.parametrize(("spoil", "is_good"), [*((one, True) for one in GOOD), *((one, False) for one in BAD)])
def test_check_and_run_agree(recipe: Path, spoil: Spoil, is_good: bool) -> None:
    spoil(recipe.parent)
    try:
        errors = [one.what for one in pipeline.check_recipe(recipe) if one.severity == "error"]
    except GinghamError as error:
        errors = [str(error)]
    assert not any("\n" in error for error in errors)
    assert (not errors) == is_good
    if is_good:
        read_parts(gg.Recipe.read(recipe), Silent())
    else:
        # A run does not fit the other models of a comparison.
        with pytest.raises(GinghamError):
            run_and_compare(recipe)
