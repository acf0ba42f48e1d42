"""Explanations of recommendations: tables of contributions, and sentences for customers."""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter

import numpy as np
import polars as pl

from gingham.arrays import Indices
from gingham.columns import BECAUSE_ITEM_ID, CAUSE, CONTRIBUTION, REASON, SCORE
from gingham.models.contributions import Part, merged, with_rounding
from gingham.models.facts import Facts
from gingham.models.sentences import Pair, Reason

# The number of pairs whose contributions are in memory at a time when only their sentences are wanted.
_PAIRS = 20_000


@dataclass(frozen=True, eq=False)
class Explanation:
    """Recommendations, and what each cause contributes to their scores.

    Attributes
    ----------
    listed : polars.DataFrame
        The recommendations.
    users, items : int32 array, shape (n,)
        The indices of their users and items.
    contributions : callable
        Returns the contributions to the scores of some of these pairs; takes a slice.
    facts : Facts
        What is known of the users.
    """

    listed: pl.DataFrame
    users: Indices
    items: Indices
    contributions: Callable[[slice], list[Part]]
    facts: Facts

    def table(self) -> pl.DataFrame:
        """Return a row for each recommendation and cause; see `Recommender.explain`."""
        all_pairs = slice(0, len(self.items))
        table = with_rounding(merged(self.contributions(all_pairs)), self.listed[SCORE].to_numpy())
        pair, because = table["pair"].to_numpy(), table["because"]
        has_item = because.is_not_null()
        users, items = self.users[pair[has_item]], because.drop_nulls().to_numpy()
        times = pl.Series(self.facts.times(users, items))
        history = pl.DataFrame(
            {
                "row": np.flatnonzero(has_item),
                BECAUSE_ITEM_ID: self.facts.data.item_ids.ids(items),
                "times": times.set(times < 0, None),
                "last_bought": pl.Series(self.facts.last(users, items), dtype=pl.Datetime("us")),
            },
            schema_overrides={"row": pl.UInt32},
        )
        rows = table.with_row_index("row").join(history, on="row", how="left", maintain_order="left")
        columns = rows.select(CAUSE, BECAUSE_ITEM_ID, "times", "last_bought", "detail", CONTRIBUTION)
        return pl.concat([self.listed[pair], columns], how="horizontal")

    def reasons(self) -> pl.DataFrame:
        """Return the recommendations with the sentence of each; see `Recommender.reasons`."""
        blocks = (slice(start, start + _PAIRS) for start in range(0, len(self.items), _PAIRS))
        sentences = [sentence for block in blocks for sentence in self._sentences(block)]
        return self.listed.with_columns(pl.Series(REASON, sentences, dtype=pl.String))

    def _sentences(self, block: slice) -> list[str]:
        facts, users, items, of_pair = self.facts, self.users[block], self.items[block], self._reasons(block)
        own = (
            facts.times(users, items).tolist(),
            facts.last(users, items).tolist(),
            [facts.today] * len(items),
            facts.best_sellers[items].tolist(),
            facts.best_sellers_of_week[items].tolist(),
        )
        return [Pair(*true).sentence(of_pair.get(number, ())) for number, true in enumerate(zip(*own, strict=True))]

    def _reasons(self, block: slice) -> dict[int, list[Reason]]:
        """Return the positive contributions to the score of each pair, the largest first."""
        users, items = self.users[block], self.items[block]
        table = merged(self.contributions(block)).filter(pl.col(CONTRIBUTION) > 0)
        # A pair needs no smaller contribution of the same cause: a history of hundreds of items has as many.
        table = table.unique(["pair", "cause", "detail"], keep="first", maintain_order=True)
        pair, facts = table["pair"].to_numpy(), self.facts
        alike = facts.alike(table["cause"], table["detail"], users[pair], items[pair])
        because = np.where(table["because"].is_not_null(), table["because"].fill_null(0), alike).astype(np.int32)
        has_item, because = because >= 0, np.maximum(because, 0)
        columns = (
            pair.tolist(),
            table["cause"].to_list(),
            [name if has else None for name, has in zip(facts.names(because), has_item.tolist(), strict=True)],
            np.where(has_item, facts.last(users[pair], because), np.datetime64("NaT")).tolist(),
            facts.labels(table["cause"], table["detail"], users[pair]),
        )
        reasons = [(number, Reason(*reason)) for number, *reason in zip(*columns, strict=True)]
        return {number: [reason for _, reason in group] for number, group in groupby(reasons, key=itemgetter(0))}
