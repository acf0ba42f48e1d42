"""Parameters by name: what scikit-learn asks of an estimator, and one place for their checks."""

import inspect
from collections.abc import Mapping
from typing import Any, ClassVar, Self

import numpy as np

from gingham.errors import ParameterError
from gingham.validation import Check


class Parametrized:
    """An object whose constructor only stores its parameters.

    Attributes
    ----------
    constraints : mapping of str to callable
        The check of each parameter that `validate` runs; a class attribute.
    """

    constraints: ClassVar[Mapping[str, Check]] = {}

    @classmethod
    def param_names(cls) -> list[str]:
        """Return the names of the constructor's parameters."""
        return [name for name in inspect.signature(cls.__init__).parameters if name != "self"]

    def get_params(self, deep: bool = True) -> dict[str, Any]:  # noqa: ARG002
        """Return the parameters by name; `deep` exists for scikit-learn and has no effect."""
        return {name: getattr(self, name) for name in self.param_names()}

    def set_params(self, **params: Any) -> Self:
        """Set parameters by name; they are used by the next `fit` or `fold_in`.

        Raises
        ------
        ParameterError
            If there is no such parameter.
        """
        names = self.param_names()
        for name, value in params.items():
            if name not in names:
                raise ParameterError(f"{type(self).__name__} has no parameter {name!r}; it has {', '.join(names)}.")
            setattr(self, name, value)
        return self

    def copy(self, **params: Any) -> Self:
        """Return an unfitted copy with the same parameters, except for those passed."""
        return type(self)(**{**self.get_params(), **params})

    def validate(self) -> None:
        """Check the parameters; `fit` calls this first.

        Raises
        ------
        ParameterError
            If a value is not allowed.
        """
        for name, check in self.constraints.items():
            check(name, getattr(self, name))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{name}={value!r}' for name, value in self.get_params().items())})"


def to_json(value: Any) -> Any:
    """Return a parameter as a JSON value: NumPy's numbers as Python's, None for anything JSON cannot hold."""
    value = value.item() if isinstance(value, np.generic) else value
    return value if isinstance(value, bool | int | float | str | None) else None
