"""The sentences that tell a customer why an item is recommended: every template, and which of them is true."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from gingham.models.contributions import Cause

BOUGHT = "You bought this{times}{ago}."
TOGETHER = "Often bought together with {item}, which you bought{on}."
SIMILAR_USERS = "Customers who buy what you buy also bought this."
BEST_SELLER = "One of our best sellers."
BEST_SELLER_OF_WEEK = "Sells well this week."
SEGMENT = "Sells well among customers like you{group}."
USER_FEATURE = "Popular with customers like you{group}."
ITEM_FEATURE = "Same category as {item}, which you bought{on}."
TASTE = "Fits what you usually choose."
NEW = "You have not bought this yet: something new to try."

_TIMES = {-1: "", 1: " once", 2: " twice"}


class Reason(NamedTuple):
    """A positive contribution to a score.

    Attributes
    ----------
    cause : str
        The value of a `Cause`.
    item : str or None
        The name of the item of the history that contributes, or that has the same feature; None without one.
    last : datetime or None
        When the user last bought that item.
    label : str or None
        The value of the user's feature.
    """

    cause: str
    item: str | None = None
    last: datetime | None = None
    label: str | None = None


@dataclass(frozen=True)
class Pair:
    """What is true of a user and an item.

    Attributes
    ----------
    times : int
        How often the user bought the item; 0 for never, -1 for an unknown number of times.
    last : datetime or None
        When the user last bought it; None if it is unknown.
    today : datetime or None
        The end of the training data, from which days are counted.
    is_best_seller : bool
        Whether the item is a best seller of all times.
    sells_this_week : bool
        Whether it is one of the last 7 days.
    """

    times: int
    last: datetime | None
    today: datetime | None
    is_best_seller: bool
    sells_this_week: bool = False

    def sentence(self, reasons: Iterable[Reason]) -> str:
        """Return the sentence of the first reason that is true of the pair, or of what is true without a reason.

        Parameters
        ----------
        reasons : iterable of Reason
            Positive contributions, the largest first.

        Examples
        --------
        >>> pair = Pair(3, datetime(2024, 3, 1), datetime(2024, 3, 13), False)
        >>> pair.sentence([Reason("bought before")])
        'You bought this 3 times, last 12 days ago.'
        >>> Pair(0, None, None, False).sentence([Reason("bought together", "Milk", datetime(2024, 3, 1))])
        'Often bought together with Milk, which you bought on 1 March 2024.'
        >>> Pair(0, None, None, False).sentence([])
        'You have not bought this yet: something new to try.'
        """
        for reason in reasons:
            sentence = self._sentence(reason)
            if sentence is not None:
                return sentence
        if self.times:
            return self._bought()
        return self._best_seller() or NEW

    def _sentence(self, reason: Reason) -> str | None:
        group = "" if reason.label is None else f" ({reason.label})"
        on = "" if reason.last is None else f" on {_date(reason.last)}"
        match reason.cause:
            case Cause.BOUGHT_BEFORE if self.times:
                return self._bought()
            case Cause.BOUGHT_TOGETHER if reason.item is not None:
                return TOGETHER.format(item=reason.item, on=on)
            case Cause.SIMILAR_USERS:
                return SIMILAR_USERS
            case Cause.BEST_SELLER:
                return self._best_seller()
            case Cause.SEGMENT:
                return SEGMENT.format(group=group)
            case Cause.USER_FEATURE:
                return USER_FEATURE.format(group=group)
            case Cause.ITEM_FEATURE if reason.item is not None:
                return ITEM_FEATURE.format(item=reason.item, on=on)
            case Cause.TASTE:
                return TASTE
        return None

    def _best_seller(self) -> str | None:
        if self.sells_this_week:
            return BEST_SELLER_OF_WEEK
        return BEST_SELLER if self.is_best_seller else None

    def _bought(self) -> str:
        ago = ""
        if self.last is not None and self.today is not None:
            days = (self.today.date() - self.last.date()).days
            when = {0: "today", 1: "yesterday"}.get(days, f"{days} days ago")
            ago = f" {when}" if self.times == 1 else f", last {when}"
        times = _TIMES.get(self.times, f" {self.times} times")
        return BOUGHT.format(times="" if self.times == 1 and ago else times, ago=ago)


def _date(day: datetime) -> str:
    return f"{day.day} {day:%B %Y}"
