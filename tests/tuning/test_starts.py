import pytest

from gingham.config import ModelSpec
from gingham.config.space import Exponential, Range, Space
from gingham.tuning.starts import starting_points
from gingham.tuning.study import draws, parameter_values

SPACE: Space = {
    "loss": ["warp", "bpr"],
    "weighted": [False, True],
    "n_components": Range(2, 12),
    "epochs": [5, 10, 20],
    "item_alpha": Range(1e-8, 0.1, log=True),
    "learning_rate": Exponential(0.05),
}


def spec(**params: object) -> ModelSpec:
    return ModelSpec.model_validate({"kind": "hybrid", **params})


def test_the_model_as_given_comes_first_and_each_switch_is_changed_once() -> None:
    points = starting_points(spec(n_components=7, loss="bpr"), SPACE)
    given = {
        "loss": "bpr",
        "weighted": False,
        "n_components": 7,
        "epochs": 10,
        "item_alpha": 0.0,
        "learning_rate": 0.05,
    }
    assert points == [given, {**given, "loss": "warp"}, {**given, "weighted": True}]


def test_the_given_value_of_a_switch_may_be_outside_the_space() -> None:
    values = [point["loss"] for point in starting_points(spec(loss="logistic"), {"loss": ["warp", "bpr"]})]
    assert values == ["logistic", "warp", "bpr"]


def test_a_value_that_the_model_finds_by_itself_is_left_to_it() -> None:
    space: Space = {"half_life": ["7d", "30d"], "alpha": Range(0.0, 1.0)}
    (point,) = starting_points(ModelSpec.model_validate({"kind": "next-basket"}), space)
    assert "half_life" not in point or isinstance(point["half_life"], str)


def test_the_sampler_sees_what_it_could_draw() -> None:
    given, *_ = starting_points(spec(n_components=50), SPACE)
    drawn = draws(SPACE, given)
    assert drawn.keys() == {"loss", "weighted", "epochs", "learning_rate"}
    space = {name: SPACE[name] for name in drawn}
    assert parameter_values(space, drawn)["learning_rate"] == pytest.approx(given["learning_rate"])
