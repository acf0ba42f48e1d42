"""The gate of a recipe: what a new version must pass before it becomes the current one."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import polars as pl

from gingham import store
from gingham.arrays import Bools
from gingham.columns import USER_ID
from gingham.config import GateSpec, Recipe
from gingham.dataset import Dataset, Interactions
from gingham.errors import ArtifactError
from gingham.evaluation import Evaluation, differences, evaluate, overlap
from gingham.evaluation.bootstrap import FEWEST
from gingham.loading import load
from gingham.models import Recommender
from gingham.progress import Progress
from gingham.versions.files import MODEL, TRAIN_MODEL
from gingham.versions.version import Origin, describe, write_description

# With fewer of the test rows than this share, two models are not compared.
_LEAST_ROWS = 0.5


@dataclass(frozen=True)
class Check:
    """One check of a gate: whether the version passed it, and a sentence that says why."""

    passed: bool
    sentence: str


class Gate:
    """The checks of a run by the gate of its recipe; without ``[gate]`` there are none.

    Parameters
    ----------
    recipe : Recipe
        The recipe.
    current : Path or None
        The folder of the version that is current; None if there is none.
    draft : Path
        The folder of the new version, which is not complete yet.
    origin : {"run", "update", "forget"}
        What writes the version; "run" by default.
    """

    def __init__(self, recipe: Recipe, current: Path | None, draft: Path, origin: Origin = "run") -> None:
        self._recipe, self._current, self._draft, self._origin = recipe, current, draft, origin
        self._checks: list[Check] = []

    def check_model(self, model: Recommender, test: Dataset, progress: Progress) -> None:
        """Compare the evaluated model with that of the current version, and store it for the next run's comparison.

        Parameters
        ----------
        model : Recommender
            The new model, fitted to the train part only.
        test : Dataset
            The new test part.
        progress : Progress
            Receives the stage.
        """
        gate = self._recipe.gate
        if gate is None:
            return
        with progress.stage("Comparing with the current version"):
            self._checks.append(check_metric(self._recipe, gate, model, test, self._current))
        if self._recipe.refit:
            store.write_into(self._draft / TRAIN_MODEL, model.artifact())

    def describe(self, recommendations: pl.DataFrame, n_users: int) -> None:
        """Check the lists, and store in the new version what the gate found."""
        passed, gate = None, self._recipe.gate
        if gate is not None:
            self._checks.append(check_lists(gate, recommendations, n_users, self._recipe.recommend.k))
            passed = all(check.passed for check in self._checks)
        sentences = [check.sentence for check in self._checks]
        write_description(self._draft, describe(self._draft, self._origin, passed, sentences))


def check_lists(gate: GateSpec, recommendations: pl.DataFrame, n_users: int, k: int) -> Check:
    """Check how many users have a list of the length that a gate requires.

    Parameters
    ----------
    gate : GateSpec
        The gate.
    recommendations : polars.DataFrame
        The lists, as `Recommender.recommend` returns them.
    n_users : int
        The number of users, with or without a list.
    k : int
        The required length, if the gate has none.
    """
    least = gate.min_list_length or k
    served = int((recommendations.group_by(USER_ID).len()["len"] >= least).sum())
    share = served / max(n_users, 1)
    return Check(
        share >= gate.min_share_of_users,
        f"{served:,} of {n_users:,} users ({share:.1%}) have a list of at least {least} items; the gate requires "
        f"{gate.min_share_of_users:.1%}.",
    )


def check_metric(recipe: Recipe, gate: GateSpec, model: Recommender, test: Dataset, current: Path | None) -> Check:
    """Check that a model is not clearly worse on its test part than the model of the current version.

    Parameters
    ----------
    recipe : Recipe
        The recipe of the new version.
    gate : GateSpec
        Its gate.
    model : Recommender
        The new model, fitted to the train part only.
    test : Dataset
        The new test part.
    current : Path or None
        The folder of the current version; None if there is none.
    """
    metric = gate.metric or recipe.metric
    if current is None:
        return Check(True, f"The folder has no current version, so {metric} is not compared.")
    try:
        other = _evaluated_model(current)
    except ArtifactError as error:
        return Check(True, f"{metric} is not compared with the current version: {error}")
    common, left_out = _common_rows(test, other)
    if len(common.interactions) < max(_LEAST_ROWS * len(test.interactions), 1):
        return Check(True, f"{metric} is not compared with version {current.name}{left_out}.")
    one, two = (_evaluate(each, _of_model(common, each), recipe) for each in (model, other))
    row = differences(one, two).row(by_predicate=pl.col("metric") == metric, named=True)
    if row["users"] < FEWEST:
        return Check(
            True, f"{metric} is not compared with version {current.name}: the test has {row['users']} users{left_out}."
        )
    verdict = "better than" if row["low"] > 0 else "worse than" if row["high"] < 0 else "not clearly different from"
    new, old = (each.to_dict()[metric]["mean"] for each in (one, two))
    return Check(
        row["high"] >= 0,
        f"By {metric}, the new model is {verdict} that of version {current.name}: {new:.4f} versus {old:.4f}, a "
        f"difference of {row['mean']:+.4f} (95% interval {row['low']:+.4f} to {row['high']:+.4f}, {row['users']:,} "
        f"users){left_out}.",
    )


def _evaluated_model(folder: Path) -> Recommender:
    """Load the model of a version that its run evaluated: the one that was not fitted to its test part."""
    train_model = folder / TRAIN_MODEL
    return load(train_model if store.exists(train_model) else folder / MODEL)


def _common_rows(test: Dataset, model: Recommender) -> tuple[Dataset, str]:
    """Return the test rows that a model can be evaluated on, and why others are left out.

    These are the rows of users and items that it knows, and to which it was not fitted. If it was fitted to some, only
    rows that are later than all its training data are sure not to be among them.
    """
    rows, training_data = test.interactions, model.training_data_
    users = training_data.user_ids.find(test.user_ids.values) >= 0
    items = training_data.item_ids.find(test.item_ids.values) >= 0
    common = test.with_interactions(rows.take(users[rows.user_index] & items[rows.item_index]))
    n_unknown, reasons = len(rows) - len(common.interactions), []
    if n_unknown:
        reasons.append(f"{n_unknown:,} of users or items that it does not know")
    if len(common.interactions) and overlap(model, _of_model(common, model)):
        later = common.with_interactions(common.interactions.take(_is_later(common, training_data.rows.until)))
        reasons.append(f"{len(common.interactions) - len(later.interactions):,} to which it may have been fitted")
        common = later
    return common, f"; of {len(rows):,} test rows, {' and '.join(reasons)} are left out" if reasons else ""


def _is_later(test: Dataset, until: np.datetime64 | None) -> Bools:
    """Return which rows are later than a moment; none if the times are not known."""
    times = test.interactions.timestamp
    if times is None or until is None:
        return np.zeros(len(test.interactions), bool)
    return np.asarray(times > until)


def _of_model(test: Dataset, model: Recommender) -> Dataset:
    """Return test data with the users and items of a model, which must know those of all rows."""
    rows, training_data = test.interactions, model.training_data_
    user_ids, item_ids = training_data.user_ids, training_data.item_ids
    if user_ids.values.equals(test.user_ids.values) and item_ids.values.equals(test.item_ids.values):
        return test
    interactions = Interactions(
        user_ids.find(test.user_ids.values)[rows.user_index],
        item_ids.find(test.item_ids.values)[rows.item_index],
        len(user_ids),
        len(item_ids),
        rows.value,
        rows.timestamp,
        rows.rows,
        rows.price,
        rows.order,
    )
    return Dataset(user_ids, item_ids, interactions)


def _evaluate(model: Recommender, test: Dataset, recipe: Recipe) -> Evaluation:
    """Evaluate a model as a recipe says, with the users in the order of their ids."""
    evaluation = evaluate(
        model, test, recipe.evaluate.k, filter_seen=recipe.filter_seen, num_threads=recipe.model.num_threads
    )
    return replace(evaluation, per_user=evaluation.per_user.sort(USER_ID))
