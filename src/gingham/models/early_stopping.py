"""Early stopping: training ends when a metric on validation data no longer improves."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from pydantic import ValidationError

from gingham.arrays import check_matrix
from gingham.dataset import Dataset
from gingham.errors import ConfigError, DataError, ParameterError
from gingham.metrics import compute, named, rank_test
from gingham.models.base import Recommender
from gingham.models.registry import check_names
from gingham.models.training_data import Data
from gingham.section import sentences
from gingham.split import Split, SplitSpec
from gingham.validation import check_bool, check_integer, shown

if TYPE_CHECKING:
    from gingham.models.epochs import Epoch

_NAMES = ("metric", "patience", "validation", "filter_seen")


@dataclass(frozen=True, eq=False)
class EarlyStopping:
    """How many epochs a model is trained: until a metric on validation data has not improved for some epochs.

    Parameters
    ----------
    metric : str
        The metric to maximise, such as "map@12" (default) or "auc".
    patience : int
        The number of epochs without improvement after which training ends; 3 by default.
    validation : Dataset, sparse matrix of shape (n_users, n_items), SplitSpec or None
        The data on which the metric is computed; never the test data. The model of the best epoch is kept. A
        `SplitSpec` (None, the default, is that of the last 7 days) splits the validation data off the training data
        instead: the best number of epochs is found on that split, and the model is then fitted to all training data
        for this number of epochs.
    filter_seen : bool
        Whether items of the training data are left out of the ranking; False by default.

    Examples
    --------
    >>> import gingham as gg
    >>> train, test = gg.split.by_time(gg.synth.sample_dataset(), test="7d")
    >>> stopping = gg.EarlyStopping("map@5", patience=2)
    >>> model = gg.ALS(8, epochs=50, early_stopping=stopping, random_state=0).fit(train)
    >>> model.best_epoch_ == len(model.history_) < 50
    True
    """

    metric: str = "map@12"
    patience: int = 3
    validation: Data | SplitSpec | None = None
    filter_seen: bool = False

    def validate(self) -> None:
        """Check the parameters.

        Raises
        ------
        ParameterError
            If there is no such metric, or another value is not allowed.
        """
        named(self.metric)
        if not (self.validation is None or isinstance(self.validation, Dataset | SplitSpec)):
            check_matrix("early_stopping.validation", self.validation)
        check_integer("early_stopping.patience", self.patience)
        check_bool("early_stopping.filter_seen", self.filter_seen)

    @property
    def splits_training_data(self) -> bool:
        """Whether the validation data are split off the training data."""
        return self.validation is None or isinstance(self.validation, SplitSpec)

    def split(self, data: Data, positives_only: bool = True) -> Split[Dataset]:
        """Split validation data off training data, or off their positives.

        Raises
        ------
        ParameterError
            If the training data are a matrix, which no `SplitSpec` can split.
        DataError
            If the data cannot be split in this way.
        """
        if not isinstance(data, Dataset):
            raise ParameterError(
                "early_stopping.validation must be a matrix when the model is fitted to a matrix; split it with "
                "gingham.split.random, for example."
            )
        spec = self.validation if isinstance(self.validation, SplitSpec) else SplitSpec()
        return spec.apply(data.positives() if positives_only else data)

    def with_validation(self, validation: Data) -> "EarlyStopping":
        """Return the same early stopping on other validation data."""
        return replace(self, validation=validation)

    def __sklearn_clone__(self) -> "EarlyStopping":
        return self  # it never changes, and its validation data may be large

    @classmethod
    def from_recipe(cls, keys: Any, section: str) -> "EarlyStopping":
        """Build it from the keys of a recipe's section.

        Raises
        ------
        ConfigError, ParameterError
            If a key is unknown, or a value is not allowed.
        """
        if not isinstance(keys, Mapping):
            raise ConfigError(f"{section} must be a table such as {{ patience = 3 }}, not {shown(keys)}.")
        check_names(keys, _NAMES, section, "early stopping")
        params = dict(keys)
        if "validation" in params:
            try:
                params["validation"] = SplitSpec.model_validate(params["validation"])
            except ValidationError as error:
                message = sentences(error, SplitSpec, params["validation"], f"Section [{section}]", ("validation",))
                raise ConfigError(message) from None
        return cls(**params)

    def to_json(self) -> dict[str, Any]:
        """Return the parameters as JSON values; None for validation data."""
        spec = self.validation.model_dump(mode="json") if isinstance(self.validation, SplitSpec) else None
        return {
            "metric": self.metric,
            "patience": int(self.patience),
            "validation": spec,
            "filter_seen": self.filter_seen,
        }


class Monitor:
    """Follows the metric of an `EarlyStopping` from epoch to epoch.

    Parameters
    ----------
    stopping : EarlyStopping
        With validation data.
    num_threads : int
        The number of threads that compute the metric; 0 (default) for all cores.

    Attributes
    ----------
    best_epoch : int
        The number of the best epoch so far; 0 before the first.
    best_value : float
        Its metric.
    """

    def __init__(self, stopping: EarlyStopping, num_threads: int = 0) -> None:
        assert stopping.validation is not None
        assert not isinstance(stopping.validation, SplitSpec)
        self._stopping, self._validation, self._num_threads = stopping, stopping.validation, num_threads
        self.best_epoch, self.best_value = 0, -np.inf

    def improved(self, model: Recommender, epoch: "Epoch") -> bool:
        """Compute the metric after an epoch, store it in the epoch's metrics, and return whether it is the best so far.

        Raises
        ------
        DataError
            If the validation data have the wrong shape, or the metric is undefined for all users.
        """
        stopping = self._stopping
        ranks, _ = rank_test(model, self._validation, 0, stopping.filter_seen, self._num_threads)
        values = compute(stopping.metric, ranks)
        if not np.isfinite(values).any():
            raise DataError(
                "The validation data have no interactions to measure, or all of them are filtered; use other "
                "validation data."
            )
        value = float(np.nanmean(values))
        epoch.metrics[stopping.metric] = value
        if value <= self.best_value:
            return False
        self.best_epoch, self.best_value = epoch.epoch, value
        return True

    def exhausted(self, epoch: "Epoch") -> bool:
        """Return whether the metric has stopped improving for `patience` epochs."""
        return epoch.epoch - self.best_epoch >= self._stopping.patience
