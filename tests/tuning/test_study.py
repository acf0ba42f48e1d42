import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import optuna
import pytest

import gingham as gg
from gingham.config import ModelSpec, TuneSpec
from gingham.config.space import Exponential, Range, Space
from gingham.errors import ConfigError, MissingExtraError
from gingham.tuning.study import fingerprint, open_study, optuna_distributions, parameter_values
from gingham.tuning.study import optuna as import_optuna

SPACE: Space = {
    "loss": ["warp", "bpr"],
    "n_components": Range(2, 12),
    "alpha": Range(0.1, 10, log=True),
    "learning_rate": Exponential(0.05),
}


def test_a_missing_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "optuna", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'gingham\[tune\]'"):
        import_optuna()


def test_a_space_becomes_distributions_of_optuna() -> None:
    assert optuna_distributions(SPACE) == {
        "loss": optuna.distributions.CategoricalDistribution(("warp", "bpr")),
        "n_components": optuna.distributions.IntDistribution(2, 12),
        "alpha": optuna.distributions.FloatDistribution(0.1, 10, log=True),
        "learning_rate": optuna.distributions.FloatDistribution(1e-6, 1 - 1e-6),
    }


def test_quantiles_of_an_exponential_distribution_are_drawn() -> None:
    draws = {"loss": "bpr", "n_components": 3, "alpha": 0.5, "learning_rate": 0.5}
    median = parameter_values(SPACE, draws).pop("learning_rate")
    assert median == pytest.approx(0.05 * 0.6931471805599453)
    assert parameter_values(SPACE, draws) == draws | {"learning_rate": median}


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("nonsense", ["not the URL of a database"]),
        ("mysql+nothing://u:secret@h/d", ["cannot be used", "--storage"]),
        ("sqlite:////no/such/folder/study.db", ["cannot be used", "unable to open"]),
        ("postgresql+psycopg://ann:secret@127.0.0.1:1/d?connect_timeout=1", ["ann:***@", "cannot be used"]),
    ],
)
def test_a_database_that_cannot_be_used(url: str, words: list[str]) -> None:
    with pytest.raises(ConfigError) as caught:
        open_study(url, "shop", {}, TuneSpec())
    for word in words:
        assert word in str(caught.value)
    assert "secret" not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_file_that_is_not_a_database(tmp_path: Path) -> None:
    (tmp_path / "study.db").write_text("text")
    with pytest.raises(ConfigError, match="not a database"):
        open_study(f"sqlite:///{tmp_path / 'study.db'}", "shop", {}, TuneSpec())


@pytest.mark.parametrize(
    ("settings", "sampler", "pruner"),
    [
        ({}, "TPESampler", "MedianPruner"),
        ({"sampler": "random", "pruner": "none"}, "RandomSampler", "NopPruner"),
        ({"pruner": "hyperband"}, "TPESampler", "HyperbandPruner"),
    ],
)
def test_samplers_and_pruners(tmp_path: Path, settings: dict[str, Any], sampler: str, pruner: str) -> None:
    study = open_study(f"sqlite:///{tmp_path / 'study.db'}", "shop", {}, TuneSpec(**settings))
    assert (type(study.sampler).__name__, type(study.pruner).__name__) == (sampler, pruner)


def test_a_study_of_other_prices_is_not_resumed(tmp_path: Path) -> None:
    """A model can use prices, so trials on data with other prices cannot be compared."""
    dataset = gg.synth.sample_dataset()
    rows = dataset.interactions
    assert rows.price is not None
    other = dataset.with_interactions(replace(rows, price=rows.price * 2))
    url, spec = f"sqlite:///{tmp_path / 'study.db'}", TuneSpec()

    def open_for(data: gg.Dataset) -> optuna.Study:
        made_for = fingerprint(data, ModelSpec(), {}, spec, filter_seen=False, validation=gg.split.SplitSpec())
        return open_study(url, "shop", made_for, spec)

    open_for(dataset)
    open_for(gg.synth.sample_dataset())
    with pytest.raises(ConfigError, match="its data differ"):
        open_for(other)
