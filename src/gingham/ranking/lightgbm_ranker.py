"""LightGBMRanker: gradient-boosted trees order each user's candidates."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from gingham.arrays import Floats
from gingham.errors import ArtifactError, ParameterError
from gingham.extras import extra
from gingham.ranking.examples import Examples
from gingham.ranking.lightgbm_text import MAX_LEAVES, OBJECTIVES, check_trees
from gingham.ranking.ranker import FittedRanker, Ranker, StoredRanker
from gingham.validation import Check, check_choice, check_integer, check_number, check_text, optional

if TYPE_CHECKING:
    import lightgbm

# Added to an offset's feature before the logarithm, so that trees can make up for a score of zero.
_LEAST = np.float32(0.05)
# LightGBM sums the metric in the order in which its threads end; a smaller difference is rounding, not an improvement.
_MIN_IMPROVEMENT = 1e-7


@dataclass
class LightGBMRanker(Ranker):
    """Order each user's candidates by gradient-boosted trees, fitted by LightGBM.

    Parameters
    ----------
    objective : {"lambdarank", "rank_xendcg", "binary"}
        What the trees optimise: the order by LambdaMART, the order by the cross-entropy of NDCG (default), or the log
        loss of whether each candidate is bought. "binary" is often better where a period has few users.
    n_estimators : int
        The number of trees, or the maximum with early stopping; 50 by default.
    learning_rate : float
        The weight of each tree; 0.1 by default.
    num_leaves : int
        The maximum number of leaves of a tree; 15 by default.
    min_child_samples : int
        The minimum number of candidates in a leaf; 100 by default.
    colsample_bytree : float
        The share of the features that each tree may use; 0.7 by default.
    reg_lambda : float
        L2 regularisation of the leaf values; 1 by default.
    truncation_level : int
        The number of first places that "lambdarank" optimises; 20 by default.
    early_stopping_rounds : int
        0 (default) fits all `n_estimators` trees. With more, trees are first fitted to the training periods that ended
        before the last one began, and measured on the last one; their number is the best before this many rounds
        without an improvement. One period is a small sample: where periods differ, it stops too early or too late.
    offset : str or None
        The name of a candidate model's score, such as "NextBasket_score". Every candidate's score then starts from the
        logarithm of this score, and the trees learn what to add. Use it where sales change quickly: trees cannot
        extrapolate to a score above those of the training periods, but the logarithm can. Scores below zero count as
        zero. By default (None) all candidates start from the same score.
    trust : float
        The factor on the trees' output, above 0 and at most 1 (default). With an offset, a smaller value is safer where
        the next period may be unlike the training periods. Without one it does not change the order.

    References
    ----------
    Ke et al., "LightGBM: A Highly Efficient Gradient Boosting Decision Tree", 2017;
    Burges, "From RankNet to LambdaRank to LambdaMART: An Overview", 2010;
    Bruch, "An Alternative Cross Entropy Loss for Learning-to-Rank", 2021.

    Examples
    --------
    A small dataset needs small trees:

    >>> import gingham as gg
    >>> ranker = gg.LightGBMRanker(n_estimators=20, num_leaves=7, min_child_samples=10)
    >>> model = gg.TwoStage([gg.NextBasket(), gg.Popularity()], ranker, random_state=42)
    >>> model.fit(gg.synth.sample_dataset()).recommend(["u00"], k=3).height
    3
    """

    kind = "lightgbm"
    constraints: ClassVar[Mapping[str, Check]] = {
        "objective": partial(check_choice, choices=OBJECTIVES),
        "n_estimators": check_integer,
        "learning_rate": partial(check_number, above=0),
        "num_leaves": partial(check_integer, least=2, most=MAX_LEAVES),
        "min_child_samples": check_integer,
        "colsample_bytree": partial(check_number, above=0, most=1),
        "reg_lambda": partial(check_number, least=0),
        "truncation_level": check_integer,
        "early_stopping_rounds": partial(check_integer, least=0),
        "offset": optional(check_text),
        "trust": partial(check_number, above=0, most=1),
    }

    objective: str = "rank_xendcg"
    n_estimators: int = 50
    learning_rate: float = 0.1
    num_leaves: int = 15
    min_child_samples: int = 100
    colsample_bytree: float = 0.7
    reg_lambda: float = 1.0
    truncation_level: int = 20
    early_stopping_rounds: int = 0
    offset: str | None = None
    trust: float = 1.0

    @property
    def can_be_blended(self) -> bool:
        """Whether `TwoStage` may add the score of a candidate model to the scores; not if it is the offset already."""
        return self.offset is None

    def validate(self, score_names: Sequence[str] | None = None) -> None:
        """Check the parameters; `TwoStage.fit` does this first.

        Parameters
        ----------
        score_names : sequence of str, optional
            The names that `offset` may have; not checked by default.

        Raises
        ------
        ParameterError
            If a value is not allowed.
        """
        super().validate()
        if self.offset is not None and score_names is not None:
            check_choice("offset", self.offset, score_names)

    def import_libraries(self) -> None:
        """Import LightGBM.

        Raises
        ------
        MissingExtraError
            If it is not installed.
        """
        _lightgbm()

    def fit(
        self, periods: Sequence[Examples], feature_names: Sequence[str], seed: int, num_threads: int
    ) -> "FittedLightGBM":
        """Fit trees to the candidates of past periods.

        With early stopping, the last period determines the number of trees, which are then fitted to all periods.
        Without an earlier period that ended before the last one began, there is no early stopping.

        Parameters
        ----------
        periods, feature_names, seed, num_threads
            As for `Ranker.fit`.
        """
        lgb = _lightgbm()
        offset = None if self.offset is None else list(feature_names).index(self.offset)
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

        def dataset(parts: Sequence[Examples], reference: Any = None) -> Any:
            # Without feature names, because LightGBM refuses some characters that column names may have.
            start = None if offset is None else np.concatenate([_base_scores(part.features, offset) for part in parts])
            return lgb.Dataset(
                [part.features for part in parts],
                np.concatenate([part.bought for part in parts]).astype(np.int8),
                group=np.concatenate([part.sizes for part in parts]),
                init_score=start,
                reference=reference,
            )

        n_trees = self.n_estimators
        earlier = [part for part in periods if part.stop <= periods[-1].start]
        if earlier and self.early_stopping_rounds:
            train = dataset(earlier)
            stop = lgb.early_stopping(
                self.early_stopping_rounds, first_metric_only=True, verbose=False, min_delta=_MIN_IMPROVEMENT
            )
            validation = dataset(periods[-1:], train)
            best = lgb.train(params, train, n_trees, valid_sets=[validation], callbacks=[stop]).best_iteration
            # LightGBM leaves it at 0 where no tree can be split any further.
            n_trees = best if best > 0 else n_trees
        booster = lgb.train(params, dataset(periods), n_trees)
        return FittedLightGBM(booster, booster.model_to_string(), offset, float(self.trust))

    @classmethod
    def restore(cls, stored: StoredRanker) -> "FittedLightGBM":
        """Load trees from LightGBM's text format.

        Raises
        ------
        ArtifactError
            If the text or a value is invalid.
        MissingExtraError
            If LightGBM is not installed.
        """
        text, n_features = check_trees(stored.text or "")
        offset, trust = stored.values["offset"], stored.values["trust"]
        try:
            check_number("trust", trust, above=0, most=1)
            optional(partial(check_integer, least=0, most=n_features - 1))("offset", offset)
        except ParameterError as error:
            raise ArtifactError(f"The stored ranker is invalid: {error}") from None
        lgb = _lightgbm()
        try:
            booster = lgb.Booster(model_str=text)
        except lgb.basic.LightGBMError as error:
            raise ArtifactError(f"LightGBM cannot read the stored trees: {error}; fit and save again.") from error
        return FittedLightGBM(booster, stored.text or "", offset, trust)


class FittedLightGBM(FittedRanker):
    """Fitted trees.

    Parameters
    ----------
    booster : lightgbm.Booster
        The trees.
    text : str
        The trees in LightGBM's text format.
    offset : int or None
        The column of the feature from whose logarithm scores start.
    trust : float
        The factor on the trees' output.
    """

    def __init__(self, booster: "lightgbm.Booster", text: str, offset: int | None, trust: float) -> None:
        self._booster, self._text, self._offset, self._trust = booster, text, offset, np.float32(trust)
        self.n_features = int(booster.num_feature())
        least = float(self._trust) * booster.lower_bound()
        self.floor = float(least) - 1 + (0 if offset is None else float(np.log(_LEAST)))

    def store(self) -> StoredRanker:
        """Return the trees as text, and the other values."""
        return StoredRanker({"offset": self._offset, "trust": float(self._trust)}, self._text)

    def score(self, features: Floats) -> Floats:
        """Score candidates by their features."""
        if not len(features):
            return np.empty(0, np.float32)
        scores = self._trust * np.asarray(self._booster.predict(features, raw_score=True), np.float32)
        return scores if self._offset is None else scores + _base_scores(features, self._offset)

    def contributions(self, features: Floats) -> Floats:
        """Return how much each feature contributes to each score; an offset is part of its feature's contribution.

        References
        ----------
        Lundberg et al., "From local explanations to global understanding with explainable AI for trees", 2020.
        """
        if not len(features):
            return np.empty((0, features.shape[1] + 1), np.float32)
        contributions = self._trust * np.asarray(self._booster.predict(features, pred_contrib=True), np.float32)
        if self._offset is not None:
            contributions[:, self._offset] += _base_scores(features, self._offset)
        return contributions


def _base_scores(features: Floats, offset: int) -> Floats:
    return np.asarray(np.log(_LEAST + np.maximum(features[:, offset], 0)))


def _lightgbm() -> Any:
    return extra("lightgbm", "ranking", "Ranking in two stages", "LightGBM")
