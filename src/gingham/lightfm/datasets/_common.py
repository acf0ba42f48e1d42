"""Download the files of data sets, keep them in a folder, and read them with care."""

import io
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from gingham.errors import DataError
from gingham.lightfm.arguments import require_flags
from gingham.lightfm.errors import DownloadError, ParameterError, translated
from gingham.store import reason, replace_file
from gingham.validation import check_path

# The releases of LightFM's author.
_SOURCE = "https://github.com/maciejkula/lightfm_datasets/releases/download/v0.1.0"
_TIMEOUT = 60  # seconds without an answer
LARGEST = 2_000_000_000  # bytes of the files in an archive, and rows or columns


@contextmanager
def content_of(path: Path) -> Iterator[io.BytesIO]:
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


def require(condition: bool | np.bool_, what: str) -> None:
    if not condition:
        raise ValueError(what)


def stacked_features(
    own: npt.NDArray[np.str_] | None, shared: tuple[sp.csr_matrix, npt.NDArray[np.str_]] | None
) -> tuple[sp.csr_matrix, npt.NDArray[np.str_]]:
    """Stack features horizontally: an own feature per item (given by its labels) and shared features."""
    parts = [] if own is None else [(sp.identity(len(own), np.float32, "csr"), own)]
    parts += [] if shared is None else [shared]
    matrices, labels = zip(*parts, strict=True)
    return sp.csr_matrix(sp.hstack(matrices)), np.concatenate(labels)


def require_features(indicator: bool, shared: bool, name: str) -> None:
    require_flags(**{"indicator_features": indicator, name: shared})
    if not (indicator or shared):
        raise ParameterError(f"indicator_features and {name} are both False; set one to True.")


def file_of(name: str, data_home: Any, place: str, download: bool) -> Path:
    """Return the path of a file. A missing file is downloaded, completely or not at all."""
    require_flags(download_if_missing=download)
    with translated():
        home = Path.home() / "lightfm_data" if data_home is None else check_path("data_home", data_home).absolute()
    path, url = home / place, f"{_SOURCE}/{name}"
    try:
        if path.is_file():
            return path
    except OSError as error:
        raise DownloadError(f"{path} cannot be read: {reason(error)}; choose another data_home.") from error
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
