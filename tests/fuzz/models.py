"""Small fitted models of every kind, and what is done with a loaded one."""

from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

import gingham as gg
from gingham import store
from gingham.lightfm import LightFM
from gingham.models import Recommender
from gingham.store import Artifact
from tests.ranking.models import SMALL

# Models of the same kind with other arrays or values in their artifacts.
MODELS: Mapping[str, Callable[[], Any]] = {
    "Popularity": lambda: gg.Popularity("14d"),
    "Popularity by": lambda: gg.Popularity("14d", by="age_group"),
    "BuyAgain": lambda: gg.BuyAgain(recency="9d", cycle=True),
    "BuyAgain counts": gg.BuyAgain,
    "ItemKNN": lambda: gg.ItemKNN(5, "bm25"),
    "EASE": lambda: gg.EASE(l2=5),
    "Blend": lambda: gg.Blend([gg.Popularity(), gg.EASE(l2=5), gg.ALS(3, epochs=1, random_state=1)], [1, 2, 0.5]),
    "ContentBased": gg.ContentBased,
    "EASE part": lambda: gg.EASE(l2=5, max_items=8),
    "NextBasket": lambda: gg.NextBasket("30d", n_neighbours=4),
    "GraphFilter": lambda: gg.GraphFilter(6, sharpening=1.5, filter="ridge"),
    "Transitions": lambda: gg.Transitions(n_neighbours=5),
    "BasketRegression": lambda: gg.BasketRegression(max_items=8),
    "ALS": lambda: gg.ALS(5, epochs=2, random_state=3),
    "HybridMF": lambda: gg.HybridMF(5, epochs=2, random_state=5),
    "HybridMF adadelta": lambda: gg.HybridMF(17, "bpr", "adadelta", epochs=2, random_state=5),
    "TwoStage": lambda: gg.TwoStage([gg.NextBasket(), gg.ALS(3, epochs=1, random_state=1)], SMALL, 5, random_state=7),
    "TwoStage untimed": lambda: gg.TwoStage([gg.NextBasket(), gg.Popularity()], n_candidates=5),
    "LightFM": lambda: LightFM(4, loss="warp", random_state=1),
}


@cache
def dataset() -> gg.Dataset:
    """A small shop with features."""
    return gg.Dataset.from_tables(gg.synth.sample_tables(n_users=20, n_items=12))


@cache
def stored(name: str, folder: Path) -> Artifact:
    """Return the content of a fitted model's artifact."""
    model = MODELS[name]()
    if name == "LightFM":
        model.fit(dataset().matrix().tocoo(), epochs=2)
    elif name.endswith(("untimed", "counts", "part")):
        model.fit(dataset().matrix(), num_threads=1)
    else:
        model.fit(dataset(), num_threads=1, verbose=False)
    model.save(folder / name)
    return store.read(folder / name)


def load(name: str, path: Path) -> Any:
    return LightFM.load(path) if name == "LightFM" else gg.load(path)


def use(model: Any, folder: Path) -> list[Any]:
    """Do everything with a model that reads what was stored; return its scores."""
    if isinstance(model, LightFM):
        matrix = dataset().matrix().tocoo()
        results = [model.predict(0, np.arange(12)), model.predict_rank(matrix).data]
        model.save(folder)
        model.fit_partial(matrix)
        return results
    users, items = model.training_data_.user_ids.values, model.training_data_.item_ids.values
    table = model.recommend(k=min(5, model.n_items))
    results = [table["item_id"].to_numpy(), table["score"].to_numpy()]
    model.recommend(users[:2], k=1, filter_seen=True, exclude=items[:1])
    results.append(model.predict(users[0], items))
    model.predict_rank(model.training_data_.matrix)
    model.save(folder)
    for encoder in (model.training_data_.user_encoder, model.training_data_.item_encoder):
        if encoder is not None:
            results.append(encoder.encode_one({}).toarray())
    results.append(model.explain(users[:2], k=2)["contribution"].to_numpy())
    model.reasons(users[:2], k=2)
    if hasattr(model, "explain_features") and model._fitted_ranker is not None:
        results.append(model.explain_features(users[:2], k=2)["contribution"].to_numpy())
    if "baskets" in model.supports:
        results.append(model.recommend_baskets({"new": items[:2]}, k=2)["score"].to_numpy())
    if "similar_items" in model.supports:
        results.append(model.similar_items(items[:1], k=2)["score"].to_numpy())
    if hasattr(model, "fit_partial"):
        model.fit_partial(dataset(), num_threads=1, verbose=False)
    return results


def check_complete() -> None:
    """Check that every kind of the package is among the models, so that new ones are fuzzed too."""
    classes = Recommender.classes_by_kind.values()
    ours = {each.__name__ for each in classes if each.__module__.startswith("gingham.")}
    missing = ours - {name.split()[0] for name in MODELS}
    assert not missing, f"add {missing} to MODELS"
