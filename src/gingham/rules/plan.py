"""Rules resolved for one request: what they say about each item of a model."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import scipy.sparse as sp

from gingham.arrays import Bools, Doubles, Floats, Indices
from gingham.duration import duration
from gingham.errors import ParameterError
from gingham.rules.condition import Condition, Request
from gingham.rules.fill import Lists, Similarity, Stage
from gingham.rules.items import ModelItems, unit_rows
from gingham.rules.shop import Shop
from gingham.scores import Ranking, Scores, rank

if TYPE_CHECKING:
    from gingham.rules.rules import Rules

# The value of the request with the items of the basket.
BASKET = "basket"


@dataclass(frozen=True, eq=False)
class Plan:
    """Rules with everything that does not depend on users.

    Attributes
    ----------
    rules : Rules
        The rules.
    shop : Shop
        The model's items and transactions.
    k : int
        The length of lists.
    allowed, passes, basket : bool array, shape (n_items,)
        Which items the call allows, for which the filter is true, and which are in the basket.
    pins : dict of int to int
        The index of the item at each position, from 0.
    stage : Stage
        What else the rules say, without candidates.
    """

    rules: "Rules"
    shop: Shop
    k: int
    allowed: Bools
    passes: Bools
    basket: Bools
    pins: dict[int, int]
    stage: Stage

    @classmethod
    def of(cls, rules: "Rules", shop: Shop, request: Request, k: int, candidates: Indices | None) -> "Plan":
        """Resolve rules for a request.

        Raises
        ------
        ParameterError, TableError, DataError, UnknownIdError
            If the rules contradict each other, leave nothing, or do not fit the model or the request.
        """
        items, n_items = rules.items_of(shop.item_ids), len(shop.item_ids)
        allowed = np.full(n_items, candidates is None)
        if candidates is not None:
            allowed[candidates] = True
        passes = np.ones(n_items, bool)
        if rules.filter is not None:
            passes = items.matches(Condition.parse(rules.filter), request)
        plan = cls(
            rules,
            shop,
            k,
            allowed,
            passes,
            _basket(shop, request) if rules.exclude_basket else np.zeros(n_items, bool),
            _pins(rules, shop, k),
            _stage(rules, shop, request, items),
        )
        plan._check()
        return plan

    def rank(self, scores: Scores, users: Indices, seen: sp.csr_matrix | None, num_threads: int) -> Ranking:
        """Fill the lists of users, as the docstring of `Rules` describes.

        Parameters
        ----------
        scores, users, seen, num_threads
            As for `gingham.scores.rank`.
        """
        lists = Lists.empty(len(users), self.k)
        for number, stage in enumerate(self._stages(users, seen)):
            length = self.k if number == 0 else min(self.k, self.rules.min_length or 0)
            if number == 0:
                self._pin(lists, stage, scores, users, num_threads)
            rows = np.flatnonzero((lists.items[:, :length] < 0).any(axis=1))
            lists.fill(stage, scores, users, rows, length, num_threads)
        none = np.empty(0, np.int32)
        return Ranking(lists.items, lists.scores, none, none.astype(np.float64), none)

    def _stages(self, users: Indices, seen: sp.csr_matrix | None) -> Iterator[Stage]:
        """Yield the rules that hold at first, and after each rule of `fallback` is dropped."""
        rules = self.rules
        bought = None
        if rules.exclude_bought is not None:
            bought = self.shop.bought_within(duration(rules.exclude_bought), users)
        for number in range(len(rules.fallback) + 1):
            dropped = rules.fallback[:number]
            candidates = self.allowed.copy()
            if "filter" not in dropped:
                candidates &= self.passes
            if "exclude_basket" not in dropped:
                candidates &= ~self.basket
            parts = [part for part in (seen, None if "exclude_bought" in dropped else bought) if part is not None]
            is_new = self.stage.is_new
            yield replace(
                self.stage,
                is_new=is_new if is_new is not None and (is_new & candidates).any() else None,
                candidates=np.flatnonzero(candidates).astype(np.int32),
                excluded=_union(parts) if parts else None,
                caps=() if "caps" in dropped else self.stage.caps,
            )

    def _pin(self, lists: Lists, stage: Stage, scores: Scores, users: Indices, num_threads: int) -> None:
        """Put the pinned items at their positions, without those that a user does not get."""
        pins = {position: item for position, item in self.pins.items() if not self.basket[item]}
        if not pins:
            return
        items = np.sort(np.array([*pins.values()], np.int32))
        excluded = stage.excluded
        best = rank(scores, users, k=len(items), seen=excluded, candidates=items, num_threads=num_threads)
        for position, item in pins.items():
            row, column = np.nonzero(best.items == item)
            lists.items[row, position] = item
            lists.scores[row, position] = best.scores[row, column]

    def _check(self) -> None:
        """Refuse rules that leave nothing, and pins that other rules contradict."""
        rules, ids = self.rules, self.shop.item_ids.values
        if rules.filter is not None and not (self.allowed & self.passes).any() and "filter" not in rules.fallback:
            raise ParameterError(
                f"The rules leave no item: the filter {rules.filter!r} is true for none of the "
                f"{self.allowed.sum():,} candidates; relax it, or set min_length and fallback = ['filter']."
            )
        for position, item in self.pins.items():
            what = f"Item {ids[item]!r} is pinned to position {position + 1}"
            if not self.allowed[item]:
                raise ParameterError(f"{what}, but the call does not allow it; change items or exclude, or the pin.")
            if not self.passes[item]:
                raise ParameterError(f"{what}, but the filter {rules.filter!r} is not true for it; change one of them.")
        for (values, most), column in zip(self.stage.caps, rules.caps, strict=True):
            pinned = [values[item] for item in self.pins.values() if values[item] >= 0]
            n = np.bincount(pinned).max() if pinned else 0
            if n > most:
                raise ParameterError(
                    f"{n} pinned items have the same {column!r}, whose cap is {most}; raise the cap, or remove a pin."
                )


def _union(matrices: list[sp.csr_matrix]) -> sp.csr_matrix:
    """Return a matrix with an entry wherever one of the matrices has one, also where its value is zero."""
    patterns = [sp.csr_matrix((np.ones(one.nnz, np.float32), one.indices, one.indptr), one.shape) for one in matrices]
    return sp.csr_matrix(sum(patterns[1:], patterns[0]))


def _basket(shop: Shop, request: Request) -> Bools:
    if BASKET not in request:
        raise ParameterError(
            "exclude_basket needs the basket of the request, which is missing; pass request={'basket': [...]}."
        )
    is_in_basket = np.zeros(len(shop.item_ids), bool)
    (items,) = shop.item_ids.matches([request[BASKET]], "the basket")
    is_in_basket[items] = True
    return is_in_basket


def _pins(rules: "Rules", shop: Shop, k: int) -> dict[int, int]:
    if not rules.pins:
        return {}
    beyond = [pin for pin in rules.pins if pin.position > k]
    if beyond:
        raise ParameterError(
            f"Item {beyond[0].item!r} is pinned to position {beyond[0].position}, but lists have k={k} items; use a "
            "position up to k, or a larger k."
        )
    items = [int(shop.item_ids.index(pin.item, "pinned item")[0]) for pin in rules.pins]
    return {pin.position - 1: item for pin, item in zip(rules.pins, items, strict=True)}


def _stage(rules: "Rules", shop: Shop, request: Request, items: ModelItems) -> Stage:
    n_items = len(shop.item_ids)
    factor = np.ones(n_items)
    for boost in rules.boosts:
        factor[items.matches(Condition.parse(boost.condition), request)] *= boost.factor
    return Stage(
        candidates=np.arange(n_items, dtype=np.int32),
        excluded=None,
        factor=factor,
        caps=tuple((items.codes(column), most) for column, most in rules.caps.items()),
        is_new=None if rules.new is None else shop.first_sold_within(duration(rules.new.within)),
        share=0 if rules.new is None else rules.new.share,
        similarity=_similarity(rules, shop, items),
        ranks=0 if rules.diversity is None else rules.diversity.ranks,
    )


def _similarity(rules: "Rules", shop: Shop, items: ModelItems) -> Similarity | None:
    if rules.diversity is None:
        return None
    if not rules.diversity.columns:
        embeddings = shop.embeddings()
        if embeddings is None:
            raise ParameterError(
                'diversity by "embeddings" needs a model with embeddings, such as ALS; name item columns instead.'
            )
        return _mean([_Cosine(unit_rows(embeddings))])
    parts: list[Similarity] = []
    for name in rules.diversity.columns:
        rows = items.vectors(name)
        parts.append(_Equality(items.codes(name)) if rows is None else _Cosine(rows))
    return _mean(parts)


@dataclass(frozen=True)
class _Equality:
    """Whether items have the same value of a column."""

    values: Indices

    def __call__(self, items: Indices, other: Indices) -> Doubles:
        value = self.values[other][:, None]
        equal: Doubles = ((self.values[items] == value) & (value >= 0)).astype(np.float64)
        return equal


@dataclass(frozen=True)
class _Cosine:
    """The cosine of the vectors of items, or 0 if it is negative."""

    rows: Floats

    def __call__(self, items: Indices, other: Indices) -> Doubles:
        products = np.einsum("nmd,nd->nm", self.rows[items], self.rows[other])
        cosines: Doubles = np.clip(products, 0, 1).astype(np.float64)
        return cosines


def _mean(parts: list[Similarity]) -> Similarity:
    return lambda items, other: np.asarray(sum(part(items, other) for part in parts) / len(parts))
