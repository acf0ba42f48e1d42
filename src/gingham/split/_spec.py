"""The section ``[split]`` of a recipe."""

from datetime import date, timedelta
from typing import Annotated, Any, Literal, Self

import numpy as np
from pydantic import Field, SkipValidation, model_validator

from gingham.dataset import Dataset
from gingham.duration import duration
from gingham.errors import ParameterError
from gingham.section import Integer, Section
from gingham.split._parts import Split
from gingham.split._random import By, check_share, random
from gingham.split._time import by_time, last_n, parse_test
from gingham.validation import check_integer


class SplitSpec(Section):
    """How to split: the section ``[split]`` of a recipe.

    Attributes
    ----------
    kind : {"time", "random", "last-n"}
        The function: `by_time` (default), `random` or `last_n`.
    test : str, date, float or int
        The size of the test part, as that function takes it; by default the default of the function.
    by : {"pair", "user"}
        What a random split draws; "pair" by default.
    random_state : int
        The seed of a random split; 42 by default, so that a recipe gives the same split at every run.

    Examples
    --------
    >>> import gingham as gg
    >>> spec = gg.split.SplitSpec(kind="last-n", test=2)
    >>> train, test = spec.apply(gg.synth.sample_dataset())
    >>> len(test.interactions)
    100
    """

    kind: Literal["time", "random", "last-n"] = "time"
    test: Annotated[date | str | float | int | None, SkipValidation] = None
    by: By = "pair"
    random_state: Integer = Field(default=42, ge=0)

    @model_validator(mode="after")
    def _fits_kind(self) -> Self:
        if self.by != "pair" and self.kind != "random":
            raise ValueError(f"by = {self.by!r} is for kind = 'random'; leave it out with kind = {self.kind!r}")
        if self.test is None:
            return self
        if self.kind == "time":
            parse_test(self.test)
        elif self.kind == "random":
            check_share("test", self.test)
        else:
            check_integer("test", self.test)
        return self

    def for_validation(self, test: Dataset | None) -> "SplitSpec":
        """Return how to split a validation part off the train part: as the test part was split off.

        Parameters
        ----------
        test : Dataset or None
            The test part. If it starts on a date, the validation part has as many days.
        """
        times = None if test is None else test.interactions.timestamp
        if self.kind != "time" or times is None or self.test is None:
            return self
        try:
            duration(str(self.test))
        except ParameterError:
            days = (times.max() - times.min()) // np.timedelta64(timedelta(days=1)) + 1
            return SplitSpec(kind="time", test=f"{days}d")
        return self

    def apply(self, dataset: Dataset) -> Split[Dataset]:
        """Split a dataset.

        Raises
        ------
        DataError
            If the dataset has no timestamps and needs them, or one part is empty.
        """
        # Each function has its own default of `test`.
        test: dict[str, Any] = {} if self.test is None else {"test": self.test}
        if self.kind == "time":
            return by_time(dataset, **test)
        if self.kind == "random":
            return random(dataset, **test, random_state=self.random_state, by=self.by)
        return last_n(dataset, *test.values())
