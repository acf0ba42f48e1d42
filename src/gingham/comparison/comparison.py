"""What a comparison found: who is better than the baselines, by how much, how surely, and at what cost."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import polars as pl

from gingham.comparison.measured import Measured
from gingham.comparison.page import for_notebook, page
from gingham.errors import ParameterError
from gingham.evaluation.bootstrap import FEWEST
from gingham.evaluation.evaluation import Evaluation, differences
from gingham.report import Page

_FLATTERED = "Overlap was allowed: models were fitted to as many as {:,} rows of this test, which flatter them."

BETTER, WORSE, UNCLEAR = "better", "worse", "no clear difference"
# What stands for them in a table.
MARKS = {BETTER: "+", WORSE: "-", UNCLEAR: "="}


@dataclass(frozen=True, repr=False)
class Comparison:
    """What `compare` measured.

    Attributes
    ----------
    measured : mapping of str to Measured
        What was measured of each model, by name; the baselines last.
    baselines : tuple of str
        The names of the baselines.
    metric : str
        What decides which baseline is best, and opens the report.
    reference : str
        The model that the others are compared with.
    """

    measured: Mapping[str, Measured]
    baselines: tuple[str, ...]
    metric: str
    reference: str

    @classmethod
    def of(
        cls, measured: Mapping[str, Measured], baselines: tuple[str, ...], metric: str, reference: str | None
    ) -> "Comparison":
        """Compare with the best baseline by `metric`, unless another reference is given.

        Raises
        ------
        ParameterError
            If no user of the test counts for `metric`.
        """
        means = {name: measured[name].evaluation.to_dict()[metric]["mean"] for name in baselines}
        if None in means.values():
            raise ParameterError(f"metric={metric!r} is not defined for any user of the test; give another.")
        return cls(measured, baselines, metric, reference or max(means, key=lambda name: means[name]))

    @property
    def evaluations(self) -> dict[str, Evaluation]:
        """How good each model is on the test, by name."""
        return {name: one.evaluation for name, one in self.measured.items()}

    @property
    def models(self) -> tuple[str, ...]:
        """The names of what was compared with the baselines."""
        return tuple(name for name in self.measured if name not in self.baselines)

    @property
    def metrics(self) -> list[str]:
        """The names of what was measured, in the order of the evaluations."""
        return self.measured[self.reference].evaluation.table["metric"].to_list()

    @cached_property
    def table(self) -> pl.DataFrame:
        """Each model's metrics: ``model``, ``metric``, ``mean``, ``low`` and ``high`` (the 95% interval), ``users``."""
        return self._stacked(lambda evaluation: evaluation.table)

    @cached_property
    def differences(self) -> pl.DataFrame:
        """How far each other model is above the reference, user by user.

        ``model``, ``metric``, ``difference`` (of the means, over the users whom both count), ``low`` and ``high`` (its
        95% interval: 1,000 bootstrap resamples of the users), ``users``, and the ``verdict``: "better" if the interval
        is above zero, "worse" if it is below, else "no clear difference"; that is also what can be said of fewer than
        ten users, whose resamples tell nothing of others.
        """
        tables = [
            differences(one.evaluation, self.measured[self.reference].evaluation).select(
                pl.lit(name).alias("model"),
                "metric",
                pl.col("mean").alias("difference"),
                "low",
                "high",
                "users",
                pl.when(pl.col("users") < FEWEST)
                .then(pl.lit(UNCLEAR))
                .when(pl.col("low") > 0)
                .then(pl.lit(BETTER))
                .when(pl.col("high") < 0)
                .then(pl.lit(WORSE))
                .otherwise(pl.lit(UNCLEAR))
                .alias("verdict"),
            )
            for name, one in self.measured.items()
            if name != self.reference
        ]
        return pl.concat(tables)

    @property
    def marks(self) -> dict[tuple[str, str], str]:
        """What stands for the verdict on a model by a metric in a table: + - =."""
        return {(row["model"], row["metric"]): MARKS[row["verdict"]] for row in self.differences.to_dicts()}

    @property
    def legend(self) -> str:
        """What to read such a table with."""
        return (
            f"Over the {max(self.table['users'].to_list()):,} users with purchases in the test part. Beside "
            f"{self.reference}, user by user: + better, - worse, = no clear difference."
        )

    @cached_property
    def lists(self) -> pl.DataFrame:
        """What the lists are like that each recommends: ``model``, ``metric``, ``value``."""
        return self._stacked(lambda evaluation: evaluation.lists)

    @cached_property
    def segments(self) -> pl.DataFrame | None:
        """Each model's metrics by what `by` asked for: ``model``, ``segment``, ``value`` and the columns of `table`."""
        if self.evaluations[self.reference].segments is None:
            return None
        return self._stacked(lambda evaluation: evaluation.segments)

    def _stacked(self, part: Callable[[Evaluation], pl.DataFrame | None]) -> pl.DataFrame:
        frames = {name: part(one) for name, one in self.evaluations.items()}
        return pl.concat(
            [frame.select(pl.lit(name).alias("model"), pl.all()) for name, frame in frames.items() if frame is not None]
        )

    @cached_property
    def costs(self) -> pl.DataFrame:
        """What each takes: ``model``, ``fit_seconds``, ``recommend_seconds``, ``peak_mb``, and its ``coverage``."""
        shown = self.lists.filter(pl.col("metric").str.starts_with("coverage@"))
        coverage = dict(shown.select("model", "value").iter_rows())  # the last one of each, at the largest k
        rows = [
            (
                name,
                round(one.fit_seconds, 3),
                round(one.recommend_seconds, 3),
                None if one.peak_bytes is None else one.peak_bytes / 1e6,
                coverage[name],
            )
            for name, one in self.measured.items()
        ]
        schema = {"model": pl.String} | dict.fromkeys(
            ("fit_seconds", "recommend_seconds", "peak_mb", "coverage"), pl.Float64
        )
        return pl.DataFrame(rows, schema, orient="row")

    @cached_property
    def sentences(self) -> tuple[str, ...]:
        """A sentence a model: how it compares with the reference by `metric`; before these, what flatters them."""
        means = dict(self.table.filter(metric=self.metric).select("model", "mean").iter_rows())
        rows = {row["model"]: row for row in self.differences.filter(metric=self.metric).iter_rows(named=True)}
        overlap = max(one.overlap for one in self.evaluations.values())
        said = [_FLATTERED.format(overlap)] if overlap else []
        for name in self.models or self.baselines:
            if name in rows:
                row = rows[name]
                verdict = "not clearly different from" if row["verdict"] == UNCLEAR else f"{row['verdict']} than"
                said.append(
                    f"By {self.metric}, {name} is {verdict} {self.reference}: {means[name]:.4f} against "
                    f"{means[self.reference]:.4f}, a difference of {row['difference']:+.4f} "
                    f"({row['low']:+.4f} to {row['high']:+.4f})."
                )
        return tuple(said)

    def __repr__(self) -> str:
        wide = self.table.pivot("model", index="metric", values="mean", maintain_order=True)
        with pl.Config(tbl_rows=-1, tbl_cols=-1, tbl_hide_dataframe_shape=True, tbl_hide_column_data_types=True):
            return "\n".join([str(wide), str(self.costs), *self.sentences])

    def _repr_html_(self) -> str:
        return for_notebook(self)

    def to_dict(self) -> dict[str, Any]:
        """Give everything as JSON values."""
        models: dict[str, Any] = {}
        for costs in self.costs.to_dicts():
            name = costs.pop("model")
            one, apart = self.measured[name], self.differences.filter(model=name).drop("model").to_dicts()
            models[name] = {
                **costs,
                "metrics": one.evaluation.to_dict(),
                "lists": dict(one.evaluation.lists.iter_rows()),
                "differences": {row.pop("metric"): row for row in apart},
                **({} if one.curve is None else {"epochs": one.curve.to_dicts()}),
            }
        return {"metric": self.metric, "reference": self.reference, "models": models}

    def page(self, title: str = "Comparison") -> Page:
        """Draw the page."""
        return page(self, title)

    def save(self, path: Path | str, title: str = "Comparison") -> None:
        """Write one HTML page that is readable offline; an earlier one is replaced when the new one is complete.

        Parameters
        ----------
        path : path
            The file.
        title : str
            The page's title; "Comparison" by default.

        Raises
        ------
        ReportError
            If plotly is not installed, or the file can't be written.
        """
        self.page(title).save(path)
