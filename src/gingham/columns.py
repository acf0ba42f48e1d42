"""The names of columns: the roles of a table's columns, and the columns of results."""

from typing import Final

USER_ID: Final = "user_id"
ITEM_ID: Final = "item_id"
TIMESTAMP: Final = "timestamp"
PRICE: Final = "price"
QUANTITY: Final = "quantity"
CHANNEL: Final = "channel"
ORDER_ID: Final = "order_id"
ORDER: Final = "order"
ROLES: Final = (USER_ID, ITEM_ID, TIMESTAMP, PRICE, QUANTITY, CHANNEL, ORDER_ID, ORDER)
VALUE: Final = "value"
NAME: Final = "name"
TYPE: Final = "type"
RANK: Final = "rank"
SCORE: Final = "score"
CAUSE: Final = "cause"
BECAUSE_ITEM_ID: Final = "because_item_id"
CONTRIBUTION: Final = "contribution"
REASON: Final = "reason"
SIMILAR_ITEM_ID: Final = "similar_item_id"
SIMILAR_USER_ID: Final = "similar_user_id"
