"""The data of a shop as models use it: interactions and features by index, and the external ids of the indices."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, get_args

import numpy as np
import numpy.typing as npt
import polars as pl
import scipy.sparse as sp
from pydantic import NonNegativeInt

from gingham.checked import Values, require
from gingham.columns import ITEM_ID, NAME, ORDER, PRICE, TIMESTAMP, TYPE, USER_ID, VALUE
from gingham.dataset.encoder import FeatureEncoder, FeatureFunction, fit_encoder
from gingham.dataset.features import Features
from gingham.dataset.growth import extended, without_users
from gingham.dataset.id_list import IdList
from gingham.dataset.ids import Ids, all_ids
from gingham.dataset.interactions import Duplicates, Interactions
from gingham.errors import DataError, ParameterError
from gingham.forks import require_threads
from gingham.tables import CandidateItems, FeatureSpec, Tables, clean
from gingham.tables.schema import check_tables
from gingham.validation import check_choice, check_type, shown

_SIDES = ("user_features", "item_features")
_CSR = ("data", "indices", "indptr")


class _StoredDataset(Values):
    """The shape of a stored dataset."""

    n_users: NonNegativeInt
    n_items: NonNegativeInt
    candidates: CandidateItems = "sold"


@dataclass(frozen=True, eq=False, repr=False)
class Dataset:
    """The interactions of users with items, and the features of both.

    Attributes
    ----------
    user_ids, item_ids : Ids
        The external ids; the id at index i belongs to row (column) i of every matrix.
    interactions : Interactions
        One row per transaction.
    user_features, item_features : Features or None
        One row per user (item), with an identity for each; None if there are no other features.
    item_labels : polars.DataFrame or None
        One row per item, in the order of `item_ids`: ``item_id`` and, if they are known, ``name`` and ``type``.
    user_encoder, item_encoder : FeatureEncoder or None
        The encoders of the features; they also encode users and items that are not in the dataset.
    candidates : {"sold", "all"}
        What an item without transactions is. With "sold" (default), it does not sell: `HybridMF` and `ALS` lower its
        scores, and it is not a candidate of `TwoStage`. With "all", it is an article to be launched: a candidate that
        is represented by its features.

    Raises
    ------
    DataError
        If the numbers of ids, rows of features or labels differ from the shape of the interactions.

    Examples
    --------
    >>> import gingham as gg
    >>> dataset = gg.synth.sample_dataset()
    >>> dataset
    Dataset(50 users x 20 items, 1,000 interactions, 5 user features, 5 item features)
    >>> dataset.item_ids.ids([0, 1]).to_list()
    ['i00', 'i01']
    """

    user_ids: Ids
    item_ids: Ids
    interactions: Interactions
    user_features: Features | None = None
    item_features: Features | None = None
    item_labels: pl.DataFrame | None = None
    user_encoder: FeatureEncoder | None = None
    item_encoder: FeatureEncoder | None = None
    candidates: CandidateItems = "sold"

    def __post_init__(self) -> None:
        check_type("interactions", self.interactions, Interactions, "gingham.Interactions")
        check_choice("candidates", self.candidates, get_args(CandidateItems))
        for names, cls in (
            (("user_ids", "item_ids"), Ids),
            (("user_features", "item_features"), Features),
            (("user_encoder", "item_encoder"), FeatureEncoder),
            (("item_labels",), pl.DataFrame),
        ):
            for name in names:
                if getattr(self, name) is not None or cls is Ids:
                    check_type(name, getattr(self, name), cls, f"a {cls.__name__}")
        for what, size, rows in (
            ("user_ids", self.n_users, len(self.user_ids)),
            ("item_ids", self.n_items, len(self.item_ids)),
            ("user_features", self.n_users, None if self.user_features is None else self.user_features.n_rows),
            ("item_features", self.n_items, None if self.item_features is None else self.item_features.n_rows),
            ("user_encoder", self.n_users, None if self.user_encoder is None else self.user_encoder.n_identities),
            ("item_encoder", self.n_items, None if self.item_encoder is None else self.item_encoder.n_identities),
            ("item_labels", self.n_items, None if self.item_labels is None else self.item_labels.height),
        ):
            if rows is not None and rows != size:
                raise DataError(f"{what} has {rows:,} rows, but the interactions have {size:,}; pass one row for each.")

    @classmethod
    def from_tables(
        cls,
        tables: Tables,
        *,
        user_features: FeatureFunction | None = None,
        item_features: FeatureFunction | None = None,
        candidates: CandidateItems = "sold",
    ) -> "Dataset":
        """Build a dataset from tables.

        The users are those of the users table and of the transactions, with or without history. Tables that were not
        cleaned are cleaned first, with the defaults of `CleanSpec`; this checks their rows and nets returns.

        Parameters
        ----------
        tables : Tables
            The tables, cleaned or not.
        user_features, item_features : callable, optional
            A function that returns more features than the columns give, such as a sentence embedding of each item's
            description. It is called with the users (items) table, one row per id in the order of `user_ids`
            (`item_ids`), and returns a dense or sparse matrix of finite weights with as many rows. Models do not
            store it: pass its features along when you encode other users or items. None by default.
        candidates : {"sold", "all"}
            The items: those of the transactions ("sold", the default), or those of the items table, too ("all"). The
            features of an item without transactions are all that is known about it, so name some in
            `Tables.item_features`.

        Raises
        ------
        TableError
            If a row is invalid, or a column cannot be encoded.
        DataError
            If a function returns something else.

        Examples
        --------
        >>> import gingham as gg
        >>> gg.Dataset.from_tables(gg.synth.sample_tables(n_users=10, n_items=5))
        Dataset(10 users x 5 items, 200 interactions, 5 user features, 3 item features)
        """
        require_threads("Building a dataset from tables")
        check_tables(tables)
        check_choice("candidates", candidates, get_args(CandidateItems))
        for name, function in (("user_features", user_features), ("item_features", item_features)):
            if function is not None and not callable(function):
                raise ParameterError(
                    f"{name} must be a function of a table, not {shown(function)}; features from columns are named in "
                    "gingham.Tables."
                )
        if not tables.steps:
            tables = clean(tables)
        rows = tables.transactions.collect()
        users = None if tables.users is None else tables.users.collect()
        items = None if tables.items is None else tables.items.collect()
        user_ids, user_index = all_ids(None if users is None else users[USER_ID], rows[USER_ID], "user")
        listed = items[ITEM_ID] if items is not None and candidates == "all" else None
        item_ids, item_index = all_ids(listed, rows[ITEM_ID], "item")
        interactions = Interactions(
            user_index,
            item_index,
            len(user_ids),
            len(item_ids),
            value=rows[VALUE].to_numpy() if VALUE in rows.columns else None,
            timestamp=rows[TIMESTAMP].to_numpy() if TIMESTAMP in rows.columns else None,
            order=rows[ORDER].to_numpy() if ORDER in rows.columns else None,
            price=rows[PRICE].cast(pl.Float32).fill_null(np.nan).to_numpy() if PRICE in rows.columns else None,
        )
        user_encoder, of_users = _features(user_ids, users, tables.user_features, USER_ID, user_features)
        item_encoder, of_items = _features(item_ids, items, tables.item_features, ITEM_ID, item_features)
        labels = _labels(item_ids, items, {NAME: tables.item_name, TYPE: tables.item_type})
        encoders = user_encoder, item_encoder
        return cls(user_ids, item_ids, interactions, of_users, of_items, labels, *encoders, candidates)

    @property
    def n_users(self) -> int:
        """The number of users, with or without interactions."""
        return self.interactions.n_users

    @property
    def n_items(self) -> int:
        """The number of items."""
        return self.interactions.n_items

    def matrix(self, duplicates: Duplicates = "sum") -> sp.csr_matrix:
        """Return the user by item matrix; see `Interactions.matrix`."""
        return self.interactions.matrix(duplicates)

    def positives(self) -> "Dataset":
        """Return a dataset of the interactions that count as positives; see `Interactions.positives`.

        Examples
        --------
        >>> import gingham as gg
        >>> dataset = gg.synth.sample_dataset()
        >>> len(dataset.positives().interactions) == len(dataset.interactions)
        True
        """
        interactions = self.interactions.positives()
        return self if interactions is self.interactions else self.with_interactions(interactions)

    def with_interactions(self, interactions: Interactions) -> "Dataset":
        """Return a dataset of the same users and items with other interactions of the same shape."""
        return replace(self, interactions=interactions)

    def extended(self, transactions: "Dataset | None" = None, users: Any = None, items: Any = None) -> "Dataset":
        """Return a dataset with more transactions, users and items, and with new feature values.

        Ids stay sorted, so indices change where there are new ids. The rows of `transactions` follow those of this
        dataset. Features are encoded as they were: bins, scales and vocabularies do not change, and features that a
        function returned are zero for new users and items.

        Parameters
        ----------
        transactions : Dataset, optional
            The new transactions, with the columns that this dataset has; ids may be new or known. None by default.
        users, items : data frame, optional
            One row for each new or changed user (``user_id``) or item (``item_id``), with all columns that are
            features, and ``name`` and ``type`` of items; other columns are ignored. A new user or item without a row
            has nulls. None by default.

        Raises
        ------
        DataError
            If `transactions` has other columns, types of ids or features.
        TableError
            If a table lacks a column, or an id is missing or not unique.

        Examples
        --------
        >>> import gingham as gg
        >>> import polars as pl
        >>> dataset = gg.synth.sample_dataset()
        >>> dataset.extended(users=pl.DataFrame({"user_id": ["zoe"], "age_group": ["25-34"]})).n_users
        51
        """
        if transactions is not None:
            check_dataset("transactions", transactions)
        return extended(self, transactions, users, items)

    def without_users(self, user_ids: IdList, keep_items: bool = False) -> "Dataset":
        """Return a dataset without some users and their transactions.

        Parameters
        ----------
        user_ids : id, or series or iterable of ids
            The users.
        keep_items : bool
            Whether items that no one else bought stay; False by default: they leave with their only buyers.

        Raises
        ------
        UnknownIdError
            If an id is unknown.

        Examples
        --------
        >>> import gingham as gg
        >>> gg.synth.sample_dataset().without_users(["u00", "u01"]).n_users
        48
        """
        return without_users(self, user_ids, keep_items)

    def arrays(self) -> tuple[dict[str, Any], dict[str, npt.NDArray[Any]]]:
        """Return everything that a model can learn from, as JSON values and arrays.

        These are the shape, the interactions (user, item, value, timestamp and price) and the features with their
        columns and labels. Ids, labels of items and encoders are not included.

        Returns
        -------
        state : dict
            JSON values.
        arrays : dict of str to array
            NumPy arrays of numbers, by name, such as "user_index", "timestamp" (int64, in microseconds since 1970) and
            "item_features.data". They share memory with the dataset.

        Examples
        --------
        >>> import gingham as gg
        >>> state, arrays = gg.synth.sample_dataset().arrays()
        >>> arrays["user_index"].dtype
        dtype('int32')
        >>> gg.Dataset.from_arrays(state, arrays).digest() == gg.synth.sample_dataset().digest()
        True
        """
        state: dict[str, Any] = {"n_users": self.n_users, "n_items": self.n_items}
        if self.candidates != "sold":  # without the key, the digest is that of earlier versions
            state["candidates"] = self.candidates
        arrays = self.interactions.arrays()
        for side in _SIDES:
            features: Features | None = getattr(self, side)
            if features is not None:
                state[side], parts = features.arrays()
                arrays |= {f"{side}.{name}": array for name, array in parts.items()}
        return state, arrays

    @classmethod
    def from_arrays(
        cls,
        state: Mapping[str, Any],
        arrays: Mapping[str, npt.NDArray[Any]],
        user_ids: Ids | None = None,
        item_ids: Ids | None = None,
        **others: Any,
    ) -> "Dataset":
        """Build a dataset from what `arrays` returned; arrays mapped into memory are not copied.

        Parameters
        ----------
        state, arrays : mapping
            As `arrays` returned them; arrays with other names are ignored.
        user_ids, item_ids : Ids, optional
            The external ids; by default the numbers from 0.
        **others
            The labels and encoders, by the names of their fields.

        Raises
        ------
        DataError
            If the arrays do not fit together.
        """
        stored = _StoredDataset.read(state)
        shape = stored.n_users, stored.n_items
        ids = []
        for what, size, given in zip(("n_users", "n_items"), shape, (user_ids, item_ids), strict=True):
            # Before an array of this size is made, which a wrong number could make larger than the memory.
            require(given is None or len(given) == size, f"the value {what} is {size}")
            ids.append(Ids(pl.Series(np.arange(size, dtype=np.int64))) if given is None else given)
        features: dict[str, Any] = {
            side: Features.from_arrays(
                state[side],
                {name: arrays[f"{side}.{name}"] for name in _CSR if f"{side}.{name}" in arrays},
            )
            for side in _SIDES
            if side in state
        }
        rows = Interactions.from_arrays(arrays, *shape)
        return cls(ids[0], ids[1], rows, **features, candidates=stored.candidates, **others)

    def digest(self) -> str:
        """Return a SHA-256 of everything that a model can learn from: of all that `arrays` returns.

        Two datasets with the same digest give the same model. Any difference in their interactions (order, value,
        timestamp and price included) or their features (columns and labels included) gives another digest.

        Examples
        --------
        >>> import gingham as gg
        >>> dataset = gg.synth.sample_dataset()
        >>> len(dataset.digest())
        64
        """
        state, arrays = self.arrays()
        fingerprint = hashlib.sha256(json.dumps(state, sort_keys=True).encode())
        for name, array in sorted(arrays.items()):
            fingerprint.update(f"{name} {array.dtype.str} {array.shape} ".encode())
            fingerprint.update(np.ascontiguousarray(array).view(np.uint8).data)
        return fingerprint.hexdigest()

    def __repr__(self) -> str:
        parts = [f"{self.n_users:,} users x {self.n_items:,} items", f"{len(self.interactions):,} interactions"]
        for what, features in (("user", self.user_features), ("item", self.item_features)):
            if features is not None:
                parts.append(f"{len(features.definitions):,} {what} features")
        return f"Dataset({', '.join(parts)})"


def check_dataset(name: str, value: Any) -> None:
    """Check that a value is a `Dataset`; data frames, for example, must be made into one first."""
    check_type(name, value, Dataset, "a gingham.Dataset, such as gg.Dataset.from_tables(gg.Tables(transactions))")


def _features(
    ids: Ids, table: pl.DataFrame | None, spec: FeatureSpec, id_column: str, function: FeatureFunction | None
) -> tuple[FeatureEncoder, Features] | tuple[None, None]:
    return fit_encoder(ids, table, spec, id_column, function) if spec or function is not None else (None, None)


def _labels(ids: Ids, items: pl.DataFrame | None, columns: dict[str, str | None]) -> pl.DataFrame | None:
    """Return the name and type of every item, if the items table has such columns."""
    texts = [pl.col(column).cast(pl.String).alias(label) for label, column in columns.items() if column is not None]
    if items is None or not texts:
        return None
    labels = items.select(ITEM_ID, *texts)
    return ids.values.alias(ITEM_ID).to_frame().join(labels, on=ITEM_ID, how="left", maintain_order="left")
