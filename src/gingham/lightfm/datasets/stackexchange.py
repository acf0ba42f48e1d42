"""StackExchange: who answered which question."""

import io
import os
import zipfile
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from gingham.lightfm.datasets._common import LARGEST, content_of, file_of, require, require_features, stacked_features
from gingham.lightfm.errors import translated
from gingham.validation import check_choice, check_integer, check_number

__all__ = ["fetch_stackexchange"]

_SITES = ("crossvalidated", "stackoverflow")


def fetch_stackexchange(
    dataset: str,
    test_set_fraction: float = 0.2,
    min_training_interactions: int = 1,
    data_home: str | os.PathLike[str] | None = None,
    indicator_features: bool = True,
    tag_features: bool = False,
    download_if_missing: bool = True,
) -> dict[str, Any]:
    """Load who answered which question on a StackExchange site, split by time; downloaded at first use.

    Parameters
    ----------
    dataset : {"crossvalidated", "stackoverflow"}
        The site.
    test_set_fraction : float
        The share of the answers that form the test part; the latest ones. 0.2 by default.
    min_training_interactions : int
        Users with at most this many answers in the train part are left out of both parts. 1 by default; 0 keeps all
        users.
    data_home, download_if_missing
        As for `fetch_movielens`.
    indicator_features, tag_features : bool
        Whether each question has a feature of its own (True by default) and features for its tags (False by default).

    Returns
    -------
    dict
        ``train`` and ``test`` (coo_matrix of float32 ones, shape (n_users, n_items)), ``item_features`` (csr_matrix of
        float32, shape (n_items, n_features)) and ``item_feature_labels`` (array of str).

    Raises
    ------
    DownloadError, DataError, ParameterError
        As for `fetch_movielens`; also if `dataset` is unknown or `test_set_fraction` is not between 0 and 1.

    Examples
    --------
    >>> from gingham.lightfm.datasets import fetch_stackexchange
    >>> data = fetch_stackexchange("crossvalidated", tag_features=True)  # doctest: +SKIP
    """
    require_features(indicator_features, tag_features, "tag_features")
    with translated():
        check_choice("dataset", dataset, _SITES)
        check_number("test_set_fraction", test_set_fraction, above=0, below=1)
        check_integer("min_training_interactions", min_training_interactions, 0)
    place = f"stackexchange/{dataset}/data.npz"
    path = file_of(f"stackexchange_{dataset}.npz", data_home, place, download_if_missing)
    with content_of(path) as content:
        answers, tags, labels = _read_stackexchange(content)
    cutoff = np.sort(answers.data)[int(answers.nnz * (1.0 - test_set_fraction))]
    late = answers.data >= cutoff
    train, test = (
        sp.csr_matrix((np.ones(part.sum(), np.float32), (answers.row[part], answers.col[part])), shape=answers.shape)
        for part in (~late, late)
    )
    if min_training_interactions > 0:
        active = train.getnnz(axis=1) > min_training_interactions
        train, test = train[active], test[active]
    questions = np.array([f"question_id:{number}" for number in range(answers.shape[1])])
    features, feature_labels = stacked_features(
        questions if indicator_features else None,
        (sp.csr_matrix(tags, dtype=np.float32), labels) if tag_features else None,
    )
    return {
        "train": train.tocoo(),
        "test": test.tocoo(),
        "item_features": features,
        "item_feature_labels": feature_labels,
    }


def _read_stackexchange(content: io.BytesIO) -> tuple[sp.coo_matrix, sp.coo_matrix, npt.NDArray[np.str_]]:
    """Return the times of answers by users and questions, the tags of questions, and the tags' labels."""
    with zipfile.ZipFile(content) as archive:
        require(sum(info.file_size for info in archive.infolist()) <= LARGEST, "its arrays are too large")
    with np.load(content, allow_pickle=False) as stored:
        answers, tags = (
            sp.coo_matrix(
                (stored[f"{name}_data"], (stored[f"{name}_row"], stored[f"{name}_col"])),
                shape=tuple(stored[f"{name}_shape"].ravel()),
            )
            for name in ("interactions", "features")
        )
        labels = stored["labels"]
    require(answers.nnz > 0 and np.isfinite(answers.data).all(), "it has no answers, or answers without a time")
    require(max(*answers.shape, *tags.shape) <= LARGEST, "its matrices are too large")
    require(np.isfinite(tags.data).all(), "its tags are not numbers")
    require((answers.shape[1], len(labels)) == tags.shape, "its questions or labels do not match its tags")
    answers.sum_duplicates()
    return answers, tags, labels
