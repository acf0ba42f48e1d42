"""Early stopping: training ends when a validation set says that it no longer helps."""

from typing import TYPE_CHECKING

import numpy as np

from gingham.errors import DataError
from gingham.metrics import compute, named, rank_test
from gingham.models.base import Recommender
from gingham.models.training_data import Data
from gingham.validation import check_integer

if TYPE_CHECKING:
    from gingham.models.epochs import Epoch


class EarlyStopping:
    """Ends training when a metric on validation data has not improved for some epochs; the best epoch's model is kept.

    Parameters
    ----------
    validation : Dataset or sparse matrix, shape (n_users, n_items)
        What to recommend; never the test data.
    metric : str
        Which metric to look at, such as "ndcg@12" (default) or "auc"; greater is better.
    patience : int
        How many epochs without improvement end training; 3 by default.
    filter_seen : bool
        Whether items of the training data are no candidates; False by default.
    num_threads : int
        0 (default) for all cores.

    Attributes
    ----------
    best_epoch : int
        The number of the best epoch so far; 0 before the first.
    best_value : float
        Its metric.
    """

    def __init__(
        self,
        validation: Data,
        metric: str = "ndcg@12",
        patience: int = 3,
        filter_seen: bool = False,
        num_threads: int = 0,
    ) -> None:
        self.validation = validation
        self.metric = metric
        self.patience = patience
        self.filter_seen = filter_seen
        self.num_threads = num_threads
        self.best_epoch, self.best_value = 0, -np.inf

    def start(self) -> None:
        """Forget what was measured; called when training begins.

        Raises
        ------
        ParameterError
            If there is no such metric, or `patience` is no whole number from 1 on.
        """
        named(self.metric)
        check_integer("patience", self.patience, 1)
        self.best_epoch, self.best_value = 0, -np.inf

    def improved(self, model: Recommender, epoch: "Epoch") -> bool:
        """Measure the model after an epoch, note it among the epoch's metrics, and tell whether it is the best so far.

        Raises
        ------
        DataError
            If the validation data is empty or of another shape.
        """
        ranks, _ = rank_test(model, self.validation, 0, self.filter_seen, self.num_threads)
        values = compute(self.metric, ranks)
        if not np.isfinite(values).any():
            raise DataError(
                "The validation data has nothing to measure: no interactions, or all of them are filtered; give some."
            )
        value = float(np.nanmean(values))
        epoch.metrics[self.metric] = value
        if value <= self.best_value:
            return False
        self.best_epoch, self.best_value = epoch.epoch, value
        return True

    def exhausted(self, epoch: "Epoch") -> bool:
        """Tell whether patience is."""
        return epoch.epoch - self.best_epoch >= self.patience
