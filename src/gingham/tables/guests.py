"""Guests: transactions without a user id."""

from typing import Literal, TypeAlias

import polars as pl

from gingham.columns import ORDER_ID, USER_ID
from gingham.errors import TableError
from gingham.tables.origin import Origin

Guests: TypeAlias = Literal["drop", "orders"]

# The text id of a guest is this and the id of the order.
PREFIX = "guest-"


def has_user(rows: pl.LazyFrame) -> pl.Expr:
    """Return whether each transaction has a user id: not null and, for text, not empty."""
    user_id = pl.col(USER_ID)
    if rows.collect_schema()[USER_ID].is_integer():
        return user_id.is_not_null()
    return (user_id.cast(pl.String).str.strip_chars() != "").fill_null(False)


def with_guests_as_users(rows: pl.LazyFrame, origin: Origin) -> pl.LazyFrame:
    """Make each order of a guest a user of its own.

    The id is "guest-" and the order's id; if user ids are integers, the orders of guests are numbered -1, -2 and so on,
    sorted by id. Guests without an order id stay without a user id.

    Raises
    ------
    TableError
        If there are no order ids, or a user's id could be that of a guest.
    """
    schema, user_id = rows.collect_schema(), pl.col(USER_ID)
    if ORDER_ID not in schema:
        raise origin.missing_role(ORDER_ID, 'guests="orders"')
    is_user = has_user(rows)
    order_id = pl.when(~is_user).then(pl.col(ORDER_ID))
    if schema[USER_ID].is_integer():
        like_guests, example = user_id < 0, "a negative id"
        guest_id = -order_id.rank("dense").cast(pl.Int64)
    else:
        user_id = user_id.cast(pl.String)
        like_guests, example = user_id.str.starts_with(PREFIX), f"an id that begins with {PREFIX!r}"
        guest_id = pl.lit(PREFIX) + order_id.cast(pl.String)
    with origin.wrap_errors():
        collision = rows.filter(like_guests).select(USER_ID).head(1).collect(engine="streaming")[USER_ID]
    if len(collision):
        raise TableError(
            f'The {origin} has the user {collision[0]!r}, but guests="orders" gives {example} to guests; rename this '
            'user, or use guests="drop".'
        )
    return rows.with_columns(pl.when(is_user).then(user_id).otherwise(guest_id).alias(USER_ID))
