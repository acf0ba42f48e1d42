from typing import Any

import pytest

import gingham as gg
from gingham.errors import ConfigError, ParameterError


@pytest.mark.parametrize(
    ("candidates", "words"),
    [
        ([{"kind": "popularity", "windw": "3d"}], r"\[model.candidates.0\] has 'windw'.*did you mean 'window'"),
        ([{"kind": "popularity", "window": 3}], r"Section \[model.candidates.0\]: window must be a duration .*, not 3"),
        ([{"kind": "popularity"}, {"kind": "als", "n_components": 0}], r"Section \[model.candidates.1\]: n_components"),
        ([{"kind": "popularity", "n_candidates": -1}], r"Section \[model.candidates.0\]: n_candidates must be"),
        ([{"kind": "popularity", "epochs": 3}], r"\[model.candidates.0\] has 'epochs', which is not a parameter of"),
        ([{"kind": "popularity", "num_threads": 3}], r"\[model.candidates.0\] has 'num_threads'"),
        ([{"kind": "populrity"}], "'populrity'; did you mean 'popularity'"),
        ([{"kind": "two-stage"}], r"Section \[model.candidates.0\]: a TwoStage cannot be a candidate model"),
        ([{"window": "3d"}], r"Section \[model.candidates.0\] must have a kind, one of .*'popularity'.*, not None"),
        (["popularity"], r"Section \[model.candidates.0\] must be a table, not 'popularity'"),
        ({"kind": "popularity"}, r"model.candidates must be a list of tables \[\[model.candidates\]\], not {'kind'"),
    ],
)
def test_wrong_candidates_in_a_recipe_are_refused(candidates: Any, words: str) -> None:
    with pytest.raises((ConfigError, ParameterError), match=words):
        gg.TwoStage.from_recipe({"candidates": candidates}, "model")


def test_a_source_without_other_settings_is_its_model() -> None:
    model = gg.CandidateSource.from_recipe({"kind": "popularity", "window": "3d"}, "model.candidates.0")
    assert repr(model) == repr(gg.Popularity("3d"))
