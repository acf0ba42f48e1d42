"""How models are stored and loaded."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy.typing as npt

from gingham import store
from gingham.checked import Contents, require
from gingham.errors import ArtifactError, GinghamError, MissingExtraError, NotFittedError
from gingham.forks import require_threads
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

    def __sklearn_is_fitted__(self) -> bool:
        """Return whether the model is fitted; scikit-learn asks for it."""
        return self._training_data is not None

    @abstractmethod
    def _learned(self) -> tuple[dict[str, Any], dict[str, npt.NDArray[Any]]]:
        """Return what the fit computed, for storing: JSON values and arrays."""

    @abstractmethod
    def _relearn(self, state: Mapping[str, Any], arrays: Mapping[str, npt.NDArray[Any]]) -> None:
        """Restore what `_learned` returned; `training_data_` is restored already.

        Artifacts may come from anywhere: check everything that is used as an index or a length, and every rule that
        the values follow; `gingham.checked` has functions for that. A value that is not read is an error.
        """

    def artifact(self) -> store.Artifact:
        """Return everything that `save` stores.

        Raises
        ------
        NotFittedError
            If the model is not fitted.
        """
        require_threads("Saving a model")
        data_state, data_arrays, tables = self.training_data_.stored()
        state, arrays = self._learned()
        return store.Artifact(
            type(self).__name__, self._stored_params(), state | data_state, arrays | data_arrays, tables
        )

    def _stored_params(self) -> dict[str, Any]:
        # A random generator cannot be stored as JSON and becomes None.
        return {name: to_json(value) for name, value in self.get_params().items()}

    def save(self, path: Path | str) -> None:
        """Store the model as a folder; an existing artifact is replaced when the new one is complete.

        Raises
        ------
        NotFittedError, ParameterError, ArtifactError
            If the model is not fitted, a parameter was set to a value that is not allowed, or `path` is not an artifact
            or cannot be written.

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
        artifact = self.artifact()
        self.validate()
        store.write(path, artifact)

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
        with invalid_artifact(path):
            tracked = stored.tracked()
            model = model_class.unfitted(tracked.params)
            model._restore(tracked)
            tracked.require_all_read()
        return model

    @classmethod
    def restored(
        cls, kind: Any, params: Any, state: Any, arrays: Mapping[str, npt.NDArray[Any]], data: TrainingData
    ) -> Self:
        """Build a fitted model that is a part of another one, and shares its training data.

        Raises
        ------
        DataError, ParameterError
            If a value is missing, unknown or not allowed.
        """
        model_class = cls.classes_by_name.get(kind) if isinstance(kind, str) else None
        if model_class is None or not issubclass(model_class, cls):
            raise ArtifactError(
                f"The artifact needs a model of kind {kind!r}, which is not defined here; import the module that "
                "defines it, then load again."
            )
        require(isinstance(state, Mapping), f"the values of a {kind} are {state!r}")
        model, values = model_class.unfitted(params), Contents("value", state)
        model._training_data = data
        model._relearn(values, arrays)
        values.require_all_read()
        return model

    def _restore(self, stored: store.Artifact) -> None:
        self._training_data = TrainingData.restored(stored)
        self._relearn(stored.state, stored.arrays)


@contextmanager
def invalid_artifact(path: Path | str) -> Iterator[None]:
    """Raise whatever goes wrong while an artifact is interpreted as an `ArtifactError`.

    A model from outside the package may read values without a check, so errors of all kinds come from invalid ones.
    """
    try:
        yield
    except (ArtifactError, MissingExtraError):
        raise
    except (GinghamError, LookupError, TypeError, ValueError, AttributeError, ArithmeticError, RuntimeError) as error:
        reason = str(error) if isinstance(error, GinghamError) else repr(error)
        raise _invalid(path, reason) from error
    except (AssertionError, MemoryError) as error:
        raise _invalid(path, repr(error)) from error


def _invalid(path: Path | str, reason: str) -> ArtifactError:
    return ArtifactError(f"The artifact {path} is invalid: {reason.rstrip('.')}; restore it, or fit and save again.")
