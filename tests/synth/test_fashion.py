import hashlib
from pathlib import Path

import pandas as pd
import polars as pl
import pytest

from gingham.errors import ArtifactError, ParameterError
from gingham.synth import fashion as synth

COLUMNS = {
    synth.TRANSACTIONS_FILE: "t_dat,customer_id,article_id,price,sales_channel_id",
    synth.CUSTOMERS_FILE: "customer_id,FN,Active,club_member_status,fashion_news_frequency,age,postal_code",
    synth.ARTICLES_FILE: (
        "article_id,product_code,prod_name,product_type_no,product_type_name,product_group_name,"
        "graphical_appearance_no,graphical_appearance_name,colour_group_code,colour_group_name,"
        "perceived_colour_value_id,perceived_colour_value_name,perceived_colour_master_id,"
        "perceived_colour_master_name,department_no,department_name,index_code,index_name,index_group_no,"
        "index_group_name,section_no,section_name,garment_group_no,garment_group_name,detail_desc"
    ),
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("synth") / "hm"
    synth.hm(place, scale=0.002, seed=7)
    return place


@pytest.fixture(scope="module")
def tables(folder: Path) -> dict[str, pd.DataFrame]:
    types = {"customer_id": str, "article_id": str, "product_code": str}
    return {name: pd.read_csv(folder / name, dtype=types) for name in COLUMNS}


def digests(folder: Path) -> dict[str, str]:
    return {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in folder.iterdir()}


def test_files_have_every_column_of_the_originals(folder: Path) -> None:
    for name, header in COLUMNS.items():
        with (folder / name).open(encoding="utf-8") as file:
            assert file.readline().rstrip("\n") == header
    assert "synthetic" in (folder / synth.LABEL).read_text(encoding="utf-8")


def test_the_scale_decides_the_number_of_rows(tables: dict[str, pd.DataFrame]) -> None:
    assert len(tables[synth.TRANSACTIONS_FILE]) == round(0.002 * 31_788_324)
    assert len(tables[synth.CUSTOMERS_FILE]) == round(0.002 * 1_371_980)
    assert len(tables[synth.ARTICLES_FILE]) == round(0.002 * 105_542)


def test_ids_are_unique_and_in_the_tables(tables: dict[str, pd.DataFrame]) -> None:
    sales, customers, articles = (tables[name] for name in COLUMNS)
    assert customers["customer_id"].is_unique
    assert customers["customer_id"].str.fullmatch("[0-9a-f]{64}").all()
    assert articles["article_id"].is_unique
    assert articles["article_id"].str.fullmatch("0[0-9]{9}").all()
    assert (articles["article_id"].str[:7] == articles["product_code"]).all()
    assert sales["customer_id"].isin(customers["customer_id"]).all()
    assert sales["article_id"].isin(articles["article_id"]).all()


def test_equal_seeds_give_equal_files(folder: Path, tmp_path: Path) -> None:
    synth.hm(tmp_path / "again", scale=0.002, seed=7)
    synth.hm(tmp_path / "other", scale=0.002, seed=8)
    assert digests(tmp_path / "again") == digests(folder)
    assert digests(tmp_path / "other")[synth.TRANSACTIONS_FILE] != digests(folder)[synth.TRANSACTIONS_FILE]


def test_sales_have_the_shape_of_a_shop(tables: dict[str, pd.DataFrame]) -> None:
    sales, customers, articles = (tables[name] for name in COLUMNS)
    days = pd.to_datetime(sales["t_dat"])
    assert days.is_monotonic_increasing
    assert (days.min(), days.max()) == (pd.Timestamp("2018-09-20"), pd.Timestamp("2020-09-22"))
    by_weekday = days.dt.day_of_week.value_counts()
    assert by_weekday.idxmax() == 5
    # A long tail: a tenth of the sold articles has a large share of the sales.
    counts = sales["article_id"].value_counts()
    assert counts.head(len(counts) // 10).sum() > 0.4 * len(sales)
    assert counts.size < len(articles)
    # Some articles are bought again, and customers prefer one index.
    assert sales.duplicated(["customer_id", "article_id"]).mean() > 0.03
    parts = sales.merge(articles, on="article_id").groupby("customer_id")["index_name"]
    share = parts.agg(lambda names: names.value_counts().iloc[0] / len(names))
    assert share[parts.size() >= 20].mean() > 0.6
    assert set(sales["sales_channel_id"]) == {1, 2}
    assert sales["price"].between(0.5 / 590, 250 / 590).all()
    assert customers["age"].between(16, 99).mean() > 0.97
    young, between, old = (customers["age"].between(low, low + 4).sum() for low in (23, 35, 48))
    assert young > between < old
    assert sales["customer_id"].nunique() > 0.95 * len(customers)


def test_values_are_missing_where_the_originals_miss_them(tables: dict[str, pd.DataFrame]) -> None:
    sales, customers, articles = (tables[name] for name in COLUMNS)
    assert not sales.isna().any().any()
    missing = customers.isna().mean()
    assert missing[["FN", "Active"]].between(0.6, 0.7).all()
    assert missing[["fashion_news_frequency", "age"]].between(0.003, 0.03).all()
    assert missing[["customer_id", "postal_code"]].eq(0).all()
    assert articles.drop(columns="detail_desc").notna().all().all()


def test_an_article_is_not_sold_before_its_launch(tables: dict[str, pd.DataFrame]) -> None:
    sales = tables[synth.TRANSACTIONS_FILE]
    first = sales.groupby("article_id")["t_dat"].min()
    newest = first.sort_index().tail(len(first) // 5)  # codes rise with launches
    assert (newest > "2019-09-20").mean() > 0.7


def test_only_synthetic_tables_are_replaced(folder: Path, tmp_path: Path) -> None:
    place = tmp_path / "shop"
    place.mkdir()
    (place / "thesis.txt").write_text("mine")
    with pytest.raises(ArtifactError, match="other files"):
        synth.hm(place, scale=0.001)
    (place / "thesis.txt").unlink()
    synth.hm(place, scale=0.001)
    synth.hm(place, scale=0.0015)
    assert pl.read_csv(place / synth.TRANSACTIONS_FILE).height == round(0.0015 * 31_788_324)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"scale": 0}, "scale must be .*, not 0"),
        ({"scale": 101}, "scale must be .*, not 101"),
        ({"seed": -1}, "seed must be .*, not -1"),
    ],
)
def test_wrong_sizes_are_refused(arguments: dict[str, float], words: str, tmp_path: Path) -> None:
    with pytest.raises(ParameterError, match=words):
        synth.hm(tmp_path / "shop", **arguments)
    assert not (tmp_path / "shop").exists()
