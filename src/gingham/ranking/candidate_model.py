"""Models that rank candidates: explanations of their scores, and the recall of their candidates."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from gingham.arrays import Indices
from gingham.checked import Contents
from gingham.columns import ITEM_ID, RANK, USER_ID
from gingham.dataset.id_list import IdList
from gingham.errors import DataError
from gingham.models import Recommender
from gingham.models.cold import ColdUsers
from gingham.models.contributions import Part
from gingham.models.item_requests import Asked, SimilarItems, fused
from gingham.models.training_data import Data
from gingham.ranking.blending import BlendedRanker
from gingham.ranking.examples import BLOCK, Stage
from gingham.ranking.explanation import contributions, parts
from gingham.ranking.ranker import FittedRanker
from gingham.ranking.storing import ranker_parts, restore_fitted_ranker, restore_stage, stage_parts
from gingham.ranking.suggestions import source_names
from gingham.scores import SharedScores
from gingham.store import Artifact

# The row of a table of recalls for the candidates of all models together.
ALL_MODELS = "all"


class CandidateModel(SimilarItems, Recommender):
    """Base class of models in which other models suggest candidates, and a ranker orders them."""

    supports = frozenset({"similar_items"})

    _stage: Stage
    _fitted_ranker: FittedRanker | None
    # The parameter `ranker` may be set to one of another kind after a fit.
    _fitted_kind: str

    def _similarities(self, asked: Asked, n_threads: int) -> SharedScores:
        return fused(self._stage.models, asked, self.n_items, n_threads)

    @property
    def blend_(self) -> tuple[str, float] | None:
        """The feature whose logarithm is added to the ranker's score, and its weight; None if nothing is added.

        Raises
        ------
        NotFittedError
            If the model is not fitted.

        Examples
        --------
        >>> import gingham as gg
        >>> ranker = gg.LightGBMRanker(n_estimators=20, num_leaves=7, min_child_samples=10)
        >>> model = gg.TwoStage([gg.NextBasket(), gg.Popularity()], ranker, n_candidates=10, random_state=42)
        >>> model.fit(gg.synth.sample_dataset()).blend_ is None
        True
        """
        _ = self.training_data_
        ranker = self._fitted_ranker
        if not isinstance(ranker, BlendedRanker):
            return None
        return self._stage.features.names[ranker.blend.column], ranker.blend.weight

    def candidate_recall(self, test: Data) -> pl.DataFrame:
        """Compute how many of the test items the candidates contain.

        No ranker can recommend what is not a candidate, so this is the limit of the recall.

        Parameters
        ----------
        test : Dataset or sparse matrix, shape (n_users, n_items)
            The test data, with the users and items of the training data.

        Returns
        -------
        polars.DataFrame
            ``source``: the candidate model, and "all" for all of them together. ``candidates``: the mean number of
            candidates of a user. ``recall``: the mean, over users with test items, of the share of their test items
            that are candidates. ``only``: the mean share that no other model suggests; null in the last row.

        Raises
        ------
        NotFittedError, DataError
            If the model is not fitted, or the test has other users or items.

        Examples
        --------
        >>> import gingham as gg
        >>> train, test = gg.split.by_time(gg.synth.sample_dataset(), test="7d")
        >>> ranker = gg.LightGBMRanker(n_estimators=20, num_leaves=7, min_child_samples=10)
        >>> model = gg.TwoStage([gg.NextBasket(), gg.Popularity()], ranker, n_candidates=5, random_state=42).fit(train)
        >>> model.candidate_recall(test)["source"].to_list()
        ['NextBasket', 'Popularity', 'all']
        """
        matrix = self.test_matrix(test)
        matrix = matrix.multiply(matrix > 0).tocsr()
        n_tests = np.diff(matrix.indptr)
        users = np.flatnonzero(n_tests).astype(np.int32)
        names = source_names(self._stage.models)
        candidates, recall, only = np.zeros(len(names) + 1), np.zeros(len(names) + 1), np.zeros(len(names))
        for start in range(0, len(users), BLOCK):
            pairs = self._stage.candidates.pairs(users[start : start + BLOCK])
            suggested = np.isfinite(pairs.ranks)
            suggested = np.column_stack([suggested, suggested.any(axis=1)])
            candidates += suggested.sum(axis=0)
            tests = matrix[pairs.users]
            hits = pairs.values(tests) > 0
            share = 1 / n_tests[pairs.user[hits]]
            recall += share @ suggested[hits]
            alone = suggested[hits, :-1] & (suggested[hits, :-1].sum(axis=1, keepdims=True) == 1)
            only += share @ alone
        n_users = max(len(users), 1)
        return pl.DataFrame(
            {
                "source": [*names, ALL_MODELS],
                "candidates": candidates / n_users,
                "recall": recall / n_users,
                "only": [*(only / n_users).tolist(), None],
            }
        )

    def _contributions(self, users: Indices, items: Indices, cold: ColdUsers | None = None) -> list[Part]:
        scores = self._all_scores(cold).pairs(users, items)
        return parts(self._stage, self._fitted_ranker, users, items, scores, cold)

    def explain_features(
        self,
        user_ids: IdList | None = None,
        k: int = 12,
        filter_seen: bool = False,
        items: IdList | None = None,
        exclude: IdList | None = None,
        strict: bool = False,
    ) -> pl.DataFrame:
        """Return what each feature of the ranker contributes to the scores of the recommendations, for analysts.

        Parameters
        ----------
        user_ids, k, filter_seen, items, exclude, strict
            As for `recommend`.

        Returns
        -------
        polars.DataFrame
            ``user_id``, ``item_id``, ``rank``, ``feature``, its ``value`` (null where it has none) and its
            ``contribution``. The contributions to a recommendation add up to its score. The feature "base" is the score
            from which all candidates start. Items that no model suggested have no rows.

        Raises
        ------
        NotFittedError, UnknownIdError, ParameterError, DataError
            As `recommend` does; also if there is no ranker, because the data had no timestamps.

        Examples
        --------
        >>> import gingham as gg
        >>> ranker = gg.LightGBMRanker(n_estimators=20, num_leaves=7, min_child_samples=10)
        >>> model = gg.TwoStage([gg.NextBasket(), gg.Popularity()], ranker, n_candidates=10, random_state=42)
        >>> table = model.fit(gg.synth.sample_dataset()).explain_features(["u00"], k=1)
        >>> table.columns
        ['user_id', 'item_id', 'rank', 'feature', 'value', 'contribution']
        >>> abs(table["contribution"].sum() - model.recommend("u00", k=1)["score"][0]) < 1e-4
        True
        """
        table = self.recommend(user_ids, k, filter_seen, items, exclude, strict=strict)
        if self._fitted_ranker is None:
            raise DataError(
                "The model has no ranker to explain, because the training data had no timestamps; use data with them."
            )
        users = self.training_data_.user_ids.index(table[USER_ID])
        chosen = self.training_data_.item_ids.index(table[ITEM_ID])
        contributed = contributions(self._stage, self._fitted_ranker, users, chosen)
        pairs_of_rows = table.select(USER_ID, ITEM_ID, RANK)[contributed["row"]]
        return pl.concat([pairs_of_rows, contributed.drop("row")], how="horizontal")

    # Storing ---------------------------------------------------------------------------------------------------------

    def artifact(self) -> Artifact:
        """Return what an artifact stores of the model; the trees of LightGBM are a text file.

        Raises
        ------
        NotFittedError
            If the model is not fitted.
        """
        artifact = super().artifact()
        if self._fitted_ranker is None:
            return artifact
        state, arrays, texts = ranker_parts(self._fitted_kind, self._fitted_ranker)
        return replace(artifact, texts=texts, state={**artifact.state, **state}, arrays={**artifact.arrays, **arrays})

    def _restore(self, stored: Artifact) -> None:
        self._fitted_kind, self._fitted_ranker = restore_fitted_ranker(stored)
        super()._restore(stored)

    def _learned(self) -> tuple[dict[str, Any], dict[str, npt.NDArray[Any]]]:
        return stage_parts(self._stage, self.training_data_)

    def _relearn(self, state: Mapping[str, Any], arrays: Mapping[str, npt.NDArray[Any]]) -> None:
        self._stage = restore_stage(state, Contents("array", arrays), self.training_data_)
