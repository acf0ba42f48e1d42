"""Train and test parts of a dataset or a matrix."""

from gingham.split._parts import Split
from gingham.split._random import k_fold, random
from gingham.split._spec import SplitSpec
from gingham.split._time import by_time, last_n, rolling

__all__ = ["Split", "SplitSpec", "by_time", "k_fold", "last_n", "random", "rolling"]
