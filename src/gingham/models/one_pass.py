"""The fit that models without epochs share."""

from abc import abstractmethod
from collections.abc import Iterable
from typing import ClassVar, Self

from gingham.arrays import Indices
from gingham.models.base import Callback, Recommender
from gingham.models.living import Guarantee
from gingham.models.training_data import Data, TrainingData
from gingham.validation import check_fit_arguments


class OnePassModel(Recommender):
    """Base class of models that are fitted in one pass over the data: by counts, or in closed form."""

    guarantee: ClassVar[Guarantee] = "exact"

    def fit(
        self,
        interactions: Data,
        y: None = None,
        *,
        num_threads: int = 0,
        callbacks: Iterable[Callback] = (),
        verbose: bool = True,
    ) -> Self:
        """Fit the model to a dataset or a matrix, and discard an earlier fit.

        An interaction with a value above zero is a positive; others are ignored. Values of the same user and item are
        summed first. If an error is raised, the model keeps its earlier fit.

        Parameters
        ----------
        interactions : Dataset or sparse matrix, shape (n_users, n_items)
            The training data. A matrix, or a dataset without timestamps, has no ages: windows and half-lives have no
            effect on it.
        y : None
            For scikit-learn, which passes it; models have no target. The other arguments are passed by name.
        num_threads : int
            The number of threads for models that use several; 0 (default) for all cores. The result does not depend on
            it.
        callbacks, verbose
            Accepted because the signature is the same for every model. A model without epochs does not use them.

        Returns
        -------
        Self
            The model.

        Raises
        ------
        ParameterError
            If a parameter or `num_threads` is out of range.
        DataError
            If the data hold a value that is not finite.
        MissingExtraError
            If the model needs a package that is not installed.
        """
        self.validate()
        n_threads, _ = check_fit_arguments(num_threads, callbacks, verbose, y)
        training_data = TrainingData.of(interactions)
        self._fit(training_data, training_data.positives(interactions), n_threads)
        self._training_data = training_data
        return self

    def _refresh(self, before: TrainingData, after: TrainingData, changed: Indices, n_threads: int) -> None:  # noqa: ARG002
        self._fit(after, after.positives(after.log()), n_threads)
        self._training_data = after

    @abstractmethod
    def _fit(self, training_data: TrainingData, interactions: Data, n_threads: int) -> None:
        """Fit the model; set attributes only when nothing can fail any more.

        Parameters
        ----------
        training_data : TrainingData
            The data as the model keeps them.
        interactions : Dataset or sparse matrix
            The positives of what was passed to `fit`.
        n_threads : int
            At least 1.
        """
