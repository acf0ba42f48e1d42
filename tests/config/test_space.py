from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from gingham.config import ModelSpec, TuneSpec
from gingham.config.models import build
from gingham.config.space import HM_STUDY, Exponential, Range, closest, distribution, is_switch, written
from gingham.errors import ConfigError
from gingham.models import kinds, model_class


@given(mean=st.floats(1e-9, 1e3), quantile=st.floats(1e-6, 1 - 1e-6))
def test_quantiles_are_those_of_the_exponential_distribution(mean: float, quantile: float) -> None:
    assert Exponential(mean).value(quantile) == pytest.approx(stats.expon.ppf(quantile, scale=mean), rel=1e-9)


def test_hardly_anything_is_left_out_of_an_exponential_distribution() -> None:
    ends = Exponential(0.05).quantiles
    assert stats.expon.cdf([Exponential(0.05).value(ends.low), Exponential(0.05).value(ends.high)], scale=0.05) == (
        pytest.approx([1e-6, 1 - 1e-6])
    )


def test_the_study_s_distributions() -> None:
    """As the study's notebook draws them: scipy's randint(16, 64) ends at 63, and so on."""
    assert {
        "n_components": Range(16, 63),
        "learning_schedule": ["adagrad", "adadelta"],
        "loss": ["bpr", "warp", "warp-kos"],
        "learning_rate": Exponential(0.05),
        "item_alpha": Exponential(1e-8),
        "user_alpha": Exponential(1e-8),
        "max_sampled": Range(5, 14),
        "epochs": Range(5, 49),
        "weighted": [False, True],
    } == HM_STUDY


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (["warp", "bpr"], ["warp", "bpr"]),
        ([1, 2.5, True], [1, 2.5, True]),
        ({"low": 1, "high": 9}, Range(1, 9)),
        ({"low": 1, "high": 9.0, "log": True}, Range(1, 9.0, log=True)),
        ({"exponential": 0.05}, Exponential(0.05)),
    ],
)
def test_distributions_as_recipes_write_them(text: Any, expected: Any) -> None:
    assert distribution(text) == expected
    assert distribution(written(distribution(text))) == expected


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("warp", "'warp' is not a distribution"),
        ([], "is not a distribution"),
        ([["warp"]], "is not a distribution"),
        ({"low": 1}, "is not a distribution"),
        ({"low": 1, "high": 9, "step": 2}, "is not a distribution"),
        ({"low": 9, "high": 1}, "with low <= high"),
        ({"low": "1", "high": 9}, "use numbers"),
        ({"low": False, "high": 9}, "use numbers"),
        ({"low": 0.0, "high": float("inf")}, "use numbers"),
        ({"low": 0, "high": 9, "log": True}, "no logarithm"),
        ({"exponential": 0}, "is not a mean"),
        ({"exponential": "0.05"}, "is not a mean"),
    ],
)
def test_other_values_are_not_distributions(text: Any, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        distribution(text)


def test_whole_ends_make_whole_numbers() -> None:
    assert Range(1, 9).whole
    assert not Range(1, 9.0).whole


@pytest.mark.parametrize("kind", [kind for kind in kinds() if model_class(kind).default_space])
def test_default_spaces_hold_values_that_models_accept(kind: str) -> None:
    spec = ModelSpec(kind=kind)
    for name, values in TuneSpec().space_of(kind).items():
        for value in [values.low, values.high] if isinstance(values, Range) else values:
            build(spec.changed({name: value}))


def test_the_space_of_a_recipe() -> None:
    assert set(TuneSpec().space_of("hybrid")) == set(model_class("hybrid").default_space)
    assert TuneSpec().space_of("hybrid")["n_components"] == Range(8, 512, log=True)
    assert TuneSpec(space={"l2": [1, 2]}).space_of("ease") == {"l2": [1, 2]}
    assert TuneSpec(preset="hm-study").space_of("hybrid") == HM_STUDY
    both = TuneSpec(preset="hm-study", space={"loss": ["warp"]}).space_of("hybrid")
    assert both == {**HM_STUDY, "loss": ["warp"]}
    with pytest.raises(ConfigError, match="'hm-study' has parameters of 'hybrid', not of 'ease'"):
        TuneSpec(preset="hm-study").space_of("ease")
    with pytest.raises(ConfigError, match="Unknown model 'other'"):
        TuneSpec().space_of("other")


@pytest.mark.parametrize(
    ("distribution", "value", "expected"),
    [
        (Range(2, 12), 7, 7),
        (Range(2, 12), 50, 12),
        (Range(2, 12), 2.6, 3),
        (Range(1e-8, 1e-3, log=True), 0.0, 1e-8),
        (Range(0.5, 2.0), 1, 1),
        (Range(0.5, 2.0), True, None),
        (Range(0.5, 2.0), "7d", None),
        (Exponential(0.05), 0.05, pytest.approx(0.05)),
        (Exponential(0.05), 0, pytest.approx(0.05e-6, rel=1e-3)),
        (["warp", "bpr"], "warp", "warp"),
        (["warp", "bpr"], "logistic", None),
    ],
)
def test_the_closest_value_that_can_be_drawn(distribution: Any, value: Any, expected: Any) -> None:
    assert closest(distribution, value) == expected


@given(mean=st.floats(1e-9, 1e3), quantile=st.floats(1e-6, 1 - 1e-6))
def test_the_quantile_of_a_value_is_the_inverse(mean: float, quantile: float) -> None:
    assert Exponential(mean).quantile(Exponential(mean).value(quantile)) == pytest.approx(quantile, rel=1e-9)


@pytest.mark.parametrize(
    ("distribution", "switch"),
    [
        ([False, True], True),
        (["cosine", "bm25"], True),
        (["7d", "30d"], False),
        ([0, 100, 300], False),
        (Range(1, 9), False),
    ],
)
def test_words_and_truth_values_are_switches(distribution: Any, switch: bool) -> None:
    assert is_switch(distribution) == switch
