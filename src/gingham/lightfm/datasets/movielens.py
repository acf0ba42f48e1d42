"""MovieLens 100k: ratings of films."""

import io
import os
import zipfile
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from gingham.lightfm.datasets._common import LARGEST, content_of, file_of, require, require_features, stacked_features
from gingham.lightfm.errors import translated
from gingham.validation import check_number

__all__ = ["fetch_movielens"]

_FILM_FIELDS = 5  # number, title, two dates and an address; then a flag for each genre


def fetch_movielens(
    data_home: str | os.PathLike[str] | None = None,
    indicator_features: bool = True,
    genre_features: bool = False,
    min_rating: float = 0.0,
    download_if_missing: bool = True,
) -> dict[str, Any]:
    """Load MovieLens 100k: 943 users, 1,682 films and 100,000 ratings from 1 to 5; downloaded at first use.

    Parameters
    ----------
    data_home : path
        The folder for downloaded files; ``~/lightfm_data`` by default.
    indicator_features, genre_features : bool
        Whether each film has a feature of its own (True by default) and features for its genres (False by default).
    min_rating : float
        The lowest rating to keep; 0 by default.
    download_if_missing : bool
        Whether to download a file that is not in the folder; True by default.

    Returns
    -------
    dict
        ``train`` and ``test`` (coo_matrix of int32 ratings, shape (n_users, n_items); the published split),
        ``item_features`` (csr_matrix of float32, shape (n_items, n_features)), ``item_feature_labels`` and
        ``item_labels`` (arrays of str: names of the features and titles of the films).

    Raises
    ------
    DownloadError
        If the file is missing and cannot or must not be downloaded.
    DataError
        If the file is damaged. It is then deleted.
    ParameterError
        If both kinds of features are False.

    References
    ----------
    Harper and Konstan, "The MovieLens Datasets: History and Context", ACM TiiS 2015.

    Examples
    --------
    >>> from gingham.lightfm.datasets import fetch_movielens
    >>> data = fetch_movielens(min_rating=4.0)  # doctest: +SKIP
    >>> data["train"].shape  # doctest: +SKIP
    (943, 1682)
    """
    require_features(indicator_features, genre_features, "genre_features")
    with translated():
        check_number("min_rating", min_rating)
    path = file_of("movielens.zip", data_home, "movielens100k/movielens.zip", download_if_missing)
    with content_of(path) as content:
        ratings, titles, genre_labels, genre_flags = _read_movielens(content)
    n_users, n_items = np.concatenate(ratings)[:, 0].max(), len(titles)
    features, feature_labels = stacked_features(
        titles if indicator_features else None, (sp.csr_matrix(genre_flags), genre_labels) if genre_features else None
    )
    parts = [_rating_matrix(part[part[:, 2] >= min_rating], (n_users, n_items)) for part in ratings]
    return {
        "train": parts[0],
        "test": parts[1],
        "item_features": features,
        "item_feature_labels": feature_labels,
        "item_labels": titles,
    }


def _read_movielens(
    content: io.BytesIO,
) -> tuple[list[npt.NDArray[np.int32]], npt.NDArray[np.str_], npt.NDArray[np.str_], npt.NDArray[np.float32]]:
    """Return the ratings of both parts, the films' titles, the genres' labels, and which film has which genre."""
    with zipfile.ZipFile(content) as archive:
        require(sum(info.file_size for info in archive.infolist()) <= LARGEST, "its files are too large")
        base, test, films, genres = (
            archive.read(f"ml-100k/{name}").decode("latin-1") for name in ("ua.base", "ua.test", "u.item", "u.genre")
        )
    ratings = [np.array([line.split("\t")[:3] for line in text.splitlines()], np.int32) for text in (base, test)]
    users, items, values = np.concatenate(ratings).T
    rows = [line.split("|") for line in films.splitlines() if line]
    labels = [line.partition("|")[0] for line in genres.splitlines() if line]
    require(min(users.min(), items.min()) >= 1, "its users and films are not numbered from 1")
    require(users.max() <= len(users), "it has more users than ratings")
    require([int(row[0]) for row in rows] == list(range(1, len(rows) + 1)), "its films are not numbered from 1")
    require(items.max() <= len(rows), "it has ratings of unknown films")
    require(values.min() >= 1 and values.max() <= 5, "it has ratings that are not from 1 to 5")
    require({len(row) for row in rows} == {_FILM_FIELDS + len(labels)}, "its films have another number of genres")
    flags = np.array([row[_FILM_FIELDS:] for row in rows], np.float32)
    require(np.isin(flags, (0, 1)).all(), "its genres are not 0 or 1")
    return ratings, np.array([row[1] for row in rows]), np.array([f"genre:{label}" for label in labels]), flags


def _rating_matrix(ratings: npt.NDArray[np.int32], shape: tuple[int, int]) -> sp.coo_matrix:
    # Via CSR, so that the entries are sorted by row and column.
    return sp.csr_matrix((ratings[:, 2], (ratings[:, 0] - 1, ratings[:, 1] - 1)), shape=shape).tocoo()
