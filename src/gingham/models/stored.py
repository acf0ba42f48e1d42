"""How models are stored and loaded."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy.typing as npt

from gingham import store
from gingham.errors import ArtifactError, NotFittedError
from gingham.models.parametrized import Parametrized, to_json
from gingham.models.training_data import TrainingData


class StoredModel(Parametrized, ABC):
    """A model that is stored as an artifact: its parameters, its training data, and what the fit computed.

    Attributes
    ----------
    training_data_ : TrainingData
        The data of the last fit.
    """

    classes_by_name: ClassVar[dict[str, type[Any]]] = {}

    _training_data: TrainingData | None = None

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        if "kind" in vars(cls):
            cls.classes_by_name[cls.__name__] = cls

    @property
    def training_data_(self) -> TrainingData:
        """The users, items and interactions of the last fit.

        Raises
        ------
        NotFittedError
            If the model is not fitted.
        """
        if self._training_data is None:
            raise NotFittedError(f"This {type(self).__name__} is not fitted yet; call fit first.")
        return self._training_data

    @abstractmethod
    def _learned(self) -> tuple[dict[str, Any], dict[str, npt.NDArray[Any]]]:
        """Return what the fit computed, for storing: JSON values and arrays."""

    @abstractmethod
    def _relearn(self, state: dict[str, Any], arrays: dict[str, npt.NDArray[Any]]) -> None:
        """Restore what `_learned` returned; `training_data_` is restored already."""

    def artifact(self) -> store.Artifact:
        """Return everything that `save` stores.

        Raises
        ------
        NotFittedError
            If the model is not fitted.
        """
        data_state, data_arrays, tables = self.training_data_.stored()
        state, arrays = self._learned()
        return store.Artifact(
            type(self).__name__, self._stored_params(), state | data_state, arrays | data_arrays, tables
        )

    def _stored_params(self) -> dict[str, Any]:
        # A random generator cannot be stored as JSON and becomes None.
        return {name: to_json(value) for name, value in self.get_params().items()}

    @classmethod
    def _restored_params(cls, stored: Mapping[str, Any]) -> dict[str, Any]:
        """Return the constructor's arguments from what `_stored_params` returned."""
        return dict(stored)

    def save(self, path: Path | str) -> None:
        """Store the model as a folder; an existing artifact is replaced when the new one is complete.

        Raises
        ------
        NotFittedError, ArtifactError
            If the model is not fitted, or `path` is not an artifact or cannot be written.

        Examples
        --------
        >>> import tempfile
        >>> from pathlib import Path
        >>> import gingham as gg
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     gg.Popularity().fit(gg.synth.sample_dataset()).save(Path(folder) / "model")
        ...     gg.load(Path(folder) / "model")
        Popularity(window='7d', half_life=None, by=None)
        """
        store.write(path, self.artifact())

    @classmethod
    def load(cls, path: Path | str) -> Self:
        """Load a model that `save` stored.

        Raises
        ------
        ArtifactError
            If there is no artifact at `path`, it is damaged or has a newer format, or it holds another kind of model.
        """
        stored = store.read(path)
        model_class = cls.classes_by_name.get(stored.kind)
        if model_class is None:
            raise ArtifactError(
                f"The artifact {path} holds a {stored.kind}, which is not a model of this version; import the module "
                "that defines it, or upgrade gingham."
            )
        if not issubclass(model_class, cls):
            raise ArtifactError(f"The artifact {path} holds a {stored.kind}, not a {cls.__name__}; use gingham.load.")
        model = model_class(**model_class._restored_params(stored.params))
        model._restore(stored)
        return model

    def _restore(self, stored: store.Artifact) -> None:
        self._training_data = TrainingData.restored(stored)
        self._relearn(dict(stored.state), dict(stored.arrays))
