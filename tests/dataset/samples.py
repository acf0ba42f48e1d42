"""Users with a column for each way of encoding."""

from datetime import date

import numpy as np
import polars as pl
import scipy.sparse as sp

from gingham.dataset import FeatureEncoder, Ids
from gingham.tables import FeatureSpec

SPEC = FeatureSpec(
    categorical=["club", "channel"],
    quantile={"age": 3},
    scaled=["age", "spent"],
    multi={"tags": "|"},
    date={"since": 2},
    text={"about": 16},
    min_count=2,
)
PEOPLE = pl.DataFrame(
    {
        "user_id": ["a", "b", "c", "d", "e", "f"],
        "club": ["gold", "gold", "tin", None, "tin", "brass"],
        "channel": [1, 1, 2, 2, None, 3],
        "age": [30.0, 41.0, float("nan"), 20.0, 66.0, 41.0],
        "spent": [1.5, -2.0, 3.0, None, 0.0, 8.0],
        "tags": ["x|y", "x", "x|q|z", "", None, "y"],
        "since": [date(2020, 1, 31), date(2020, 2, 1), None, date(2019, 7, 4), date(2020, 3, 9), date(2018, 1, 1)],
        "about": ["Red wool hat", None, "red, RED hat!", "--", "a hat", "shoe"],
    }
)
PEOPLE_IDS = Ids.from_series(PEOPLE["user_id"])


def named_weights(matrix: sp.csr_matrix, encoder: FeatureEncoder) -> list[dict[str, float]]:
    """Return the weights of each row's features except identities, by name."""
    rows = matrix[:, encoder.n_identities :].toarray()
    return [{encoder.names[column]: float(row[column]) for column in np.flatnonzero(row)} for row in rows]
