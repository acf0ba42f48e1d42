"""`Rules`: what a shop allows, prefers and fixes in the lists that a model recommends."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Literal, Self

import polars as pl
import scipy.sparse as sp
from pydantic import Field, PrivateAttr, field_validator, model_validator

from gingham.arrays import Indices
from gingham.dataset import Ids
from gingham.duration import duration
from gingham.errors import ParameterError
from gingham.rules.condition import Condition, Request
from gingham.rules.items import ItemTable, ModelItems
from gingham.rules.plan import BASKET, Plan
from gingham.rules.settings import Boost, Diversity, NewItems, Pin
from gingham.rules.shop import Shop
from gingham.scores import Ranking, Scores, rank
from gingham.section import Flag, Integer, Section
from gingham.validation import check_type, shown

Fallback = Literal["filter", "exclude_bought", "exclude_basket", "caps"]


class Rules(Section):
    """Rules for recommended lists; none by default.

    A list is filled in this order, whatever the order of the keys:

    1. The candidates are those of the call: its `items`, `exclude` and `filter_seen`.
    2. `filter` keeps the items for which it is true. `exclude_bought` and `exclude_basket` leave out items of the user.
    3. The candidates that are left are ranked by score, from 1; of equal scores, the lower id comes first.
    4. `boosts` divide the rank of an item by the factors of all its conditions. The result is the item's place.
    5. `pins` take their positions. Where step 1 or 2 leaves an item out for a user, its pin is left out, too.
    6. The free positions are filled from the first to the last, each with the allowed candidate of the lowest place; of
       equal places, the better score comes first. With `new`, only new items are allowed where the share would
       otherwise not be reached. With `caps`, no item is allowed whose value has reached its cap; pins count. With
       `diversity`, the place of an item is increased by `ranks` times its highest similarity to an item of the list,
       pins included.
    7. If a list is shorter than `min_length`, the rules of `fallback` are dropped one after the other, and items are
       added as in steps 2 to 6 until it has `min_length` items.

    So a list has k items whenever that many are allowed. With caps on several columns, items chosen first may use up
    the caps for the others; `min_length` fills such a list. The scores of the result are the model's.

    Attributes
    ----------
    filter : str, optional
        An SQL condition on item columns and values of the request: ``price <= :budget AND stock > 0``. An item for
        which it is null, or that has no row in the items table, is left out.
    exclude_bought : str, optional
        Leave out items that the user bought within this time before the latest transaction of the training data, such
        as ``"30d"``.
    exclude_basket : bool
        Leave out the items of the request's ``basket``, a list of item ids; False by default.
    caps : mapping of str to int
        The largest number of items of a list that have the same value in a column: ``{"category": 3}``. Items without a
        value are not capped.
    boosts : list of Boost
        Each a ``condition`` and a ``factor`` by which the ranks of its items are divided: above 1 for a boost, below 1
        for a demotion.
    pins : list of Pin
        Each an ``item`` and its ``position``, from 1.
    new : NewItems, optional
        The ``share`` of items that were first sold ``within`` a time.
    diversity : Diversity, optional
        By how many ``ranks`` an item moves down that resembles an item in the list ``by`` some columns.
    min_length : int, optional
        The length up to which lists are filled by dropping rules; needs `fallback`.
    fallback : list of {"filter", "exclude_bought", "exclude_basket", "caps"}
        The rules to drop, in this order, from lists that are shorter than `min_length`.
    request : mapping of str to value
        Values of the request that calls may replace; none by default.

    Raises
    ------
    ConfigError
        If a value is wrong, or a condition uses something that is not allowed: only item columns, values of the
        request, literals, comparisons, arithmetic, AND, OR, NOT, IN, BETWEEN, LIKE, IS NULL, CASE, and the functions
        abs, ceil, coalesce, day, ends_with, floor, greatest, least, length, lower, mod, month, nullif, round,
        starts_with, upper and year.

    Examples
    --------
    >>> import gingham as gg
    >>> import polars as pl
    >>> model = gg.BuyAgain().fit(gg.synth.sample_dataset())
    >>> items = pl.DataFrame({"item_id": model.training_data_.item_ids.values}).with_columns(price=pl.row_index())
    >>> rules = gg.Rules(filter="price <= :budget", pins=[{"item": "i02", "position": 1}]).bind(items)
    >>> model.recommend("u00", k=3, rules=rules, request={"budget": 4})["item_id"].to_list()
    ['i02', 'i00', 'i01']
    """

    filter: str | None = None
    exclude_bought: str | None = None
    exclude_basket: Flag = False
    caps: dict[str, Integer] = Field(default={})
    boosts: list[Boost] = Field(default=[])
    pins: list[Pin] = Field(default=[])
    new: NewItems | None = None
    diversity: Diversity | None = None
    min_length: Integer | None = Field(default=None, ge=1)
    fallback: list[Fallback] = Field(default=[])
    request: dict[str, Any] = Field(default={})

    _table: ItemTable | None = PrivateAttr(default=None)

    @field_validator("caps")
    @classmethod
    def _check_caps(cls, caps: dict[str, int]) -> dict[str, int]:
        for column, most in caps.items():
            if most < 1:
                raise ValueError(
                    f"the cap of {column!r} is {most}; use a positive integer, or a filter to leave out items"
                )
        return caps

    @field_validator("pins")
    @classmethod
    def _check_pins(cls, pins: list[Pin]) -> list[Pin]:
        for name, values in (("position", [pin.position for pin in pins]), ("item", [pin.item for pin in pins])):
            twice = [value for place, value in enumerate(values) if value in values[:place]]
            if twice:
                raise ValueError(f"two pins have the {name} {twice[0]!r}; remove one of them")
        return pins

    @model_validator(mode="after")
    def _is_valid(self) -> Self:
        if self.filter is not None:
            Condition.parse(self.filter)
        if self.exclude_bought is not None:
            duration(self.exclude_bought)
        if (self.min_length is None) != (not self.fallback):
            raise ValueError("min_length and fallback are used together; set both, or none of them")
        for name in self.fallback:
            if not getattr(self, name):
                raise ValueError(f"fallback names {name!r}, but there is no such rule; remove it from fallback")
        return self

    @property
    def conditions(self) -> list[Condition]:
        """The conditions of the filter and the boosts."""
        texts = [*([self.filter] if self.filter is not None else []), *(boost.condition for boost in self.boosts)]
        return [Condition.parse(text) for text in texts]

    @property
    def columns(self) -> list[str]:
        """The item columns that the rules use; the items table must have them."""
        used = [column for condition in self.conditions for column in condition.columns]
        return list(dict.fromkeys([*used, *self.caps, *(self.diversity.columns if self.diversity else [])]))

    @property
    def values(self) -> list[str]:
        """The values of the request that the rules need."""
        used = [value for condition in self.conditions for value in condition.values]
        return list(dict.fromkeys([*used, *([BASKET] if self.exclude_basket else [])]))

    def parts(self) -> dict[str, "Rules"]:
        """Return each rule alone, by its key; `fallback` stays with the rule that it names.

        Examples
        --------
        >>> import gingham as gg
        >>> gg.Rules(exclude_bought="7d", pins=[{"item": "tea", "position": 1}]).parts()["pins"].exclude_bought is None
        True
        """
        shared = ("min_length", "fallback", "request")
        defaults = {name: field.get_default() for name, field in type(self).model_fields.items()}
        keys = [name for name in defaults if name not in shared and getattr(self, name)]
        parts = {}
        for key in keys:
            others = {name: value for name, value in defaults.items() if name not in (key, *shared)}
            fallback = [name for name in self.fallback if name == key]
            own = {"fallback": fallback, "min_length": self.min_length if fallback else None}
            parts[key] = self.model_copy(update={**others, **own})
        return parts

    def bind(self, items: Any) -> "Rules":
        """Return these rules with the items table that has their columns.

        Parameters
        ----------
        items : data frame
            One row per item: ``item_id`` and at least the columns of the rules. Any frame that narwhals supports.

        Raises
        ------
        TableError
            If a column is missing, or an id is missing or not unique.
        ParameterError
            If a condition does not fit the types of the columns.

        Examples
        --------
        >>> import gingham as gg
        >>> import polars as pl
        >>> gg.Rules(filter="stock > 0").bind(pl.DataFrame({"item_id": ["tea"], "amount": [1]}))
        Traceback (most recent call last):
            ...
        gingham.errors.TableError: The items table has no column 'stock'; use one of its columns: 'item_id', 'amount'.
        """
        table = ItemTable(items, self.columns)
        for condition in self.conditions:
            if set(condition.values) <= set(self.request):
                condition.matches(table.frame.head(0), self.request)
        bound = self.model_copy()
        bound._table = table
        return bound

    def without_row(self, item_ids: Ids) -> pl.Series:
        """Return the ids of a model that have no row in the items table; no condition is true for them.

        Parameters
        ----------
        item_ids : Ids
            The model's ids, ``model.training_data_.item_ids``.

        Examples
        --------
        >>> import gingham as gg
        >>> import polars as pl
        >>> rules = gg.Rules(filter="stock > 0").bind(pl.DataFrame({"item_id": ["tea"], "stock": [1]}))
        >>> rules.without_row(gg.Ids.from_series(["milk", "tea"])).to_list()
        ['milk']
        """
        return item_ids.values.clear() if self._table is None else self._table.without_row(item_ids)

    @property
    def items(self) -> pl.DataFrame | None:
        """The columns of the items table that the rules use, with ``item_id``; None before `bind`."""
        return None if self._table is None else self._table.frame

    def items_of(self, item_ids: Ids) -> ModelItems:
        """Return the columns of the rules, one row per item of a model.

        Raises
        ------
        ParameterError
            If the rules use columns, but are not bound to an items table.
        """
        if not self.columns:
            return ModelItems(pl.DataFrame())
        if self._table is None:
            raise ParameterError(
                f"The rules use the item columns {', '.join(map(repr, self.columns))}; call rules.bind(items) with an "
                "items table that has them."
            )
        return self._table.of(item_ids)

    def rank(
        self,
        scores: Scores,
        users: Indices,
        *,
        k: int,
        seen: sp.csr_matrix | None = None,
        candidates: Indices | None = None,
        num_threads: int = 0,
        request: Request,
        shop: Shop,
    ) -> Ranking:
        """Find the best items of users under these rules; `scores.rank` does it without rules.

        Parameters
        ----------
        scores, users, k, seen, candidates, num_threads
            As for `gingham.scores.rank`.
        request : mapping of str to value
            The values of the request; those of the rules are the defaults.
        shop : Shop
            The model's items and transactions.

        Returns
        -------
        Ranking
            `items` and `scores`, in the order of the lists; without ranks of test items.

        Raises
        ------
        ParameterError, TableError, DataError, UnknownIdError
            If the rules contradict each other, leave nothing, or do not fit the model or the request.
        """
        plan = Plan.of(self, shop, {**self.request, **request}, k, candidates)
        return plan.rank(scores, users, seen, num_threads)


def check_rules(name: str, value: Any) -> None:
    """Check that a value is `Rules`."""
    check_type(name, value, Rules, "gingham.Rules, such as gg.Rules(exclude_bought='30d')")


def ranker(rules: Rules | None, request: Request | None, shop: Callable[[], Shop]) -> Callable[..., Ranking]:
    """Return the function that ranks items under rules; `gingham.scores.rank` without rules.

    Parameters
    ----------
    rules : Rules or None
        The rules.
    request : mapping of str to value, or None
        The values of the request.
    shop : callable
        Returns the model's items and transactions; called only if there are rules.

    Raises
    ------
    ParameterError
        If the rules or the request are something else, or there is a request without rules.
    """
    if rules is None:
        if request is not None:
            raise ParameterError(f"request is {shown(request)}, but there are no rules that use it; pass rules, too.")
        return rank
    check_rules("rules", rules)
    check_type("request", {} if request is None else request, Mapping, "a mapping such as {'budget': 20}")
    return partial(rules.rank, request=request or {}, shop=shop())
