"""Public data sets, fetched when they are asked for and kept in a folder."""

import os
import shutil
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from gingham.errors import DataError
from gingham.lightfm.errors import DownloadError, ParameterError
from gingham.store import replace_file

__all__ = ["fetch_movielens", "fetch_stackexchange"]

# Where LightFM's author keeps them.
_SOURCE = "https://github.com/maciejkula/lightfm_datasets/releases/download/v0.1.0"
_STACKEXCHANGE = ("crossvalidated", "stackoverflow")
# How many seconds a server may stay silent.
_TIMEOUT = 60


def fetch_movielens(
    data_home: str | os.PathLike[str] | None = None,
    indicator_features: bool = True,
    genre_features: bool = False,
    min_rating: float = 0.0,
    download_if_missing: bool = True,
) -> dict[str, Any]:
    """Fetch MovieLens 100k: 943 users, 1,682 films, 100,000 ratings from 1 to 5.

    Parameters
    ----------
    data_home : path
        The folder to keep files in; ``~/lightfm_data`` by default.
    indicator_features, genre_features : bool
        Whether each film has a feature of its own (True by default), and one for each of its genres (False by default).
    min_rating : float
        Ratings below are left out; 0 by default.
    download_if_missing : bool
        Whether a file that is not in the folder is fetched; True by default.

    Returns
    -------
    dict
        ``train`` and ``test`` (coo_matrix of int32, shape (n_users, n_items), ratings; the publisher's own split),
        ``item_features`` (csr_matrix of float32, shape (n_items, n_features)), ``item_feature_labels`` and
        ``item_labels`` (arrays of str: names of the features, titles).

    Raises
    ------
    DownloadError
        If the file is not there and can't be, or shall not be, fetched.
    DataError
        If the file is damaged; it is then deleted.
    ParameterError
        If no features are asked for.

    References
    ----------
    Harper and Konstan, "The MovieLens Datasets: History and Context", ACM TiiS 2015.
    """
    _require_features(indicator_features, genre_features, "genre_features")
    path = _file("movielens.zip", data_home, "movielens100k/movielens.zip", download_if_missing)
    names = ("ua.base", "ua.test", "u.item", "u.genre")
    try:
        with zipfile.ZipFile(path) as archive:
            base, test, films, genres = (archive.read(f"ml-100k/{name}").decode("latin-1") for name in names)
    except (zipfile.BadZipFile, KeyError) as error:
        path.unlink()
        raise DataError(f"{path} is damaged ({error}) and has been deleted; fetch it again.") from error
    ratings = [np.array([line.split("\t")[:3] for line in text.splitlines()], np.int32) for text in (base, test)]
    n_users, n_items = np.concatenate(ratings).max(axis=0)[:2]
    labels = [line.partition("|")[0] for line in genres.splitlines() if line]
    of_genre = np.zeros((n_items, len(labels)), np.float32)
    titles = np.full(n_items, "", object)
    for number, title, *rest in (line.split("|") for line in films.splitlines() if line):
        titles[int(number) - 1] = title
        of_genre[int(number) - 1] = np.array(rest[-len(labels) :], np.float32)
    titles = titles.astype(str)
    named = np.array([f"genre:{label}" for label in labels])
    features, feature_labels = _features(
        titles if indicator_features else None, (sp.csr_matrix(of_genre), named) if genre_features else None
    )
    parts = [_rated(part[part[:, 2] >= min_rating], (n_users, n_items)) for part in ratings]
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
    """Fetch who answered which question on a site of the StackExchange network, split in time.

    Parameters
    ----------
    dataset : {"crossvalidated", "stackoverflow"}
        The site.
    test_set_fraction : float
        The share of the answers, the latest, that are the test part; 0.2 by default.
    min_training_interactions : int
        Users with no more answers than this in the train part are left out of both; 1 by default, 0 keeps everybody.
    data_home, download_if_missing
        As for `fetch_movielens`.
    indicator_features, tag_features : bool
        Whether each question has a feature of its own (True by default), and one for each of its tags (False by
        default).

    Returns
    -------
    dict
        ``train`` and ``test`` (coo_matrix of float32, shape (n_users, n_items), ones), ``item_features`` (csr_matrix of
        float32, shape (n_items, n_features)) and ``item_feature_labels`` (array of str).

    Raises
    ------
    DownloadError, DataError, ParameterError
        As for `fetch_movielens`; also if there is no such data set, or the fraction is not between 0 and 1.
    """
    _require_features(indicator_features, tag_features, "tag_features")
    if dataset not in _STACKEXCHANGE:
        raise ParameterError(f"dataset={dataset!r} is unknown; give one of {', '.join(map(repr, _STACKEXCHANGE))}.")
    if not 0 < test_set_fraction < 1:
        raise ParameterError(f"test_set_fraction={test_set_fraction!r} is no share; give a number between 0 and 1.")
    place = f"stackexchange/{dataset}/data.npz"
    path = _file(f"stackexchange_{dataset}.npz", data_home, place, download_if_missing)
    try:
        # Opened here, because NumPy leaves a damaged file open.
        with path.open("rb") as file, np.load(file, allow_pickle=False) as stored:
            answers, tags = (
                sp.coo_matrix(
                    (stored[f"{name}_data"], (stored[f"{name}_row"], stored[f"{name}_col"])),
                    shape=tuple(stored[f"{name}_shape"].ravel()),
                )
                for name in ("interactions", "features")
            )
            labels = stored["labels"]
    except (zipfile.BadZipFile, ValueError, KeyError, EOFError) as error:
        path.unlink()
        raise DataError(f"{path} is damaged ({error}) and has been deleted; fetch it again.") from error
    answers.sum_duplicates()
    cutoff = np.sort(answers.data)[int(answers.nnz * (1.0 - test_set_fraction))]
    late = answers.data >= cutoff
    train, test = (
        sp.csr_matrix((np.ones(part.sum(), np.float32), (answers.row[part], answers.col[part])), shape=answers.shape)
        for part in (~late, late)
    )
    if min_training_interactions > 0:
        kept = train.getnnz(axis=1) > min_training_interactions
        train, test = train[kept], test[kept]
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


def _rated(ratings: npt.NDArray[np.int32], shape: tuple[int, int]) -> sp.coo_matrix:
    # By way of rows, so that entries come in the order of rows and columns.
    return sp.csr_matrix((ratings[:, 2], (ratings[:, 0] - 1, ratings[:, 1] - 1)), shape=shape).tocoo()


def _features(
    own: npt.NDArray[np.str_] | None, shared: tuple[sp.csr_matrix, npt.NDArray[np.str_]] | None
) -> tuple[sp.csr_matrix, npt.NDArray[np.str_]]:
    """Put features side by side: each item's own, by its label, and those that items share."""
    parts = [] if own is None else [(sp.identity(len(own), np.float32, "csr"), own)]
    parts += [] if shared is None else [shared]
    matrices, labels = zip(*parts, strict=True)
    return sp.csr_matrix(sp.hstack(matrices)), np.concatenate(labels)


def _require_features(indicator: bool, shared: bool, name: str) -> None:
    if not (indicator or shared):
        raise ParameterError(f"indicator_features and {name} are both False; set one to True.")


def _file(name: str, data_home: str | os.PathLike[str] | None, place: str, download: bool) -> Path:
    """Give the path of a file, which is fetched if it is not there; it is there as a whole or not at all."""
    home = Path.home() / "lightfm_data" if data_home is None else Path(data_home).absolute()
    path, url = home / place, f"{_SOURCE}/{name}"
    if path.is_file():
        return path
    if not download:
        raise DownloadError(f"{path} is not there, and download_if_missing=False; put {url} there.")
    # Not needed before somebody fetches something.
    from urllib.error import HTTPError
    from urllib.request import urlopen

    try:
        with replace_file(path) as file, urlopen(url, timeout=_TIMEOUT) as answer:
            shutil.copyfileobj(answer, file)
            if answer.length:  # what is still to come; Python ends quietly where a connection is cut
                raise ConnectionError(f"{answer.length:,} bytes are missing")
    except OSError as error:
        if isinstance(error, HTTPError):
            error.close()  # it holds the connection
        raise DownloadError(f"{url} can't be fetched ({error}); go online, or put it at {path}.") from error
    return path
