"""Public data sets, downloaded at first use and kept in a folder."""

import io
import os
import shutil
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from gingham.errors import DataError
from gingham.lightfm.errors import DownloadError, ParameterError
from gingham.store import reason, replace_file

__all__ = ["fetch_movielens", "fetch_stackexchange"]

# The releases of LightFM's author.
_SOURCE = "https://github.com/maciejkula/lightfm_datasets/releases/download/v0.1.0"
_STACKEXCHANGE = ("crossvalidated", "stackoverflow")
_FILM_FIELDS = 5  # number, title, two dates and an address; then a flag for each genre
_LARGEST = 2_000_000_000  # bytes of the files in an archive, and rows or columns
_TIMEOUT = 60  # seconds without an answer


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
    _require_features(indicator_features, genre_features, "genre_features")
    path = _file("movielens.zip", data_home, "movielens100k/movielens.zip", download_if_missing)
    with _content(path) as content:
        ratings, titles, genre_labels, genre_flags = _read_movielens(content)
    n_users, n_items = np.concatenate(ratings)[:, 0].max(), len(titles)
    features, feature_labels = _features(
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
    _require_features(indicator_features, tag_features, "tag_features")
    if dataset not in _STACKEXCHANGE:
        raise ParameterError(f"dataset must be one of {', '.join(map(repr, _STACKEXCHANGE))}, not {dataset!r}.")
    if not 0 < test_set_fraction < 1:
        raise ParameterError(f"test_set_fraction must be a number between 0 and 1, not {test_set_fraction!r}.")
    place = f"stackexchange/{dataset}/data.npz"
    path = _file(f"stackexchange_{dataset}.npz", data_home, place, download_if_missing)
    with _content(path) as content:
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
    features, feature_labels = _features(
        questions if indicator_features else None,
        (sp.csr_matrix(tags, dtype=np.float32), labels) if tag_features else None,
    )
    return {
        "train": train.tocoo(),
        "test": test.tocoo(),
        "item_features": features,
        "item_feature_labels": feature_labels,
    }


@contextmanager
def _content(path: Path) -> Iterator[io.BytesIO]:
    """Yield the content of a file; an error in the block means that it is damaged, and the file is deleted."""
    try:
        content = io.BytesIO(path.read_bytes())
    except OSError as error:
        raise DataError(f"{path} cannot be read: {reason(error)}; check its permissions.") from error
    try:
        yield content
    except Exception as error:  # there are as many types of errors as kinds of damage
        detail = " ".join(str(error).split()) or type(error).__name__
        try:
            path.unlink()
        except OSError:
            raise DataError(f"{path} is damaged ({detail}); delete it and download it again.") from error
        raise DataError(f"{path} is damaged ({detail}) and was deleted; download it again.") from error


def _require(condition: bool | np.bool_, what: str) -> None:
    if not condition:
        raise ValueError(what)


def _read_movielens(
    content: io.BytesIO,
) -> tuple[list[npt.NDArray[np.int32]], npt.NDArray[np.str_], npt.NDArray[np.str_], npt.NDArray[np.float32]]:
    """Return the ratings of both parts, the films' titles, the genres' labels, and which film has which genre."""
    with zipfile.ZipFile(content) as archive:
        _require(sum(info.file_size for info in archive.infolist()) <= _LARGEST, "its files are too large")
        base, test, films, genres = (
            archive.read(f"ml-100k/{name}").decode("latin-1") for name in ("ua.base", "ua.test", "u.item", "u.genre")
        )
    ratings = [np.array([line.split("\t")[:3] for line in text.splitlines()], np.int32) for text in (base, test)]
    users, items, values = np.concatenate(ratings).T
    rows = [line.split("|") for line in films.splitlines() if line]
    labels = [line.partition("|")[0] for line in genres.splitlines() if line]
    _require(min(users.min(), items.min()) >= 1, "its users and films are not numbered from 1")
    _require(users.max() <= len(users), "it has more users than ratings")
    _require([int(row[0]) for row in rows] == list(range(1, len(rows) + 1)), "its films are not numbered from 1")
    _require(items.max() <= len(rows), "it has ratings of unknown films")
    _require(values.min() >= 1 and values.max() <= 5, "it has ratings that are not from 1 to 5")
    _require({len(row) for row in rows} == {_FILM_FIELDS + len(labels)}, "its films have another number of genres")
    flags = np.array([row[_FILM_FIELDS:] for row in rows], np.float32)
    _require(np.isin(flags, (0, 1)).all(), "its genres are not 0 or 1")
    return ratings, np.array([row[1] for row in rows]), np.array([f"genre:{label}" for label in labels]), flags


def _read_stackexchange(content: io.BytesIO) -> tuple[sp.coo_matrix, sp.coo_matrix, npt.NDArray[np.str_]]:
    """Return the times of answers by users and questions, the tags of questions, and the tags' labels."""
    with zipfile.ZipFile(content) as archive:
        _require(sum(info.file_size for info in archive.infolist()) <= _LARGEST, "its arrays are too large")
    with np.load(content, allow_pickle=False) as stored:
        answers, tags = (
            sp.coo_matrix(
                (stored[f"{name}_data"], (stored[f"{name}_row"], stored[f"{name}_col"])),
                shape=tuple(stored[f"{name}_shape"].ravel()),
            )
            for name in ("interactions", "features")
        )
        labels = stored["labels"]
    _require(answers.nnz > 0 and np.isfinite(answers.data).all(), "it has no answers, or answers without a time")
    _require(max(*answers.shape, *tags.shape) <= _LARGEST, "its matrices are too large")
    _require(np.isfinite(tags.data).all(), "its tags are not numbers")
    _require((answers.shape[1], len(labels)) == tags.shape, "its questions or labels do not match its tags")
    answers.sum_duplicates()
    return answers, tags, labels


def _rating_matrix(ratings: npt.NDArray[np.int32], shape: tuple[int, int]) -> sp.coo_matrix:
    # Via CSR, so that the entries are sorted by row and column.
    return sp.csr_matrix((ratings[:, 2], (ratings[:, 0] - 1, ratings[:, 1] - 1)), shape=shape).tocoo()


def _features(
    own: npt.NDArray[np.str_] | None, shared: tuple[sp.csr_matrix, npt.NDArray[np.str_]] | None
) -> tuple[sp.csr_matrix, npt.NDArray[np.str_]]:
    """Stack features horizontally: an own feature per item (given by its labels) and shared features."""
    parts = [] if own is None else [(sp.identity(len(own), np.float32, "csr"), own)]
    parts += [] if shared is None else [shared]
    matrices, labels = zip(*parts, strict=True)
    return sp.csr_matrix(sp.hstack(matrices)), np.concatenate(labels)


def _require_features(indicator: bool, shared: bool, name: str) -> None:
    if not (indicator or shared):
        raise ParameterError(f"indicator_features and {name} are both False; set one to True.")


def _file(name: str, data_home: str | os.PathLike[str] | None, place: str, download: bool) -> Path:
    """Return the path of a file. A missing file is downloaded, completely or not at all."""
    home = Path.home() / "lightfm_data" if data_home is None else Path(data_home).absolute()
    path, url = home / place, f"{_SOURCE}/{name}"
    if path.is_file():
        return path
    if not download:
        raise DownloadError(f"{path} is missing, and download_if_missing=False; save {url} there.")
    # Imported here because most programs never download anything.
    from urllib.error import HTTPError
    from urllib.request import urlopen

    try:
        with replace_file(path) as file, urlopen(url, timeout=_TIMEOUT) as answer:
            shutil.copyfileobj(answer, file)
            if answer.length:  # the bytes not received; a lost connection does not raise an error
                raise ConnectionError(f"{answer.length:,} bytes are missing")
    except OSError as error:
        if isinstance(error, HTTPError):
            error.close()  # it keeps the connection open
        raise DownloadError(
            f"{url} cannot be downloaded ({error}); check the connection, or download it to {path}."
        ) from error
    return path
