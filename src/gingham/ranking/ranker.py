"""The contract of rankers, which order each user's candidates, and the rankers by their names in recipes."""

import difflib
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy.typing as npt

from gingham.arrays import Floats
from gingham.errors import ArtifactError, ConfigError, GinghamError
from gingham.models.parametrized import Parametrized, to_json
from gingham.models.registry import check_names
from gingham.ranking.candidates import check_table
from gingham.ranking.examples import Examples
from gingham.validation import error_prefix

# The kind of a ranker where a recipe or an artifact names none.
DEFAULT_KIND = "lightgbm"


@dataclass(frozen=True)
class StoredRanker:
    """A fitted ranker as an artifact stores it.

    Attributes
    ----------
    values : mapping of str to value
        JSON values; none by default.
    text : str or None
        The content of the artifact's file ``ranker.txt``; no such file by default.
    arrays : mapping of str to array
        Arrays by name; none by default.
    """

    values: Mapping[str, Any] = field(default_factory=dict)
    text: str | None = None
    arrays: Mapping[str, npt.NDArray[Any]] = field(default_factory=dict)


class FittedRanker(ABC):
    """A fitted ranker, which scores candidates by their features.

    Attributes
    ----------
    n_features : int
        The number of features.
    floor : float
        A number below every score that the ranker can return. Items that are not candidates rank below it.
    """

    n_features: int
    floor: float

    @abstractmethod
    def score(self, features: Floats) -> Floats:
        """Score candidates; within a user, the highest score comes first.

        Parameters
        ----------
        features : float32 array, shape (n, n_features)
            NaN where a feature has no value.

        Returns
        -------
        float32 array, shape (n,)
        """

    @abstractmethod
    def contributions(self, features: Floats) -> Floats:
        """Return how much each feature contributes to each score.

        Parameters
        ----------
        features : float32 array, shape (n, n_features)
            As for `score`.

        Returns
        -------
        float32 array, shape (n, n_features + 1)
            Rows add up to the scores. The last column is the base score, from which all candidates start.
        """

    @abstractmethod
    def store(self) -> StoredRanker:
        """Return everything that `Ranker.restore` needs to build this object again."""


class Ranker(Parametrized, ABC):
    """Base class of rankers: parameters, and a `fit` that returns a `FittedRanker`.

    The constructor only stores the parameters. A new ranker is a subclass with a `kind`, `fit` and `restore`, and a
    subclass of `FittedRanker`; nothing else has to know it.

    Attributes
    ----------
    kind : str
        The ranker's name in recipes; a class that sets it is registered.
    constraints : mapping of str to callable
        The check of each parameter, which `validate` runs.
    """

    kind: ClassVar[str]
    classes_by_kind: ClassVar[dict[str, type["Ranker"]]] = {}

    @property
    def can_be_blended(self) -> bool:
        """Whether `TwoStage` may add the score of a candidate model to the scores; True by default."""
        return True

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        if "kind" in vars(cls):
            cls.classes_by_kind[cls.kind] = cls

    def validate(self, score_names: Sequence[str] | None = None) -> None:  # noqa: ARG002
        """Check the parameters; `TwoStage.fit` does this first.

        Parameters
        ----------
        score_names : sequence of str, optional
            The names of the features that are the candidate models' scores, for parameters that refer to one; by
            default such parameters are not compared with them.

        Raises
        ------
        ParameterError
            If a value is not allowed.
        """
        super().validate()

    def import_libraries(self) -> None:
        """Import optional libraries that `fit` needs, so that a missing one is reported before models are fitted.

        Raises
        ------
        MissingExtraError
            If one is not installed.
        """

    @abstractmethod
    def fit(
        self, periods: Sequence[Examples], feature_names: Sequence[str], seed: int, num_threads: int
    ) -> FittedRanker:
        """Fit the ranker to the candidates of past periods.

        Parameters
        ----------
        periods : sequence of Examples
            At least one; the earliest first. In each, every user bought at least one candidate, but not all.
        feature_names : sequence of str
            The names of the features, in the order of their columns.
        seed : int
            The seed of every random choice.
        num_threads : int
            The number of threads, at least 1. The result must not depend on it.
        """

    @classmethod
    @abstractmethod
    def restore(cls, stored: StoredRanker) -> FittedRanker:
        """Build a fitted ranker from what its `store` returned.

        Artifacts may come from anywhere: check everything that is used as an index or a length.

        Raises
        ------
        ArtifactError
            If it is invalid. A KeyError, TypeError, ValueError or IndexError becomes one.
        """

    def to_json(self) -> dict[str, Any]:
        """Return the kind and the parameters as JSON values."""
        return {"kind": self.kind, **{name: to_json(value) for name, value in self.get_params().items()}}


def build_ranker(params: Any, section: str) -> Ranker:
    """Build a ranker from a section of a recipe, and check its parameters.

    Parameters
    ----------
    params : mapping of str to value
        The table: the ranker's parameters, and optionally its ``kind``; "lightgbm" by default.
    section : str
        The name of the section, for error messages.

    Raises
    ------
    ConfigError
        If there is no such ranker or parameter.
    ParameterError
        If the value of a parameter is not allowed.
    """
    ranker_params = check_table(params, section)
    kind = ranker_params.pop("kind", DEFAULT_KIND)
    classes = Ranker.classes_by_kind
    if not isinstance(kind, str) or kind not in classes:
        near = difflib.get_close_matches(str(kind), classes, n=1)
        hint = f"did you mean {near[0]!r}" if near else f"use one of {', '.join(map(repr, classes))}"
        raise ConfigError(f"Section [{section}] has kind = {kind!r}, which is not a ranker; {hint}.")
    check_names(ranker_params, classes[kind].param_names(), section, kind)
    ranker = classes[kind](**ranker_params)
    with error_prefix(f"Section [{section}]"):
        ranker.validate()
    return ranker


def ranker_of_json(stored: Any) -> Ranker:
    """Build the unfitted ranker that `Ranker.to_json` described.

    Raises
    ------
    ArtifactError
        If the kind is unknown or the parameters are not those of the ranker.
    """
    if not isinstance(stored, Mapping):
        raise ArtifactError(f"The stored ranker is invalid: it is {stored!r}; fit and save again.")
    params = dict(stored)
    ranker = _stored_class(params.pop("kind", DEFAULT_KIND))
    try:
        return ranker.unfitted(params)
    except GinghamError as error:
        raise ArtifactError(f"The stored {ranker.kind!r} ranker is invalid: {error}; fit and save again.") from error


def restore_ranker(kind: Any, stored: StoredRanker) -> FittedRanker:
    """Build a fitted ranker of a kind from its stored form.

    Raises
    ------
    ArtifactError
        If the kind is unknown or the stored form is invalid.
    """
    ranker = _stored_class(kind)
    try:
        return ranker.restore(stored)
    except ArtifactError:
        raise
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise ArtifactError(f"The stored {kind!r} ranker is invalid: {error!r}; fit and save again.") from error


def _stored_class(kind: Any) -> type[Ranker]:
    if not isinstance(kind, str) or kind not in Ranker.classes_by_kind:
        raise ArtifactError(
            f"The artifact needs a ranker of kind {kind!r}, which is not defined here; import the module that defines "
            "it, then load again."
        )
    return Ranker.classes_by_kind[kind]
