"""The second stage: LightGBM orders each user's candidates."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from gingham.arrays import Floats
from gingham.errors import ParameterError
from gingham.extras import extra
from gingham.ranking.examples import Examples
from gingham.validation import check_integer, check_number

if TYPE_CHECKING:
    import lightgbm

# What is added to an offset's feature before its logarithm is taken, so that what scores nothing stays within reach.
_LEAST = np.float32(0.05)
# LightGBM's trees have no more leaves.
_LEAVES = 131_072
# LightGBM's threads add up the metric in the order in which they end: less than this is no improvement but rounding.
_BETTER = 1e-7
_OBJECTIVES = ("lambdarank", "rank_xendcg", "binary")


@dataclass(frozen=True)
class LightGBMRanker:
    """Gradient-boosted trees that learn the order of each user's candidates.

    Attributes
    ----------
    objective : {"lambdarank", "rank_xendcg", "binary"}
        What is learned: the order, by LambdaMART (the default) or by the cross-entropy of NDCG; or whether each
        candidate is bought, by the log loss, which often is the better where periods have few users.
    n_estimators : int
        How many trees at most; 400 by default.
    learning_rate : float
        How much each tree counts; 0.05 by default.
    num_leaves : int
        How many leaves a tree has at most; 63 by default.
    min_child_samples : int
        How many pairs a leaf has at least; 100 by default.
    colsample_bytree : float
        Which share of the features each tree may use; 0.7 by default.
    reg_lambda : float
        L2 regularisation of the leaves' values; 1 by default.
    truncation_level : int
        How many of the first places have to be right; 20 by default.
    early_stopping_rounds : int
        The last training period says how many trees are enough, for those that had ended before it began: so many
        without improvement (30 by default) end the search. 0: all `n_estimators` are grown, which is wiser where no
        period is like the one before.
    offset : str or None
        The score of a model, called as `TwoStage.explain` does, such as "NextBasket_score": every pair begins at its
        logarithm, and trees learn what to add. To trees, a best seller without its like in training is one like its
        predecessors; by its logarithm it counts for what it is. The model's scores have to be zero or more, what is
        below counts as zero. None (default): every pair begins at the same score.
    trust : float
        How much of what the trees say is added to the offset, above 0 and at most 1 (default), which is all of it. Less
        is safer where the coming period may be unlike those that trees learned from. Without an offset it scales scores
        and changes no order.

    References
    ----------
    Ke et al., "LightGBM: A Highly Efficient Gradient Boosting Decision Tree", 2017;
    Burges, "From RankNet to LambdaRank to LambdaMART: An Overview", 2010;
    Bruch, "An Alternative Cross Entropy Loss for Learning-to-Rank", 2021.
    """

    objective: str = "lambdarank"
    n_estimators: int = 400
    learning_rate: float = 0.05
    num_leaves: int = 63
    min_child_samples: int = 100
    colsample_bytree: float = 0.7
    reg_lambda: float = 1.0
    truncation_level: int = 20
    early_stopping_rounds: int = 30
    offset: str | None = None
    trust: float = 1.0

    def validate(self) -> None:
        """Check the parameters; `TwoStage.fit` does so first.

        Raises
        ------
        ParameterError
            If one is out of its range.
        """
        if self.objective not in _OBJECTIVES:
            raise ParameterError(
                f"ranker.objective must be one of {', '.join(map(repr, _OBJECTIVES))}, not {self.objective!r}."
            )
        for name, least in {
            "n_estimators": 1,
            "min_child_samples": 1,
            "truncation_level": 1,
            "early_stopping_rounds": 0,
        }.items():
            check_integer(f"ranker.{name}", getattr(self, name), least)
        check_integer("ranker.num_leaves", self.num_leaves, 2, _LEAVES)
        check_number("ranker.learning_rate", self.learning_rate, above=0)
        check_number("ranker.colsample_bytree", self.colsample_bytree, above=0, most=1)
        check_number("ranker.reg_lambda", self.reg_lambda, least=0)
        check_number("ranker.trust", self.trust, above=0, most=1)

    def fit(self, periods: Sequence[Examples], names: Sequence[str], seed: int, num_threads: int) -> "Trees":
        """Learn from periods, the earliest first.

        The last one tells how many trees are enough for those that had ended by then, unless that is turned off; so
        many are then fitted to all of them. Where none had, all trees are grown.

        Parameters
        ----------
        periods : sequence of Examples
            At least one, each with candidates that were bought and others.
        names : sequence of str
            What the features are called.
        seed : int
            Of all that is drawn.
        num_threads : int
            At least 1.
        """
        lgb = lightgbm_module()
        place = None if self.offset is None else list(names).index(self.offset)
        params = {
            "objective": self.objective,
            "metric": "map",
            "eval_at": [12],
            "learning_rate": self.learning_rate,
            "num_leaves": self.num_leaves,
            "min_data_in_leaf": self.min_child_samples,
            "feature_fraction": self.colsample_bytree,
            "lambda_l2": self.reg_lambda,
            "lambdarank_truncation_level": self.truncation_level,
            "seed": seed,
            "num_threads": num_threads,
            "deterministic": True,
            "force_row_wise": True,
            "verbosity": -1,
        }

        def dataset(chosen: Sequence[Examples], reference: Any = None) -> Any:
            # Features are numbers to LightGBM, which refuses some of the names that columns have.
            start = None if place is None else np.concatenate([_started(part.features, place) for part in chosen])
            return lgb.Dataset(
                [part.features for part in chosen],
                np.concatenate([part.bought for part in chosen]).astype(np.int8),
                group=np.concatenate([part.sizes for part in chosen]),
                init_score=start,
                reference=reference,
            )

        n_trees = self.n_estimators
        ended = [part for part in periods if part.stop <= periods[-1].start]
        if ended and self.early_stopping_rounds:
            train = dataset(ended)
            stop = lgb.early_stopping(
                self.early_stopping_rounds, first_metric_only=True, verbose=False, min_delta=_BETTER
            )
            valid = dataset(periods[-1:], train)
            best = lgb.train(params, train, n_trees, valid_sets=[valid], callbacks=[stop]).best_iteration
            # It is not set where trees cannot be split any further.
            n_trees = best if best > 0 else n_trees
        return Trees(lgb.train(params, dataset(periods), n_trees), place, float(self.trust))


class Trees:
    """What a ranker has learned.

    Parameters
    ----------
    booster : lightgbm.Booster
        The trees.
    offset : int or None
        Which feature it is at whose logarithm pairs begin.
    trust : float
        How much of what the trees say counts.
    """

    def __init__(self, booster: "lightgbm.Booster", offset: int | None, trust: float) -> None:
        self._booster, self._offset, self._trust = booster, offset, np.float32(trust)
        # Nothing can score as low as this.
        least = float(self._trust) * booster.lower_bound()
        self.floor = float(least) - 1 + (0 if offset is None else float(np.log(_LEAST)))

    def stored(self) -> tuple[str, dict[str, Any]]:
        """Give the trees as LightGBM writes them, and the rest as JSON values."""
        return str(self._booster.model_to_string()), {"offset": self._offset, "trust": float(self._trust)}

    @classmethod
    def restored(cls, text: str, rest: Mapping[str, Any]) -> "Trees":
        """Take what `stored` gave."""
        return cls(lightgbm_module().Booster(model_str=text), **rest)

    def scores(self, features: Floats) -> Floats:
        """Score pairs by their features: float32, one a pair."""
        if not len(features):
            return np.empty(0, np.float32)
        scores = self._trust * np.asarray(self._booster.predict(features, raw_score=True), np.float32)
        return scores if self._offset is None else scores + _started(features, self._offset)

    def contributions(self, features: Floats) -> Floats:
        """Say what each feature adds to the score: shape (n, n_features + 1), the last column being what all begin at.

        An offset is its feature's.

        References
        ----------
        Lundberg et al., "From local explanations to global understanding with explainable AI for trees", 2020.
        """
        if not len(features):
            return np.empty((0, features.shape[1] + 1), np.float32)
        found = self._trust * np.asarray(self._booster.predict(features, pred_contrib=True), np.float32)
        if self._offset is not None:
            found[:, self._offset] += _started(features, self._offset)
        return found


def _started(features: Floats, place: int) -> Floats:
    """Give the scores that pairs begin at."""
    return np.asarray(np.log(_LEAST + np.maximum(features[:, place], 0)))


def lightgbm_module() -> Any:
    """Import LightGBM.

    Raises
    ------
    MissingExtraError
        If it is not installed.
    """
    return extra("lightgbm", "ranking", "Ranking in two stages", "LightGBM")
