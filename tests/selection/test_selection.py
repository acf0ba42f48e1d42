import json
from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import polars as pl
import pytest

import gingham as gg
from gingham.config import ModelSpec
from gingham.errors import ConfigError, DataError
from gingham.models import Recommender
from gingham.models.one_pass import OnePassModel
from gingham.models.training_data import Data, TrainingData
from gingham.scores import SharedScores
from gingham.selection import Selection, select, selection
from gingham.split import SplitSpec
from tests.recorder import Recorder

N_USERS, N_ITEMS = 12, 6
CLOCK = [0.0]


class Constant(OnePassModel):
    """Ranks the items the same for every user, `first` before the others; a fit takes `panel_cost` seconds."""

    first: ClassVar[int]

    def _fit(self, training_data: TrainingData, interactions: Data, n_threads: int) -> None:
        CLOCK[0] += self.panel_cost or 0
        self._size = training_data.matrix.shape[1]

    def _scores(self) -> SharedScores:
        return SharedScores(-((np.arange(self._size) - self.first) % self._size).astype(np.float32))

    def _learned(self) -> tuple[dict[str, Any], dict[str, npt.NDArray[Any]]]:
        return {"size": self._size}, {}

    def _relearn(self, state: Mapping[str, Any], arrays: Mapping[str, npt.NDArray[Any]]) -> None:
        self._size = state["size"]


@pytest.fixture(autouse=True)
def panel(monkeypatch: pytest.MonkeyPatch) -> None:
    """A panel of two baselines and of models whose validation metrics are known."""
    kinds = ("popularity", "buy-again")
    monkeypatch.setattr(Recommender, "classes_by_kind", {kind: Recommender.classes_by_kind[kind] for kind in kinds})
    monkeypatch.setattr(Recommender, "classes_by_name", dict(Recommender.classes_by_name))
    monkeypatch.setattr(selection, "time", SimpleNamespace(monotonic=lambda: CLOCK[0]))
    CLOCK[0] = 0.0


def define(kind: str, first: int, cost: float, base: type[Constant] = Constant, **attributes: Any) -> None:
    type(kind.title(), (base,), {"kind": kind, "first": first, "panel_cost": cost, **attributes})


class Failing(Constant):
    def _fit(self, training_data: TrainingData, interactions: Data, n_threads: int) -> None:
        raise DataError("there are no baskets; add orders.")


class TooLarge(Constant):
    def _fit(self, training_data: TrainingData, interactions: Data, n_threads: int) -> None:
        raise MemoryError


def shop(times: bool = True) -> gg.Dataset:
    """Every user buys items 1 to 4 in the first weeks, and item 5 in the last week."""
    users = np.repeat(np.arange(N_USERS), 5)
    items = np.tile([1, 2, 3, 4, 5], N_USERS)
    days = np.datetime64("2024-01-01", "us") + np.tile([0, 5, 9, 14, 30], N_USERS) * np.timedelta64(1, "D")
    order = np.tile(np.arange(5), N_USERS)
    rows = gg.Interactions(
        users, items, N_USERS, N_ITEMS, timestamp=days if times else None, order=None if times else order
    )
    return gg.Dataset(gg.Ids(pl.Series(range(N_USERS))), gg.Ids(pl.Series(range(N_ITEMS))), rows)


def chosen(
    data: gg.Dataset | None = None, split: SplitSpec | None = None, recorder: Recorder | None = None, **auto: Any
) -> Selection:
    spec = ModelSpec.model_validate({"kind": "auto", **auto})
    return select(
        spec,
        shop() if data is None else data,
        SplitSpec(test="7d") if split is None else split,
        k=3,
        metric="map@3",
        filter_seen=False,
        progress=recorder or Recorder(),
    )


def test_the_model_with_the_highest_metric_is_chosen() -> None:
    define("right", 5, 2.0)
    define("near", 4, 1.0)
    choice = chosen()
    assert choice.chosen == choice.spec.kind == "right"
    assert choice.value == 1
    assert choice.table.select("model", "mean").rows()[:2] == [("right", 1.0), ("near", 0.5)]
    assert choice.table["status"].to_list()[:2] == ["chosen", "fitted"]
    assert choice.sentences[0].startswith("right is chosen: it has the highest map@3 on the validation part, 1.0000")


def test_the_cheapest_models_are_tried_first() -> None:
    for kind, cost in (("dear", 9.0), ("cheap", 1.0), ("fair", 4.0)):
        define(kind, 0, cost)
    define("unlisted", 5, None)  # type: ignore[arg-type]
    recorder = Recorder()
    chosen(recorder=recorder)
    fitted = [stage.removeprefix("Fitting ") for stage in recorder.stages if stage.startswith("Fitting")]
    assert fitted == ["buy-again", "popularity", "cheap", "fair", "dear"]


def test_a_baseline_is_chosen_when_no_model_is_better() -> None:
    define("wrong", 0, 1.0)
    choice = chosen()
    assert choice.chosen in ("popularity", "buy-again")
    assert choice.sentences[0].endswith("No model is better than this baseline.")


def test_models_are_left_out_with_a_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    define("right", 5, 1.0)
    define("failing", 5, 2.0, Failing)
    define("too-large", 5, 3.0, TooLarge)
    define("orders", 5, 3.0, panel_needs=frozenset({"order"}))
    define("dense", 5, 3.0, fit_bytes=lambda _, train: 10**18 * train.n_items)
    define("slow", 5, 1000.0)
    monkeypatch.setattr(selection, "available_bytes", lambda: 2_000_000_000)
    choice = chosen()
    assert choice.left_out == {
        "failing": "there are no baskets; add orders.",
        "dense": "it needs 6000000000.0 GB of memory, of which 2.0 GB are free.",
        "orders": "it needs orders, which the data lack.",
        "too-large": "it needs more memory than there is.",
        "slow": "it takes about 1000 s, and 299 s of the budget of 300 s are left; set a longer budget.",
    }
    assert [f"{kind} is left out: {reason}" for kind, reason in choice.left_out.items()] == list(choice.sentences[1:])
    assert choice.table.filter(status="left out")["model"].to_list() == list(choice.left_out)


def test_the_budget_ends_the_training_of_models_with_epochs() -> None:
    class Slow(gg.ALS):
        kind = "slow-als"
        panel_cost = 1.0

        def _run_epoch(self, *arguments: Any) -> float:
            CLOCK[0] += 40
            return super()._run_epoch(*arguments)

    choice = chosen(budget="1m")
    assert choice.left_out == {"slow-als": "the budget of 60 s ended after 2 of its 10 epochs; set a longer budget."}


def test_a_seed_is_passed_to_the_models_that_have_one() -> None:
    class Seeded(gg.ALS):
        kind = "seeded"
        panel_cost = 1.0

    choice = chosen(random_state=7, num_threads=1)
    assert choice.specs["seeded"] == ModelSpec.model_validate({"kind": "seeded", "random_state": 7, "num_threads": 1})
    assert choice.specs["popularity"].params == {}


def test_data_too_short_for_the_split_are_split_in_half() -> None:
    define("right", 5, 1.0)
    recorder = Recorder()
    choice = chosen(split=SplitSpec(test="900d"), recorder=recorder)
    assert choice.validation == SplitSpec(test="360h")
    assert recorder.messages[0].startswith("The validation part is the last 360 hours of the train part instead: ")


def test_data_with_order_numbers_are_split_by_them() -> None:
    define("right", 5, 1.0)
    choice = chosen(shop(times=False), SplitSpec(kind="last-n"))
    assert (choice.chosen, choice.value) == ("right", 1.0)


def test_without_baselines_there_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Recommender, "classes_by_kind", {})
    define("failing", 5, 2.0, Failing)
    with pytest.raises(ConfigError, match=r"kind = 'auto' has nothing to choose from.*there are no baskets"):
        chosen()


def test_the_choice_as_json_and_as_a_page() -> None:
    define("right", 5, 1.0)
    define("failing", 5, 2.0, Failing)
    choice = chosen()
    content = json.loads(json.dumps(choice.to_dict()))
    assert (content["chosen"], content["metric"]) == ("right", "map@3")
    assert [row["model"] for row in content["models"]] == choice.table["model"].to_list()
    html = choice.page("Choice").to_html()
    for words in ("right is chosen", "left out: there are no baskets; add orders.", "The panel", "95% interval"):
        assert words in html
