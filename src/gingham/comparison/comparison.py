"""The result of a comparison: each model's metrics, the differences from the reference, their intervals, and costs."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import polars as pl

from gingham.comparison.measured import Measured
from gingham.comparison.page import for_notebook, page
from gingham.comparison.ruled import REVENUE
from gingham.errors import ParameterError
from gingham.evaluation.bootstrap import FEWEST
from gingham.evaluation.evaluation import Evaluation, differences
from gingham.report import Page

_OVERLAP = "Models were fitted to up to {:,} rows of this test, so their metrics are too high."

BETTER, WORSE, UNCLEAR = "better", "worse", "no clear difference"
# The marks of the verdicts in tables.
MARKS = {BETTER: "+", WORSE: "-", UNCLEAR: "="}
# The verdict on the interval of a difference.
_VERDICT = (
    pl.when(pl.col("users") < FEWEST)
    .then(pl.lit(UNCLEAR))
    .when(pl.col("low") > 0)
    .then(pl.lit(BETTER))
    .when(pl.col("high") < 0)
    .then(pl.lit(WORSE))
    .otherwise(pl.lit(UNCLEAR))
    .alias("verdict")
)


@dataclass(frozen=True, repr=False)
class Comparison:
    """The result of `compare`.

    Attributes
    ----------
    measured : mapping of str to Measured
        The measurements of each model, by name; the baselines last.
    baselines : tuple of str
        The names of the baselines.
    metric : str
        The metric by which the best baseline is chosen; the report shows it first.
    reference : str
        The model that the others are compared with.

    Examples
    --------
    >>> import gingham as gg
    >>> train, test = gg.split.by_time(gg.synth.sample_dataset(), test="7d")
    >>> comparison = gg.compare({"knn": gg.ItemKNN()}, train, test, k=5)
    >>> comparison.models, comparison.metric
    (('knn',), 'map@5')
    >>> comparison.differences.columns
    ['model', 'metric', 'difference', 'low', 'high', 'users', 'verdict']
    """

    measured: Mapping[str, Measured]
    baselines: tuple[str, ...]
    metric: str
    reference: str

    @classmethod
    def of(
        cls, measured: Mapping[str, Measured], baselines: tuple[str, ...], metric: str, reference: str | None
    ) -> "Comparison":
        """Build from measurements; the reference is by default the best baseline by `metric`.

        Raises
        ------
        ParameterError
            If `metric` is not defined for any user of the test.
        """
        means = {name: measured[name].evaluation.to_dict()[metric]["mean"] for name in baselines}
        if None in means.values():
            raise ParameterError(f"metric={metric!r} is not defined for any user of the test; choose another metric.")
        return cls(measured, baselines, metric, reference or max(means, key=lambda name: means[name]))

    @property
    def evaluations(self) -> dict[str, Evaluation]:
        """The evaluation of each model on the test, by name."""
        return {name: one.evaluation for name, one in self.measured.items()}

    @property
    def models(self) -> tuple[str, ...]:
        """The names of the models that are not baselines."""
        return tuple(name for name in self.measured if name not in self.baselines)

    @property
    def metrics(self) -> list[str]:
        """The names of the metrics, in the order of the evaluations."""
        return self.measured[self.reference].evaluation.table["metric"].to_list()

    @cached_property
    def table(self) -> pl.DataFrame:
        """The metrics: ``model``, ``metric``, ``mean``, ``low`` and ``high`` (the 95% interval), ``users``."""
        return self._stacked(lambda evaluation: evaluation.table)

    @cached_property
    def differences(self) -> pl.DataFrame:
        """The differences between each other model and the reference, paired by user.

        ``model``, ``metric``, ``difference`` (of the means, over the users for which both are defined), ``low`` and
        ``high`` (its 95% interval from 1,000 bootstrap resamples of the users), ``users``, and ``verdict``: "better" if
        the interval is above zero, "worse" if it is below, otherwise "no clear difference". With fewer than ten users
        the verdict is always "no clear difference".
        """
        tables = [
            differences(one.evaluation, self.measured[self.reference].evaluation).select(
                pl.lit(name).alias("model"),
                "metric",
                pl.col("mean").alias("difference"),
                "low",
                "high",
                "users",
                _VERDICT,
            )
            for name, one in self.measured.items()
            if name != self.reference
        ]
        return pl.concat(tables)

    @property
    def marks(self) -> dict[tuple[str, str], str]:
        """The mark of each verdict in tables, "+", "-" or "=", by model and metric."""
        return {(row["model"], row["metric"]): MARKS[row["verdict"]] for row in self.differences.to_dicts()}

    @property
    def legend(self) -> str:
        """The explanation of a table of metrics with marks."""
        return (
            f"Means over the {max(self.table['users'].to_list()):,} users with purchases in the test part. "
            f"Compared with {self.reference}, paired by user: + better, - worse, = no clear difference."
        )

    @cached_property
    def lists(self) -> pl.DataFrame:
        """The metrics of the lists that each model recommends: ``model``, ``metric``, ``value``."""
        return self._stacked(lambda evaluation: evaluation.lists)

    @cached_property
    def segments(self) -> pl.DataFrame | None:
        """The metrics by segment of `by`: ``model``, ``segment``, ``value`` and the other columns of `table`."""
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
        """The costs: ``model``, ``fit_seconds``, ``recommend_seconds``, ``peak_mb``, and the model's ``coverage``."""
        rows_of_coverage = self.lists.filter(pl.col("metric").str.starts_with("coverage@"))
        coverage = dict(
            rows_of_coverage.select("model", "value").iter_rows()
        )  # the last row of a model is that of the largest k
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
    def candidates(self) -> pl.DataFrame | None:
        """The recall of the candidates of models that rank them: ``model`` and the columns of `candidate_recall`.

        None without such a model; see `TwoStage.candidate_recall`.
        """
        tables = [
            one.candidates.select(pl.lit(name).alias("model"), pl.all())
            for name, one in self.measured.items()
            if one.candidates is not None
        ]
        return pl.concat(tables) if tables else None

    @cached_property
    def rules(self) -> pl.DataFrame | None:
        """What rules cost or bring, compared with the same model without rules, paired by user; None without rules.

        ``model``, ``rule``, ``metric`` (those of the largest k, and ``revenue@k`` if prices are known: the sum of the
        prices of a user's test transactions whose items are in the list), ``without`` and ``with`` rules (the means),
        ``difference``, ``low``, ``high``, ``users`` and ``verdict`` as in `differences`.
        """
        tables = [
            one.rules.select(pl.lit(name).alias("model"), pl.all(), _VERDICT)
            for name, one in self.measured.items()
            if one.rules is not None
        ]
        return pl.concat(tables) if tables else None

    @property
    def rule_metrics(self) -> list[str]:
        """The metrics of `rules` that tables show: `metric`, or MAP where that is not one of lists, and revenue."""
        measured = [] if self.rules is None else self.rules["metric"].unique(maintain_order=True).to_list()
        main = self.metric if self.metric in measured else next((name for name in measured if name[:4] == "map@"), "")
        return [name for name in measured if name == main or name.startswith(REVENUE)]

    @cached_property
    def sentences(self) -> tuple[str, ...]:
        """The verdict on each model by `metric`, one sentence each, after a warning if train and test overlap."""
        means = dict(self.table.filter(metric=self.metric).select("model", "mean").iter_rows())
        rows = {row["model"]: row for row in self.differences.filter(metric=self.metric).iter_rows(named=True)}
        overlap = max(one.overlap for one in self.evaluations.values())
        sentences = [_OVERLAP.format(overlap)] if overlap else []
        for name in self.models or self.baselines:
            if name in rows:
                row = rows[name]
                verdict = "not clearly different from" if row["verdict"] == UNCLEAR else f"{row['verdict']} than"
                sentences.append(
                    f"By {self.metric}, {name} is {verdict} {self.reference}: {means[name]:.4f} versus "
                    f"{means[self.reference]:.4f}, a difference of {row['difference']:+.4f} "
                    f"(95% interval {row['low']:+.4f} to {row['high']:+.4f})."
                )
        return tuple(sentences)

    @cached_property
    def advice(self) -> tuple[str, ...]:
        """What to do about each model whose mean is below that of the best baseline, one sentence each."""
        means = dict(self.table.filter(metric=self.metric).select("model", "mean").iter_rows())
        if self.reference not in self.baselines:
            return ()
        return tuple(
            f"{name} is {1 - means[name] / means[self.reference]:.1%} below {self.reference}; search for better "
            "parameters with `gingham tune`, or for a better model with `gingham tune --model auto`."
            for name in self.models
            if means[name] < means[self.reference]
        )

    def __repr__(self) -> str:
        wide = self.table.pivot("model", index="metric", values="mean", maintain_order=True)
        with pl.Config(tbl_rows=-1, tbl_cols=-1, tbl_hide_dataframe_shape=True, tbl_hide_column_data_types=True):
            tables = [wide, self.costs, *([] if self.rules is None else [self.rules])]
            return "\n".join([*map(str, tables), *self.sentences])

    def _repr_html_(self) -> str:
        return for_notebook(self)

    def to_dict(self) -> dict[str, Any]:
        """Return the comparison as JSON values."""
        models: dict[str, Any] = {}
        for costs in self.costs.to_dicts():
            name = costs.pop("model")
            one, differences = self.measured[name], self.differences.filter(model=name).drop("model").to_dicts()
            models[name] = {
                **costs,
                "metrics": one.evaluation.to_dict(),
                "lists": dict(one.evaluation.lists.iter_rows()),
                "differences": {row.pop("metric"): row for row in differences},
                **({} if one.curve is None else {"epochs": one.curve.to_dicts()}),
                **({} if one.candidates is None else {"candidates": one.candidates.to_dicts()}),
                **({} if self.rules is None else {"rules": self.rules.filter(model=name).drop("model").to_dicts()}),
            }
        return {"metric": self.metric, "reference": self.reference, "advice": list(self.advice), "models": models}

    def page(self, title: str = "Comparison") -> Page:
        """Return the comparison as a page of charts and tables."""
        return page(self, title)

    def save(self, path: Path | str, title: str = "Comparison") -> None:
        """Write the page as one HTML file that can be read offline; an existing file is replaced at the end.

        Parameters
        ----------
        path : Path or str
            The file.
        title : str
            The page's title; "Comparison" by default.

        Raises
        ------
        ReportError
            If plotly is not installed, or the file can't be written.
        """
        self.page(title).save(path)
