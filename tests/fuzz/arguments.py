"""Valid calls of everything public, and the wrong values that each of their arguments is replaced with."""

import inspect
from collections.abc import Callable, Iterator
from copy import copy as shallow_copy
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import scipy.sparse as sp

import gingham as gg
from gingham import lightfm
from gingham.config import sections
from gingham.section import Section
from gingham.tables import ItemsSource, TransactionsSource, UsersSource


class Thing:
    """An object of a class that nobody knows."""

    def __repr__(self) -> str:
        return "a thing"


def a_function(*values: Any) -> None:
    """Do nothing, with any arguments."""


# Each is made anew for each call, because a call may consume or change it.
WRONG: tuple[Callable[[], Any], ...] = (
    lambda: None,
    lambda: True,
    lambda: -1,
    lambda: 0,
    lambda: 1.5,
    lambda: float("nan"),
    lambda: float("inf"),
    lambda: 1j,
    lambda: 10**30,
    lambda: Decimal("0.5"),
    lambda: "x",
    lambda: "",
    lambda: "\x00",
    lambda: "x" * 300,
    lambda: b"x",
    lambda: [],
    lambda: [None],
    lambda: ["x", 1],
    lambda: [[1]],
    lambda: (),
    lambda: {},
    lambda: {1: []},
    lambda: {"x": object()},
    lambda: set(),
    lambda: iter([1, "x"]),
    lambda: range(2),
    Thing,
    lambda: a_function,
    lambda: date(2024, 1, 1),
    lambda: datetime(2024, 1, 1, tzinfo=UTC),
    lambda: timedelta(days=-1),
    lambda: np.array([1.5, np.nan]),
    lambda: np.zeros((2, 2, 2)),
    lambda: np.array(["x", None], object),
    lambda: np.array(3),
    lambda: np.datetime64("NaT"),
    lambda: pl.DataFrame({"x": [1]}),
    lambda: pl.Series([b""]),
    lambda: pl.Series([0.5, None]),
    lambda: pd.DataFrame({"user_id": [None], "x": [1]}),
    lambda: pd.Series([1, "x"]),
    lambda: sp.csr_matrix((1, 1)),
    lambda: sp.coo_matrix(np.array([[np.nan]])),
)


@dataclass(frozen=True)
class Call:
    """A valid call of a public function, class or method."""

    name: str
    function: Callable[..., Any]
    arguments: dict[str, Any]

    @property
    def names(self) -> list[str]:
        """The names of all arguments, given or not."""
        if isinstance(self.function, type) and issubclass(self.function, Section):
            return list(self.function.model_fields)
        parameters = inspect.signature(self.function).parameters.values()
        named = [item.name for item in parameters if item.kind not in (item.VAR_KEYWORD, item.VAR_POSITIONAL)]
        return list(dict.fromkeys([*self.arguments, *named]))

    def run(self, **arguments: Any) -> Any:
        """Call with some other arguments; a generator yields its first results."""
        result = self.function(**self.arguments | arguments)
        return list(zip(result, range(2), strict=False)) if hasattr(result, "__next__") else result


@cache
def shop() -> gg.Tables:
    """Return the tables of a small shop."""
    return gg.synth.sample_tables(n_users=12, n_items=8)


@cache
def dataset() -> gg.Dataset:
    """Return the dataset of a small shop."""
    return gg.Dataset.from_tables(shop())


@cache
def parts() -> gg.split.Split[gg.Dataset]:
    """Return the parts of the small shop."""
    return gg.split.by_time(dataset(), test="7d")


@cache
def models() -> tuple[Any, ...]:
    """Return a small model of each class, unfitted."""
    ranker = gg.LightGBMRanker(n_estimators=2, num_leaves=3, min_child_samples=2, early_stopping_rounds=0)
    return (
        gg.ALS(2, epochs=1, random_state=0),
        gg.HybridMF(2, epochs=1, random_state=0),
        gg.EASE(),
        gg.GraphFilter(2),
        gg.ItemKNN(2),
        gg.NextBasket(n_neighbours=2),
        gg.Transitions(),
        gg.BasketRegression(),
        gg.Blend([gg.BuyAgain(), gg.Popularity()]),
        gg.Popularity(),
        gg.BuyAgain(),
        gg.ContentBased(),
        gg.TwoStage([gg.BuyAgain(), gg.Popularity()], ranker, n_candidates=4, n_periods=1, random_state=0),
    )


@cache
def fitted(model: Any) -> Any:
    """Return a fitted copy of a model."""
    return model.copy().fit(parts().train, num_threads=1, verbose=False)


def fitting(model: Any) -> Iterator[Call]:
    """Yield calls that construct and fit a model."""
    kind = type(model)

    def constructed(**params: Any) -> Any:
        return model.copy(**params).fit(parts().train, num_threads=1, verbose=False)

    yield Call(f"{kind.__name__}", constructed, model.get_params())
    options = {"interactions": parts().train, "num_threads": 1, "verbose": False}
    yield Call(f"{kind.__name__}.fit", lambda **keys: model.copy().fit(**keys), _all(model.fit, options))
    if hasattr(model, "fit_partial"):
        function = lambda **keys: model.copy().fit_partial(**keys)  # noqa: E731
        yield Call(f"{kind.__name__}.fit_partial", function, _all(model.fit_partial, options))


def _all(function: Callable[..., Any], arguments: dict[str, Any]) -> dict[str, Any]:
    """Return arguments with the defaults of the others."""
    parameters = inspect.signature(function).parameters.values()
    return {item.name: item.default for item in parameters if item.default is not item.empty} | arguments


def recommending(model: Any) -> Iterator[Call]:
    """Yield calls of the methods of a fitted model."""
    user, item = dataset().user_ids.values[0], dataset().item_ids.values[0]
    test = parts().test
    arguments: dict[str, dict[str, Any]] = {
        "recommend": {"user_ids": [user], "k": 2},
        "explain": {"user_ids": [user], "k": 2},
        "explain_features": {"user_ids": [user], "k": 2},
        "reasons": {"user_ids": [user], "k": 2, "without": [item]},
        "explain_for": {"history": [item], "k": 2},
        "reasons_for": {"history": [item], "k": 2},
        "predict": {"user_ids": user, "item_ids": [item]},
        "rank": {"user_ids": [user], "test": test},
        "predict_rank": {"test": test},
        "test_matrix": {"test": test},
        "save": {"path": "model"},
        "fold_in": {"interactions": test.matrix()},
        "recommend_for": {"history": [item], "features": {}, "k": 2},
        "users_for": {"item_ids": [item], "k": 2},
        "recommend_baskets": {"baskets": {"guest": [item]}, "k": 2},
        "similar_items": {"item_ids": [item], "k": 2},
        "similar_users": {"user_ids": [user], "k": 2},
        "user_representations": {},
        "item_representations": {},
        "copy": {},
        "get_params": {},
    }
    for name, given in arguments.items():
        if hasattr(model, name):
            yield Call(f"{type(model).__name__}.{name}", getattr(model, name), given)
    for name, given in {"update": {"transactions": test}, "forget": {"user_ids": [user]}}.items():
        # A copy, because these change the model.
        function = partial(lambda name, **keys: getattr(shallow_copy(model), name)(**keys), name)
        yield Call(f"{type(model).__name__}.{name}", function, _all(getattr(model, name), given))


def tables_and_datasets() -> Iterator[Call]:
    """Yield calls about tables, ids, features and datasets."""
    rows, users, items = (
        frame.collect() for frame in (shop().transactions, shop().users, shop().items) if frame is not None
    )
    data = dataset()
    yield Call("Tables", gg.Tables, {"transactions": rows, "users": users, "items": items})
    yield Call("clean", gg.clean, {"tables": shop()})
    yield Call("check", gg.check, {"tables": shop()})
    yield Call("profile", gg.profile, {"tables": shop()})
    yield Call("Dataset.from_tables", gg.Dataset.from_tables, {"tables": shop()})
    fields = {name: getattr(data, name) for name in ("user_ids", "item_ids", "interactions")}
    yield Call("Dataset", gg.Dataset, fields)
    yield Call("Dataset.matrix", data.matrix, {})
    yield Call("Dataset.with_interactions", data.with_interactions, {"interactions": data.interactions})
    yield Call("Dataset.extended", data.extended, {"transactions": data, "users": None, "items": None})
    yield Call("Dataset.without_users", data.without_users, {"user_ids": [data.user_ids.values[0]]})
    yield Call("Ids", gg.Ids, {"values": data.user_ids.values})
    yield Call("Ids.from_series", gg.Ids.from_series, {"series": data.user_ids.values})
    ids = list(data.user_ids.values[:2])
    yield Call("Ids.index", data.user_ids.index, {"ids": ids})
    yield Call("Ids.find", data.user_ids.find, {"ids": ids})
    yield Call("Ids.contains", data.user_ids.contains, {"ids": ids})
    yield Call("Ids.ids", data.user_ids.ids, {"index": [0, 1]})
    yield Call("Ids.cast", data.user_ids.cast, {"value": "1"})
    yield Call("Ids.matches", data.user_ids.matches, {"lists": [ids], "name": "items"})
    arrays: dict[str, Any] = {"user_index": [0, 1], "item_index": [1, 0], "n_users": 2, "n_items": 2}
    yield Call("Interactions", gg.Interactions, arrays)
    yield Call("Interactions.take", data.interactions.take, {"rows": np.array([0, 1])})
    yield Call("Interactions.decayed", data.interactions.decayed, {"decay": timedelta(days=3)})
    yield Call("Interactions.matrix", data.interactions.matrix, {})
    yield Call("Features", gg.Features, {"matrix": sp.eye(2, format="csr"), "names": ["x"]})
    yield Call("Feature", gg.Feature, {"column": "colour", "label": "red"})
    spec = gg.FeatureSpec(categorical=["age_group"])
    table = users.sort("user_id")
    yield Call("FeatureEncoder.fit", gg.FeatureEncoder.fit, {"rows": table, "spec": spec})
    encoder = gg.FeatureEncoder.fit(table, spec)
    yield Call("FeatureEncoder.encode", encoder.encode, {"rows": table})


def settings() -> Iterator[Call]:
    """Yield calls that construct settings."""
    yield Call("FeatureSpec", gg.FeatureSpec, {"categorical": ["club"], "quantile": {"age": 4}})
    yield Call("CleanSpec", gg.CleanSpec, {"min_transactions": 2})
    yield Call("SplitSpec", gg.split.SplitSpec, {"kind": "last-n", "test": 1})
    yield Call("SplitSpec.apply", gg.split.SplitSpec().apply, {"dataset": dataset()})
    source = {"path": "sales.csv", "user_id": "user", "item_id": "item", "timestamp": "day"}
    yield Call("Recipe", gg.Recipe, {"transactions": source})
    yield Call("Rules", gg.Rules, {"filter": "price > 3"})
    yield Call("Rules.bind", gg.Rules(filter="price > 3").bind, {"items": pl.DataFrame({"item_id": [1], "price": [2]})})
    yield Call("TransactionsSource", TransactionsSource, source)
    yield Call("UsersSource", UsersSource, {"path": "users.csv"})
    yield Call("ItemsSource", ItemsSource, {"path": "items.csv"})
    for section in (sections.CompareSpec, sections.EvaluateSpec, sections.FeaturesSpec, sections.ModelSpec):
        yield Call(section.__name__, section, {})
    for section in (sections.RecommendSpec, sections.TuneSpec):
        yield Call(section.__name__, section, {})
    yield Call("Recipe.read", gg.Recipe.read, {"path": "recipe.toml"})
    yield Call("Recipe.parse", gg.Recipe.parse, {"text": ""})

    def stopped(**keys: Any) -> Any:
        model = gg.ALS(2, epochs=2, early_stopping=gg.EarlyStopping(**keys), random_state=0)
        return model.fit(parts().train, num_threads=1, verbose=False)

    yield Call("EarlyStopping", stopped, _all(gg.EarlyStopping, {}))

    def ranked(**keys: Any) -> None:
        gg.LightGBMRanker(**keys).validate()

    yield Call("LightGBMRanker", ranked, _all(gg.LightGBMRanker, {}))

    def suggested(**keys: Any) -> Any:
        return models()[-1].copy(candidates=[gg.CandidateSource(**keys)]).fit(parts().train, verbose=False)

    yield Call("CandidateSource", suggested, _all(gg.CandidateSource, {"model": gg.Popularity()}))


def splitting() -> Iterator[Call]:
    """Yield calls of the splits."""
    data = dataset()
    yield Call("by_time", gg.split.by_time, {"dataset": data, "test": "7d"})
    yield Call("rolling", gg.split.rolling, {"dataset": data, "test": "7d", "folds": 2})
    yield Call("last_n", gg.split.last_n, {"dataset": data, "n": 1})
    yield Call("random", gg.split.random, {"data": data, "test": 0.2, "random_state": 0})
    yield Call("k_fold", gg.split.k_fold, {"data": data.matrix(), "k": 3, "random_state": 0})
    yield Call("Split", gg.split.Split, {"train": parts().train, "test": parts().test})


def measuring() -> Iterator[Call]:
    """Yield calls of metrics and evaluation."""
    train, test = parts()
    model = fitted(models()[6])
    ranks, ranking = gg.metrics.rank_test(model, test, 3)
    lists = gg.metrics.Lists.of(ranking.items, ranks.users, train.matrix())
    yield Call("rank_test", gg.metrics.rank_test, {"model": model, "test": test})
    for metric in (*gg.metrics.AT_K.values(),):
        yield Call(metric.__name__, metric, {"test": ranks, "k": 3})
    for metric in gg.metrics.OF_ALL.values():
        yield Call(metric.__name__, metric, {"test": ranks})
    for of_lists in gg.metrics.OF_LISTS.values():
        yield Call(of_lists.__name__, of_lists, {"lists": lists, "k": 3})
    yield Call(
        "Lists.of", gg.metrics.Lists.of, {"items": ranking.items, "users": ranks.users, "interactions": train.matrix()}
    )
    yield Call("TestRanks.from_ranks", gg.metrics.TestRanks.from_ranks, {"ranks": [[0, 1], [2]], "n_items": 4})
    yield Call("compute", gg.metrics.compute, {"name": "map@3", "test": ranks})
    yield Call("named", gg.metrics.named, {"name": "map@3"})
    yield Call("names", gg.metrics.names, {"ks": [3]})
    yield Call("meaning", gg.metrics.meaning, {"name": "map@3"})
    yield Call("main_metric", gg.metrics.main_metric, {"k": 3})
    yield Call("evaluate", gg.evaluate, {"model": model, "test": test, "k": 3, "num_threads": 1})


def drop_in() -> Iterator[Call]:
    """Yield calls of the drop-in for LightFM."""
    matrix = sp.coo_matrix(np.eye(4, dtype=np.float32))
    data = lightfm.data.Dataset()
    ids = {"users": ["u", "v"], "items": ["i"], "user_features": ["x"], "item_features": ["y"]}
    yield Call("lightfm.Dataset", lightfm.data.Dataset, {"user_identity_features": False})
    yield Call("lightfm.Dataset.fit", data.fit, ids)
    yield Call("lightfm.Dataset.fit_partial", data.fit_partial, ids)

    def built(name: str) -> Callable[..., Any]:
        def build(**arguments: Any) -> Any:
            fresh = lightfm.data.Dataset()
            fresh.fit(**ids)
            return getattr(fresh, name)(**arguments)

        return build

    yield Call("lightfm.Dataset.build_interactions", built("build_interactions"), {"data": [("u", "i", 2.0)]})
    features = {"data": [("u", ["x"])], "normalize": True}
    yield Call("lightfm.Dataset.build_user_features", built("build_user_features"), features)
    yield Call("lightfm.Dataset.build_item_features", built("build_item_features"), {"data": [("i", {"y": 2.0})]})

    def fit(**arguments: Any) -> Any:
        return lightfm.LightFM(2, random_state=0).fit(**arguments)

    yield Call("lightfm.LightFM", lightfm.LightFM, {})
    yield Call("lightfm.LightFM.fit", fit, _all(lightfm.LightFM.fit, {"interactions": matrix}))
    model = fit(interactions=matrix)
    yield Call("lightfm.LightFM.predict", model.predict, {"user_ids": 0, "item_ids": np.arange(4)})
    yield Call(
        "lightfm.LightFM.predict_rank", model.predict_rank, {"test_interactions": matrix, "check_intersections": False}
    )
    yield Call("lightfm.LightFM.fit_partial", model.fit_partial, {"interactions": matrix})
    yield Call("lightfm.LightFM.set_params", lambda **params: fit(interactions=matrix).set_params(**params), {"k": 3})
    yield Call("lightfm.LightFM.from_lightfm", lightfm.LightFM.from_lightfm, {"model": model})
    yield Call("lightfm.LightFM.get_user_representations", model.get_user_representations, {})
    yield Call("lightfm.LightFM.get_item_representations", model.get_item_representations, {})
    yield Call("lightfm.LightFM.to_hybrid", model.to_hybrid, {})
    yield Call("lightfm.LightFM.save", model.save, {"path": "drop-in"})
    yield Call("lightfm.LightFM.load", lightfm.LightFM.load, {"path": "drop-in"})
    # Nothing is downloaded, whatever the argument.
    folder, flags = {"data_home": "data"}, {"indicator_features": True}
    movielens = {**folder, **flags, "genre_features": True, "min_rating": 3.0}
    fetch = lightfm.datasets.fetch_movielens
    yield Call("lightfm.fetch_movielens", lambda **given: fetch(download_if_missing=False, **given), movielens)
    split = lightfm.cross_validation.random_train_test_split
    yield Call("lightfm.random_train_test_split", split, {"interactions": matrix, "random_state": 0})
    for metric in ("precision_at_k", "recall_at_k", "auc_score", "reciprocal_rank"):
        function = getattr(lightfm.evaluation, metric)
        arguments = {"model": model, "test_interactions": matrix, "check_intersections": False}
        yield Call(f"lightfm.{metric}", function, arguments)


def running(folder: Path) -> Iterator[Call]:
    """Yield calls that read, write or take long."""
    train, test = parts()
    quick = {"num_threads": 1, "progress": None}
    models_of_call = {"best": gg.Popularity()}
    arguments = {"models": models_of_call, "train": train, "test": test, "k": 3, **quick}
    yield Call("compare", gg.compare, arguments)
    comparison = gg.compare(**arguments)
    profile = gg.profile(shop())
    for name, result in (("Comparison", comparison), ("Profile", profile)):
        yield Call(f"{name}.page", result.page, {})
    tuning = {"data": train, "model": {"kind": "popularity"}, "trials": 1, "verbose": False}
    yield Call("tune", gg.tune, tuning)
    yield Call("run", gg.run, {"recipe": folder / "recipe.toml", "out": folder / "out"})
    yield Call("find", gg.versions.find, {"folder": folder / "shop"})
    yield Call("rollback", gg.versions.rollback, {"folder": folder / "shop", "version": None})
    files = {"transactions": folder / "sales.parquet", "users": None, "items": None, "progress": None}
    yield Call("update", gg.versions.update, {"folder": folder / "shop", **files})
    yield Call("forget", gg.versions.forget, {"folder": folder / "shop", "user_ids": "u03", "progress": None})
    yield Call("read_tables", gg.read_tables, {"recipe": folder / "recipe.toml"})
    yield Call("read_dataset", gg.read_dataset, {"recipe": folder / "recipe.toml"})
    yield Call("load", gg.load, {"path": folder / "model"})
    yield Call("sample_tables", gg.synth.sample_tables, {"n_users": 5, "n_items": 4})
    yield Call("sample_dataset", gg.synth.sample_dataset, {"n_users": 5, "n_items": 4})
    yield Call("hm", gg.synth.hm, {"folder": folder / "hm", "scale": 0.0001})
