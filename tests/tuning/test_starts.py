import pytest

from gingham.config import ModelSpec, TuneSpec
from gingham.config.space import Exponential, Range, Space
from gingham.tuning.starts import N_STARTS, Start, starting_points
from gingham.tuning.study import draws, parameter_values

SPACE: Space = {
    "loss": ["warp", "bpr"],
    "weighted": [False, True],
    "n_components": Range(2, 12),
    "epochs": [5, 10, 20],
    "item_alpha": Range(1e-8, 0.1, log=True),
    "learning_rate": Exponential(0.05),
}


def starts(space: Space, settings: dict[str, object], **params: object) -> list[Start]:
    return starting_points(ModelSpec.model_validate({"kind": "hybrid", **params}), space, TuneSpec(**settings))  # type: ignore[arg-type]


def test_the_model_as_given_comes_first_and_each_switch_is_changed_once() -> None:
    points = starts(SPACE, {"sampler": "random"}, n_components=7, loss="bpr")
    start = {
        "loss": "bpr",
        "weighted": False,
        "n_components": 7,
        "epochs": 10,
        "item_alpha": 0.0,
        "learning_rate": 0.05,
    }
    assert points == [Start(start), Start({**start, "loss": "warp"}), Start({**start, "weighted": True})]


def test_then_some_parameters_are_drawn() -> None:
    first, *others = starts(SPACE, {})
    partial = [point for point in others if not point.is_complete]
    assert len(partial) == N_STARTS - 3
    assert all(point.params.items() < first.params.items() for point in partial)
    assert {frozenset(point.params) for point in partial} != {frozenset()}
    assert starts(SPACE, {}) == [first, *others]
    assert starts(SPACE, {"seed": 1}) != [first, *others]


def test_at_least_one_parameter_is_drawn() -> None:
    points = starts({"n_components": Range(2, 12)}, {})
    assert [dict(point.params) for point in points[1:]] == [{}] * (N_STARTS - 1)


def test_the_given_value_of_a_switch_may_be_outside_the_space() -> None:
    points = starts({"loss": ["warp", "bpr"]}, {"sampler": "random"}, loss="logistic")
    assert [point.params["loss"] for point in points] == ["logistic", "warp", "bpr"]


def test_a_value_that_the_model_finds_by_itself_is_left_to_it() -> None:
    point, *_ = starts({"random_state": [1, 2], "epochs": [5]}, {})
    assert point.params == {"epochs": 10}


def test_the_sampler_sees_the_closest_values_that_it_could_draw() -> None:
    first, *_ = starts(SPACE, {}, n_components=50, loss="logistic")
    drawn = draws(SPACE, first.params)
    assert (drawn["n_components"], drawn["item_alpha"], drawn["epochs"]) == (12, 1e-8, 10)
    assert "loss" not in drawn
    values = parameter_values({"learning_rate": SPACE["learning_rate"]}, drawn)
    assert values["learning_rate"] == pytest.approx(0.05)
