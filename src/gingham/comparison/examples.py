"""Three customers of the test: what they had bought, what a model recommended, and what they bought then."""

from dataclasses import dataclass

import numpy as np
import polars as pl

from gingham.arrays import Indices
from gingham.columns import ITEM_ID, NAME, USER_ID
from gingham.models import Recommender
from gingham.models.training_data import Data, TrainingData

# The users at these shares of the test's users, ordered by the size of their history.
_PLACES = (0.25, 0.5, 0.75)


@dataclass(frozen=True)
class Example:
    """One user's history next to a list of recommendations.

    Attributes
    ----------
    user : str
        The user's id.
    history : list of str
        The names of items in the user's train part, the most valued first; at most as many as recommended.
    n_history : int
        The number of different items in the train part.
    recommended : list of str
        The names of the recommended items.
    bought : list of bool
        Whether each recommended item is in the user's test part.
    """

    user: str
    history: list[str]
    n_history: int
    recommended: list[str]
    bought: list[bool]


def find_examples(
    model: Recommender, test: Data, users: pl.Series, k: int, filter_seen: bool, num_threads: int
) -> tuple[Example, ...]:
    """Return examples of a model's recommendations; the same users for every model.

    Parameters
    ----------
    model : Recommender
        Fitted to the train part.
    test : Dataset or sparse matrix
        The test part.
    users : polars.Series
        The ids of the test's users.
    k : int
        The number of items to recommend.
    filter_seen, num_threads
        As for `Recommender.recommend`.
    """
    train = model.training_data_
    index = train.user_ids.index(users, "user")
    sizes = np.diff(train.matrix.indptr)[index]
    order = np.argsort(sizes, kind="stable")
    order = order[sizes[order] > 0]
    if not len(order):
        return ()
    chosen = np.unique([order[int(place * (len(order) - 1))] for place in _PLACES])
    rows = model.recommend(users.gather(chosen), k, filter_seen, num_threads=num_threads)
    truth, names = TrainingData.of(test).matrix, _names(train)
    examples = []
    for user, user_index in zip(users.gather(chosen), index[chosen], strict=True):
        row = train.matrix[user_index]
        history = row.indices[np.argsort(-row.data, kind="stable")]
        recommended = train.item_ids.index(rows.filter(pl.col(USER_ID) == user)[ITEM_ID], "item")
        bought = np.isin(recommended, truth[user_index].indices).tolist()
        examples.append(
            Example(str(user), _texts(names, history[:k]), len(history), _texts(names, recommended), bought)
        )
    return tuple(examples)


def _names(train: TrainingData) -> pl.Series:
    """Return the display name of each item: its name, or its id if it has none."""
    ids = train.item_ids.values.cast(pl.String)
    labels = train.item_labels
    return ids if labels is None or NAME not in labels.columns else labels[NAME].cast(pl.String).fill_null(ids)


def _texts(names: pl.Series, items: Indices) -> list[str]:
    return names.gather(items).to_list()
