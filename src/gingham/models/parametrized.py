"""Parameters by name: what scikit-learn asks of an estimator, and one place for their checks."""

import inspect
from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any, ClassVar, Self

import numpy as np

from gingham.checked import require
from gingham.errors import ParameterError
from gingham.validation import Check

_VARIADIC = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)


class Parametrized:
    """An object whose constructor only stores its parameters.

    Attributes
    ----------
    constraints : mapping of str to callable
        The check of each parameter that `validate` runs; a class attribute.
    """

    constraints: ClassVar[Mapping[str, Check]] = {}
    # Parameters that artifacts of version 0.1 do not have.
    _added_params: ClassVar[frozenset[str]] = frozenset()

    @classmethod
    def param_names(cls) -> list[str]:
        """Return the names of the constructor's parameters.

        A constructor with ``**kwargs`` passes these on, so its parameters include those of the next class.
        """
        names: dict[str, None] = {}
        for owner in cls.__mro__:
            if "__init__" in vars(owner):
                _, *parameters = inspect.signature(vars(owner)["__init__"]).parameters.values()
                names |= dict.fromkeys(part.name for part in parameters if part.kind not in _VARIADIC)
                if all(part.kind != inspect.Parameter.VAR_KEYWORD for part in parameters):
                    break
        return list(names)

    def get_params(self, deep: bool = True) -> dict[str, Any]:  # noqa: ARG002
        """Return the parameters by name; `deep` exists for scikit-learn and has no effect."""
        return {name: getattr(self, name) for name in self.param_names()}

    def set_params(self, **params: Any) -> Self:
        """Set parameters by name; they are used by the next `fit` or `fold_in`.

        As in scikit-learn, ``ranker__num_leaves`` is the parameter ``num_leaves`` of the parameter ``ranker``.

        Raises
        ------
        ParameterError
            If there is no such parameter.
        """
        names = self.param_names()
        for name, value in params.items():
            own, _, rest = name.partition("__")
            owner: Any = getattr(self, own) if rest and own in names else None
            if hasattr(owner, "set_params"):
                owner.set_params(**{rest: value})
                continue
            if name not in names:
                near = get_close_matches(name, names, n=1)
                hint = f"did you mean {near[0]!r}" if near else f"it has {', '.join(names)}"
                raise ParameterError(f"{type(self).__name__} has no parameter {name!r}; {hint}.")
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

    def __sklearn_tags__(self) -> Any:
        """Return what scikit-learn asks of an estimator before a search or a validation, from version 1.6 on."""
        # Imported here because only scikit-learn calls this.
        from sklearn.utils import InputTags, Tags, TargetTags  # type: ignore[import-untyped]

        inputs = InputTags(two_d_array=False, sparse=True)
        return Tags(estimator_type=None, target_tags=TargetTags(required=False), input_tags=inputs)

    @classmethod
    def unfitted(cls, params: Any) -> Self:
        """Build an object from its parameters as an artifact stores them, and check them.

        Parameters that an artifact of version 0.1 does not have keep their defaults.

        Raises
        ------
        DataError, ParameterError
            If a parameter is missing or unknown, or has a value that is not allowed.
        """
        require(isinstance(params, Mapping), f"the parameters of a {cls.__name__} are {params!r}")
        names = cls.param_names()
        for name in names:
            require(name in params or name in cls._added_params, f"the parameter {name!r} is missing")
        for name in params:
            require(name in names, f"{cls.__name__} has no parameter {name!r}")
        built = cls(**cls._restored_params(params))
        built.validate()
        return built

    @classmethod
    def _restored_params(cls, stored: Mapping[str, Any]) -> dict[str, Any]:
        """Return the constructor's arguments from the parameters that an artifact stores."""
        return dict(stored)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{name}={value!r}' for name, value in self.get_params().items())})"


def to_json(value: Any) -> Any:
    """Return a parameter as a JSON value: NumPy's numbers as Python's, None for anything JSON cannot hold."""
    value = value.item() if isinstance(value, np.generic) else value
    return value if isinstance(value, bool | int | float | str | None) else None
