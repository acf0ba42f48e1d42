"""Synthetic tables with the columns of H&M's files on Kaggle, of any size, from a seed.

Use them for tests and to measure time and memory, not accuracy: the rules below decide what a model can find.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl

from gingham import store
from gingham.arrays import Bools, Doubles, Longs
from gingham.forks import require_threads
from gingham.progress import progress_bar
from gingham.validation import check_integer, check_number, check_path

# Rows of Kaggle's files (scale 1), and the days that they cover.
TRANSACTIONS, CUSTOMERS, ARTICLES = 31_788_324, 1_371_980, 105_542
FIRST_DAY, DAYS = date(2018, 9, 20), 734

TRANSACTIONS_FILE, CUSTOMERS_FILE, ARTICLES_FILE = "transactions_train.csv", "customers.csv", "articles.csv"
LABEL = "SYNTHETIC.txt"
_LABEL_TEXT = """\
These tables are synthetic: `gingham synth hm` generated them from a seed, with the columns of H&M's files on Kaggle.
The customers, articles and purchases are not real. Use them to measure time and memory, not accuracy.
"""

# index: code, name, group number, group name, share of the articles, share of the purchases.
_INDEXES = (
    ("A", "Ladieswear", 1, "Ladieswear", 0.246, 0.39),
    ("B", "Lingeries/Tights", 1, "Ladieswear", 0.064, 0.15),
    ("C", "Ladies Accessories", 1, "Ladieswear", 0.066, 0.05),
    ("D", "Divided", 2, "Divided", 0.144, 0.22),
    ("F", "Menswear", 3, "Menswear", 0.119, 0.06),
    ("G", "Baby Sizes 50-98", 4, "Baby/Children", 0.084, 0.03),
    ("H", "Children Sizes 92-140", 4, "Baby/Children", 0.114, 0.03),
    ("I", "Children Sizes 134-170", 4, "Baby/Children", 0.087, 0.02),
    ("J", "Children Accessories, Swimwear", 4, "Baby/Children", 0.044, 0.01),
    ("S", "Sport", 26, "Sport", 0.032, 0.04),
)
# product type: number, name, group, garment group number and name, median price, season (day of the year of its peak;
# None for all year round).
_TYPES = (
    (272, "Trousers", "Garment Lower body", 1009, "Trousers", 24.99, None),
    (265, "Dress", "Garment Full body", 1013, "Dresses Ladies", 24.99, 180),
    (252, "Sweater", "Garment Upper body", 1003, "Knitwear", 24.99, 340),
    (255, "T-shirt", "Garment Upper body", 1002, "Jersey Basic", 9.99, 180),
    (253, "Vest top", "Garment Upper body", 1002, "Jersey Basic", 7.99, 180),
    (258, "Blouse", "Garment Upper body", 1010, "Blouses", 17.99, None),
    (262, "Jacket", "Garment Upper body", 1007, "Outdoor", 39.99, 300),
    (274, "Shorts", "Garment Lower body", 1025, "Shorts", 14.99, 180),
    (275, "Skirt", "Garment Lower body", 1012, "Skirts", 17.99, 180),
    (245, "Cardigan", "Garment Upper body", 1003, "Knitwear", 24.99, 320),
    (264, "Coat", "Garment Upper body", 1007, "Outdoor", 59.99, 310),
    (306, "Bra", "Underwear", 1017, "Under-, Nightwear", 17.99, None),
    (286, "Underwear bottom", "Underwear", 1017, "Under-, Nightwear", 9.99, None),
    (302, "Socks", "Socks & Tights", 1021, "Socks and Tights", 4.99, 340),
    (273, "Leggings/Tights", "Garment Lower body", 1005, "Jersey Fancy", 9.99, None),
    (59, "Swimwear bottom", "Swimwear", 1018, "Swimwear", 12.99, 180),
    (298, "Bikini top", "Swimwear", 1018, "Swimwear", 12.99, 180),
    (66, "Bag", "Accessories", 1019, "Accessories", 14.99, None),
    (70, "Earring", "Accessories", 1019, "Accessories", 5.99, None),
    (94, "Sneakers", "Shoes", 1020, "Shoes", 29.99, None),
)
# colour group: number, name, perceived value number and name, perceived master number and name, share.
_COLOURS = (
    (9, "Black", 4, "Dark", 5, "Black", 0.28),
    (10, "White", 3, "Light", 9, "White", 0.14),
    (73, "Dark Blue", 4, "Dark", 2, "Blue", 0.12),
    (72, "Blue", 6, "Medium", 2, "Blue", 0.06),
    (71, "Light Blue", 1, "Dusty Light", 2, "Blue", 0.04),
    (12, "Light Beige", 1, "Dusty Light", 11, "Beige", 0.07),
    (7, "Grey", 6, "Medium", 12, "Grey", 0.08),
    (51, "Light Pink", 1, "Dusty Light", 4, "Pink", 0.07),
    (42, "Red", 5, "Bright", 18, "Red", 0.05),
    (19, "Greenish Khaki", 2, "Medium Dusty", 20, "Khaki green", 0.05),
    (31, "Yellowish Brown", 2, "Medium Dusty", 8, "Yellow", 0.04),
)
_APPEARANCES = (
    (1010016, "Solid", 0.5),
    (1010001, "All over pattern", 0.17),
    (1010010, "Melange", 0.09),
    (1010017, "Stripe", 0.08),
    (1010023, "Denim", 0.08),
    (1010008, "Front print", 0.08),
)
_SECTIONS = ("Everyday Collection", "Trend", "Basics")

# Kaggle's prices are euros divided by this.
_PRICE_UNIT = 590.0
_REPEATS, _OWN_INDEX, _OWN_COLOUR = 0.08, 0.75, 0.35
_BASKET = 3.3


def hm(folder: Path | str, scale: float = 1.0, seed: int = 0) -> None:
    """Write customers.csv, articles.csv and transactions_train.csv with every column of H&M's files on Kaggle.

    Popularity follows Zipf's law. Sales have a weekly and a yearly season. Articles are launched, and their sales fade.
    Customers prefer one index and one colour, and buy some articles again. Ages have two modes. Values are missing in
    the same columns as in Kaggle's files. Memory grows with the customers and articles, not with the transactions.

    Parameters
    ----------
    folder : path
        The folder to create; the folder of an earlier call is replaced.
    scale : float
        1 (default) for 31,788,324 transactions of 1,371,980 customers and 105,542 articles; from 0.0001 to 100.
    seed : int
        The seed, at least 0; 0 by default. The same seed and scale give the same files.

    Raises
    ------
    ParameterError
        If `scale` or `seed` is out of range.
    ArtifactError
        If `folder` has other files, or can't be written.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> import gingham as gg
    >>> with TemporaryDirectory() as folder:
    ...     gg.synth.hm(Path(folder) / "hm", scale=0.0001)
    ...     sorted(file.name for file in (Path(folder) / "hm").iterdir())
    ['SYNTHETIC.txt', 'articles.csv', 'customers.csv', 'transactions_train.csv']
    """
    require_threads("Building tables")
    check_number("scale", scale, least=1e-4, most=100)
    check_integer("seed", seed, 0)
    own = {LABEL, ARTICLES_FILE, CUSTOMERS_FILE, TRANSACTIONS_FILE}
    with store.replace_directory(check_path("folder", folder), marker=LABEL, own=lambda _: own) as temporary:
        (temporary / LABEL).write_text(_LABEL_TEXT, encoding="utf-8")
        articles = _Articles.draw(max(len(_INDEXES) * 5, round(ARTICLES * scale)), np.random.default_rng([seed, 1]))
        articles.table.write_csv(temporary / ARTICLES_FILE)
        customers = _Customers.draw(max(20, round(CUSTOMERS * scale)), np.random.default_rng([seed, 2]))
        customers.table.write_csv(temporary / CUSTOMERS_FILE)
        days = _days(articles, customers, round(TRANSACTIONS * scale), seed)
        with (temporary / TRANSACTIONS_FILE).open("wb") as file:
            for number, rows in enumerate(progress_bar(days, "days", DAYS)):
                rows.write_csv(file, include_header=number == 0)


@dataclass(frozen=True)
class _Articles:
    """The articles, sorted by index and colour; `starts[index * n_colours + colour]` is the first of each group."""

    table: pl.DataFrame
    ids: pl.Series
    starts: Longs
    appeal: Doubles
    launch: Longs
    half_life: Doubles
    peak: Doubles
    price: Doubles

    @classmethod
    def draw(cls, n: int, rng: np.random.Generator) -> "_Articles":
        product = np.sort(rng.integers(0, max(1, round(n * 0.45)), n))  # articles of a product differ in colour
        n_products = int(product[-1]) + 1
        index = _choice(rng, [row[4] for row in _INDEXES], n_products)[product]
        kind = rng.integers(0, len(_TYPES), n_products)[product]
        colour = _choice(rng, [row[6] for row in _COLOURS], n)
        # Codes rise with time: a product that was launched later has a greater one.
        launch = np.sort(rng.integers(-300, DAYS, n_products))[product] + rng.integers(0, 15, n)
        code = 108_775 + np.sort(rng.choice(850_000, n_products, replace=n_products > 850_000))[product]
        variant = np.arange(n) - np.searchsorted(product, product)
        appeal = (1.0 + rng.permutation(n)) ** -0.9
        evergreen = rng.random(n) < 0.15
        half_life = np.where(evergreen, 10_000.0, rng.lognormal(np.log(45), 0.5, n))
        launch[evergreen] = -300
        peak = np.array([np.nan if row[6] is None else row[6] for row in _TYPES])[kind]
        price = np.array([row[5] for row in _TYPES])[kind] * np.exp(rng.normal(0, 0.25, n_products))[product]
        order = np.lexsort((colour, index))
        ids = pl.Series(_padded(code * 1000 + variant + 1, 10))
        table = _article_table(ids, code, index, kind, colour, product, rng)
        group = index[order] * len(_COLOURS) + colour[order]
        return cls(
            table,
            ids.gather(order),
            np.searchsorted(group, np.arange(len(_INDEXES) * len(_COLOURS) + 1)),
            appeal[order] * np.array([row[5] / row[4] for row in _INDEXES])[index[order]],
            launch[order],
            half_life[order],
            peak[order],
            np.floor(price[order]) + 0.99,
        )

    def demand(self, day: int) -> Doubles:
        """Return the demand for each article on a day: 0 before its launch, then falling, and higher in its season."""
        age = day - self.launch
        faded = self.appeal * np.exp2(-np.maximum(age, 0) / self.half_life) * (age >= 0)
        of_year = (FIRST_DAY + timedelta(days=day)).timetuple().tm_yday
        season = np.exp(np.cos((of_year - self.peak) * (2 * np.pi / 365)))
        return faded * np.where(np.isnan(self.peak), 1.0, season)

    def prices(self, chosen: Longs, day: int, rng: np.random.Generator) -> Doubles:
        """Return the prices of the chosen articles on a day; old articles are marked down."""
        age = (day - self.launch[chosen]) / self.half_life[chosen]
        reduced = np.where(age > 4, 0.5, np.where(age > 2, 0.7, 1.0)) * np.where(rng.random(len(chosen)) < 0.1, 0.9, 1)
        return np.asarray(np.round(self.price[chosen] * reduced, 2) / _PRICE_UNIT)


@dataclass(frozen=True)
class _Customers:
    """The customers, sorted by the day on which they joined."""

    table: pl.DataFrame
    ids: pl.Series
    joined: Longs
    activity: Doubles
    index: Longs
    colour: Longs
    online: Doubles

    @classmethod
    def draw(cls, n: int, rng: np.random.Generator) -> "_Customers":
        ids = _hashes(n, rng).sort()
        young = rng.random(n) < 0.6
        age = np.where(young, rng.normal(25, 4, n), rng.normal(50, 9, n)).clip(16, 99).astype(np.int64)
        table = pl.DataFrame(
            {
                "customer_id": ids,
                "FN": _or_null(np.ones(n), rng.random(n) < 0.652),
                "Active": _or_null(np.ones(n), rng.random(n) < 0.661),
                "club_member_status": _named(
                    _choice(rng, [0.9275, 0.0678, 0.0003, 0.0044], n), ["ACTIVE", "PRE-CREATE", "LEFT CLUB", None]
                ),
                "fashion_news_frequency": _named(
                    _choice(rng, [0.640, 0.3477, 0.0006, 0.0117], n), ["NONE", "Regularly", "Monthly", None]
                ),
                "age": _or_null(age, rng.random(n) < 0.0116),
                "postal_code": _hashes(max(1, n // 4), rng).gather(rng.integers(0, max(1, n // 4), n)),
            }
        )
        # In the first weeks of a file every customer is new; later, fewer are.
        joined = np.where(rng.random(n) < 0.7, rng.exponential(150, n) % DAYS, rng.random(n) * DAYS).astype(np.int64)
        order = np.argsort(joined, kind="stable")
        own = _choice(rng, [row[5] for row in _INDEXES], n)
        return cls(
            table,
            ids.gather(order),
            joined[order],
            rng.lognormal(0, 1.4, n),
            own,
            _choice(rng, [row[6] for row in _COLOURS], n),
            rng.beta(2.1, 0.9, n),
        )


def _days(articles: _Articles, customers: _Customers, n: int, seed: int) -> Iterator[pl.DataFrame]:
    """Yield the transactions of each day."""
    rng = np.random.default_rng([seed, 3])
    sizes = rng.multinomial(n, _season() / _season().sum())
    wallet = np.cumsum(customers.activity)
    last = np.full(len(customers.joined), -1)
    for day, size in enumerate(sizes):
        first_new, n_joined = np.searchsorted(customers.joined, [day, day + 1])
        buyers = _buyers(wallet[: max(1, n_joined)], np.arange(first_new, n_joined), int(size), rng)
        bought = _articles_bought(articles, customers, last, buyers, day, rng)
        last[buyers] = bought
        rows = pl.DataFrame(
            {
                "t_dat": pl.repeat((FIRST_DAY + timedelta(days=day)).isoformat(), len(buyers), eager=True),
                "customer_id": customers.ids.gather(buyers),
                "article_id": articles.ids.gather(bought),
                "price": articles.prices(bought, day, rng),
                "sales_channel_id": 1 + (rng.random(len(buyers)) < customers.online[buyers]).astype(np.int64),
            }
        )
        yield rows.sort("customer_id", maintain_order=True)


def _season() -> Doubles:
    """Return the sales of each day, relative to the other days."""
    days = [FIRST_DAY + timedelta(days=day) for day in range(DAYS)]
    of_year = np.array([day.timetuple().tm_yday for day in days])
    weekly = np.array([1.0, 0.98, 1.0, 1.05, 1.1, 1.25, 0.9])[[day.weekday() for day in days]]
    yearly = 1 + 0.2 * np.cos((of_year - 175) * (2 * np.pi / 365))
    sales = 1 + 0.8 * (np.abs(of_year - 178) < 6) + 1.2 * (np.abs(of_year - 332) < 2)
    return np.asarray(weekly * yearly * sales)


def _buyers(wallet: Doubles, new: Longs, size: int, rng: np.random.Generator) -> Longs:
    """Draw the customer of each of `size` transactions: first the new customers, then others, basket by basket."""
    ends = np.cumsum(rng.geometric(1 / _BASKET, size))  # more baskets than are needed
    basket = np.searchsorted(ends, np.arange(size), side="right")
    drawn = np.searchsorted(wallet, rng.random(size) * wallet[-1])
    drawn[: len(new)] = new[:size]
    return np.asarray(drawn[basket])


def _articles_bought(
    articles: _Articles, customers: _Customers, last: Longs, buyers: Longs, day: int, rng: np.random.Generator
) -> Longs:
    """Draw the article of each transaction: the last one again, one of the preferred index and colour, or any."""
    size, width = len(buyers), len(_COLOURS)
    total = np.concatenate([[0.0], np.cumsum(articles.demand(day))])
    own, colour = customers.index[buyers], customers.colour[buyers]
    low, high = np.zeros(size, np.int64), np.full(size, len(articles.ids))
    for likes, first, past in (
        (rng.random(size) < _OWN_INDEX, own * width, (own + 1) * width),
        (rng.random(size) < _OWN_COLOUR, own * width + colour, own * width + colour + 1),
    ):
        start, end = articles.starts[first], articles.starts[past]
        chosen = likes & (total[end] > total[start])
        low, high = np.where(chosen, start, low), np.where(chosen, end, high)
    drawn = total[low] + rng.random(size) * (total[high] - total[low])
    fresh = np.clip(np.searchsorted(total, drawn, side="right") - 1, low, high - 1)
    again = (rng.random(size) < _REPEATS) & (last[buyers] >= 0)
    return np.where(again, last[buyers], fresh)


def _article_table(
    ids: pl.Series,
    code: Longs,
    index: Longs,
    kind: Longs,
    colour: Longs,
    product: Longs,
    rng: np.random.Generator,
) -> pl.DataFrame:
    n_products = int(product[-1]) + 1
    appearance = _choice(rng, [row[2] for row in _APPEARANCES], n_products)[product]
    section = rng.integers(0, len(_SECTIONS), n_products)[product]
    series = rng.integers(1, 400, n_products)[product]
    attributes = {"index": (index, _INDEXES), "kind": (kind, _TYPES), "colour": (colour, _COLOURS)}

    def column(attribute: str, position: int) -> pl.Series:
        codes, rows = attributes[attribute]
        return pl.Series([row[position] for row in rows]).gather(codes)

    names = column("kind", 1)
    table = pl.DataFrame(
        {
            "article_id": ids,
            "product_code": _padded(code, 7),
            "prod_name": names.str.to_uppercase() + " " + pl.Series(series).cast(pl.String),
            "product_type_no": column("kind", 0),
            "product_type_name": names,
            "product_group_name": column("kind", 2),
            "graphical_appearance_no": pl.Series([row[0] for row in _APPEARANCES]).gather(appearance),
            "graphical_appearance_name": pl.Series([row[1] for row in _APPEARANCES]).gather(appearance),
            "colour_group_code": column("colour", 0),
            "colour_group_name": column("colour", 1),
            "perceived_colour_value_id": column("colour", 2),
            "perceived_colour_value_name": column("colour", 3),
            "perceived_colour_master_id": column("colour", 4),
            "perceived_colour_master_name": column("colour", 5),
            "department_no": 1000 + index * 100 + kind,
            "department_name": column("index", 1) + " " + names,
            "index_code": column("index", 0),
            "index_name": column("index", 1),
            "index_group_no": column("index", 2),
            "index_group_name": column("index", 3),
            "section_no": index * len(_SECTIONS) + section + 1,
            "section_name": column("index", 1) + " " + pl.Series(_SECTIONS).gather(section),
            "garment_group_no": column("kind", 3),
            "garment_group_name": column("kind", 4),
        }
    )
    described = "Synthetic article: " + column("colour", 1) + " " + names + ", made up for tests, in several sizes."
    unknown = rng.random(n_products)[product] < 0.004
    return table.with_columns(detail_desc=pl.Series(described).set(pl.Series(unknown), None))


def _choice(rng: np.random.Generator, shares: list[float], n: int) -> Longs:
    """Draw positions of `shares` with these probabilities."""
    borders = np.cumsum(shares)
    return np.searchsorted(borders[:-1] / borders[-1], rng.random(n), side="right").astype(np.int64)


def _hashes(n: int, rng: np.random.Generator) -> pl.Series:
    text = rng.bytes(32 * n).hex()
    return pl.Series([text[start : start + 64] for start in range(0, len(text), 64)])


def _padded(numbers: Longs, width: int) -> pl.Series:
    return pl.Series(numbers).cast(pl.String).str.zfill(width)


def _named(codes: Longs, names: list[str | None]) -> pl.Series:
    return pl.Series(names).gather(codes)


def _or_null(values: npt.NDArray[np.generic], missing: Bools) -> pl.Series:
    return pl.Series(values).set(pl.Series(missing), None)
