"""Datasets with more transactions, users, items and features, or with fewer users."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import polars as pl
import scipy.sparse as sp

from gingham.arrays import Bools, Indices
from gingham.columns import ITEM_ID, NAME, TYPE
from gingham.dataset.encoder import FeatureEncoder
from gingham.dataset.features import Features
from gingham.dataset.ids import Ids
from gingham.dataset.interactions import Interactions
from gingham.errors import DataError, TableError
from gingham.frames import to_frame
from gingham.validation import check_bool

if TYPE_CHECKING:
    from gingham.dataset.dataset import Dataset

_COLUMNS = ("timestamp", "order", "price")


@dataclass(frozen=True, eq=False)
class Entities:
    """The users or the items of a dataset.

    Attributes
    ----------
    what : str
        "user" or "item".
    ids : Ids
        Their ids.
    features : Features or None
        Their features.
    encoder : FeatureEncoder or None
        The encoder of the features.
    """

    what: str
    ids: Ids
    features: Features | None
    encoder: FeatureEncoder | None

    @classmethod
    def of(cls, dataset: "Dataset", what: str) -> "Entities":
        """Return the users or the items of a dataset."""
        return cls(what, *(getattr(dataset, f"{what}_{part}") for part in ("ids", "features", "encoder")))

    def with_ids(self, ids: Ids) -> "Entities":
        """Return the entities with other ids; those that are new have an identity, but no other feature."""
        if ids.values.equals(self.ids.values):
            return self
        place = ids.places_of(self.ids)
        features = self.features
        if features is not None:
            rows = _moved(features.matrix, _has_identities(features), place, len(ids))
            if _has_identities(features):
                new = np.setdiff1d(np.arange(len(ids)), place)
                rows = (rows + sp.csr_matrix((np.ones(len(new)), (new, new)), rows.shape)).astype(np.float32)
            features = Features(rows, features.definitions)
        encoder = None if self.encoder is None else replace(self.encoder, n_identities=len(ids))
        return replace(self, ids=ids, features=features, encoder=encoder)

    def with_rows(self, features: sp.csr_matrix, place: Indices) -> "Entities":
        """Replace the features of some entities.

        Parameters
        ----------
        features : csr_matrix, shape (n, n_features)
            Their features; identities come first, one for each of these rows, if this side has identities.
        place : int32 array, shape (n,)
            Their indices.
        """
        assert self.features is not None
        present = np.ones(len(self.ids))
        present[place] = 0
        rows = sp.diags(present).tocsr() @ self.features.matrix
        rows.eliminate_zeros()
        rows = rows + _moved(features, _has_identities(self.features), place, len(self.ids))
        rows.sort_indices()
        return replace(self, features=Features(rows, self.features.definitions))

    def with_frame(self, frame: pl.DataFrame | None, known: Ids) -> "Entities":
        """Encode the rows of a table, and those that `known` does not have: the features of these are null.

        Raises
        ------
        TableError
            If the table has no row per id, or lacks a column or has a type that the encoder does not expect.
        """
        if self.features is None or self.encoder is None:
            return self
        column = f"{self.what}_id"
        index = self.ids.values.filter(~pl.Series(known.contains(self.ids.values))).alias(column)
        columns = list(dict.fromkeys(encoding.column for encoding in self.encoder.encodings))
        if frame is None:
            frame = pl.DataFrame(schema={column: index.dtype, **dict.fromkeys(columns, pl.Null)})
        if missing := [name for name in columns if name not in frame.columns]:
            raise TableError(
                f"The update's table of {self.what}s has no column {missing[0]!r}, which the training table had; it "
                f"has {frame.columns}."
            )
        index = pl.concat([frame[column], index.filter(~index.is_in(frame[column].implode()))])
        if not len(index):
            return self
        rows = index.to_frame().join(frame.select(column, *columns), on=column, how="left", maintain_order="left")
        encoder = replace(self.encoder, n_identities=rows.height)
        return self.with_rows(encoder.encode(rows, identities=True), self.ids.index(index, self.what))

    def fields(self) -> dict[str, Any]:
        """Return the fields of a dataset."""
        return {f"{self.what}_{part}": getattr(self, part) for part in ("ids", "features", "encoder")}


def extended(dataset: "Dataset", other: "Dataset | None", users: Any, items: Any) -> "Dataset":
    """Return a dataset with the transactions of another one after its own, and with more users and items; see there."""
    parts: dict[str, Any] = {}
    for what, frame in (("user", users), ("item", items)):
        own = Entities.of(dataset, what)
        table = _table(frame, own)
        if table is not None and what == "item" and dataset.candidates == "sold":
            sold = [own.ids.values, *([] if other is None else [other.item_ids.values])]
            table = table.filter(pl.any_horizontal(pl.col(ITEM_ID).is_in(ids.implode()) for ids in sold))
        new = [] if table is None else [table[f"{what}_id"]]
        if other is not None:
            new.append(Entities.of(other, what).ids.values)
        grown = own.with_ids(_union(own, new))
        grown = grown.with_frame(table, own.ids)
        if other is not None and (theirs := Entities.of(other, what)).features is not None:
            grown = _with_features_of(grown, theirs)
        parts |= grown.fields()
        if what == "item":
            parts["item_labels"] = _labels(dataset, parts["item_ids"], other, table)
    parts_of = [dataset] if other is None or not len(other.interactions) else [dataset, other]
    rows = [_with_columns_of(dataset, parts_of[-1]), *(part.interactions for part in parts_of[1:])]
    columns: dict[str, Any] = {}
    for name in ("value", *_COLUMNS):
        pieces = [getattr(part, name) for part in rows]
        columns[name] = None if pieces[0] is None else np.concatenate(pieces)
    for what in ("user", "item"):
        ids: Ids = parts[f"{what}_ids"]
        columns[f"{what}_index"] = np.concatenate(
            [
                _renumbered(getattr(part.interactions, f"{what}_index"), getattr(part, f"{what}_ids"), ids)
                for part in parts_of
            ]
        )
    columns |= {"n_users": len(parts["user_ids"]), "n_items": len(parts["item_ids"])}
    return replace(dataset, **parts, interactions=Interactions(**columns))


def _with_columns_of(dataset: "Dataset", other: "Dataset") -> Interactions:
    """Return the rows of a dataset, which must have the columns of another one unless there are none."""
    own, new = dataset.interactions, other.interactions
    if not len(own):
        return new.take(np.zeros(len(new), bool))
    for name in _COLUMNS:
        has, should = getattr(new, name) is not None, getattr(own, name) is not None
        if should and not has:
            raise DataError(f"The update has no column {name!r}, which the training transactions have; add the column.")
        if has and not should:
            raise DataError(
                f"The update has a column {name!r}, which the training transactions lack; leave it out, or fit again."
            )
    return own


def _renumbered(index: Indices, old: Ids, new: Ids) -> Indices:
    return index if new is old else new.places_of(old)[index]


def without_users(dataset: "Dataset", user_ids: Any, keep_items: bool) -> "Dataset":
    """Return a dataset without some users and their transactions; see there."""
    check_bool("keep_items", keep_items)
    gone = dataset.user_ids.index(user_ids, "user")
    stays = np.ones(dataset.n_users, bool)
    stays[gone] = False
    rows = dataset.interactions
    present = stays[rows.user_index]
    was_sold, is_sold = (
        np.bincount(items, minlength=dataset.n_items) > 0 for items in (rows.item_index, rows.item_index[present])
    )
    items_stay = np.ones(dataset.n_items, bool) if keep_items or dataset.candidates == "all" else is_sold | ~was_sold
    users, items = (
        Entities.of(dataset, what).with_ids(_taken(ids, chosen))
        for what, ids, chosen in (("user", dataset.user_ids, stays), ("item", dataset.item_ids, items_stay))
    )
    places = [np.cumsum(chosen, dtype=np.int32) - np.int32(1) for chosen in (stays, items_stay)]
    interactions = Interactions(
        places[0][rows.user_index[present]],
        places[1][rows.item_index[present]],
        len(users.ids),
        len(items.ids),
        **{name: None if (column := getattr(rows, name)) is None else column[present] for name in ("value", *_COLUMNS)},
    )
    labels = None if dataset.item_labels is None else dataset.item_labels.filter(pl.Series(items_stay))
    return replace(dataset, **users.fields(), **items.fields(), interactions=interactions, item_labels=labels)


def _taken(ids: Ids, chosen: Bools) -> Ids:
    return ids if chosen.all() else Ids(ids.values.filter(pl.Series(chosen)))


def _has_identities(features: Features) -> bool:
    return features.n_identities == features.n_rows


def _moved(matrix: sp.csr_matrix, has_identities: bool, place: npt.NDArray[Any], n: int) -> sp.csr_matrix:
    """Return features with rows, and the identities among the columns, at other places; those at -1 are left out."""
    entries = matrix.tocoo()
    n_old = matrix.shape[0] if has_identities else 0
    n_new = n if has_identities else 0
    row = place[entries.row]
    own = entries.col < n_old
    column = np.where(own, place[np.minimum(entries.col, max(len(place) - 1, 0))], entries.col - n_old + n_new)
    present = row >= 0
    moved: sp.csr_matrix = sp.csr_matrix(
        (entries.data[present], (row[present], column[present])), shape=(n, matrix.shape[1] - n_old + n_new)
    )
    moved.sort_indices()
    return moved


def _table(frame: Any, entities: Entities) -> pl.DataFrame | None:
    """Return the update's table of users or items, with checked ids."""
    if frame is None:
        return None
    what, column = entities.what, f"{entities.what}_id"
    table = to_frame(frame, f"update's table of {what}s").collect()
    if column not in table.columns:
        raise TableError(f"The update's table of {what}s has no column {column!r}; it has {table.columns}.")
    ids = _same_type(table[column], entities)
    if ids.null_count() or ids.n_unique() < len(ids):
        problem = "is missing in some rows" if ids.null_count() else "is not unique"
        raise TableError(f"The column {column!r} of the update's table of {what}s {problem}; pass one row per {what}.")
    return table.with_columns(ids.alias(column))


def _same_type(ids: pl.Series, entities: Entities) -> pl.Series:
    """Return ids of the type of a dataset's."""
    wanted = entities.ids.values.dtype
    ids = ids.cast(pl.String) if isinstance(ids.dtype, (pl.Categorical, pl.Enum)) else ids
    ids = ids.cast(pl.Int64) if ids.dtype.is_integer() else ids
    if len(ids) and len(entities.ids) and ids.dtype != wanted:
        names = {pl.Int64: "integers", pl.String: "text"}
        raise DataError(
            f"The update's {entities.what} ids are {names.get(ids.dtype.base_type(), str(ids.dtype))}, such as "
            f"{ids[0]!r}, but the model's are {names[wanted.base_type()]}; convert them."
        )
    return ids if ids.dtype == wanted or not len(entities.ids) else ids.cast(wanted)


def _union(entities: Entities, new: Iterable[pl.Series]) -> Ids:
    typed = [_same_type(ids, entities).alias("") for ids in new]
    return entities.ids.with_new(pl.concat(typed)) if typed else entities.ids


def _with_features_of(grown: Entities, other: Entities) -> Entities:
    """Adopt the features of another dataset; they must be those of the same encoder."""
    assert other.features is not None
    of_model = () if grown.features is None else grown.features.definitions
    if grown.features is None or other.features.definitions != of_model:
        raise DataError(
            f"The update's dataset has other {grown.what} features than the training data; pass the users and items as "
            "tables, which the model encodes itself."
        )
    return grown.with_rows(other.features.matrix, grown.ids.index(other.ids.values, grown.what))


def _labels(dataset: "Dataset", ids: Ids, other: "Dataset | None", table: pl.DataFrame | None) -> pl.DataFrame | None:
    """Return the names and types of all items: those of the update where it has them."""
    if dataset.item_labels is None:
        return None
    wanted = [name for name in (NAME, TYPE) if name in dataset.item_labels.columns]
    labels = dataset.item_labels
    for frame in (table, None if other is None else other.item_labels):
        names = [] if frame is None else [name for name in wanted if name in frame.columns]
        if frame is not None and names:
            new = frame.select(ITEM_ID, *(pl.col(name).cast(pl.String) for name in names))
            is_new = ~pl.col(ITEM_ID).is_in(labels[ITEM_ID].implode())
            labels = pl.concat([labels, new.filter(is_new)], how="diagonal").update(new, on=ITEM_ID)
    return ids.values.alias(ITEM_ID).to_frame().join(labels, on=ITEM_ID, how="left", maintain_order="left")
