import io
import threading
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp

from gingham.errors import DataError
from gingham.lightfm import datasets
from gingham.lightfm.datasets import fetch_movielens, fetch_stackexchange

TITLES = ("Été (1995)", "Heat (1995)", "Toy Story (1995)")


@dataclass
class Site:
    """Files on a local server, and the requests for them."""

    files: dict[str, bytes] = field(default_factory=dict)
    requests: list[str] = field(default_factory=list)
    cut: bool = False


@pytest.fixture
def site(monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    here = Site({"movielens.zip": movielens(), "stackexchange_crossvalidated.npz": stackexchange()})

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            name = self.path.removeprefix("/")
            here.requests.append(name)
            if name not in here.files:
                self.send_error(404)
                return
            self.send_response(200)
            self.send_header("Content-Length", str(len(here.files[name])))
            self.end_headers()
            self.wfile.write(here.files[name][: 10 if here.cut else None])

        def log_message(self, *_: Any) -> None: ...

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        monkeypatch.setattr(datasets, "_SOURCE", f"http://127.0.0.1:{server.server_port}")
        monkeypatch.setenv("no_proxy", "127.0.0.1")
        yield here
        server.shutdown()
        thread.join()


def movielens() -> bytes:
    """Return an archive with the ratings of three films by three users."""
    films = [
        f"{number}|{title}|01-Jan-1995||http://films.test/{number}|{flags}"
        for number, title, flags in zip((1, 2, 3), TITLES, ("0|1|0", "1|0|0", "0|1|1"), strict=True)
    ]
    files = {
        "ua.base": "1\t1\t5\t874\n1\t2\t3\t875\n3\t1\t1\t876\n2\t1\t4\t877\n",
        "ua.test": "2\t3\t2\t878\n1\t3\t4\t879\n",
        "u.item": "\n".join(films) + "\n",
        "u.genre": "unknown|0\nAction|1\nComedy|2\n\n",
    }
    return archive({f"ml-100k/{name}": text.encode("latin-1") for name, text in files.items()})


def archive(files: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as out:
        for name, content in files.items():
            out.writestr(name, content)
    return buffer.getvalue()


def stackexchange() -> bytes:
    """Return an archive with the times of answers of three users to five questions; question 4 has no tags."""
    times = np.array([[10, 0, 11, 0, 19], [0, 12, 0, 0, 0], [13, 14, 15, 18, 0]])
    matrices = {"interactions": sp.coo_matrix(times), "features": sp.coo_matrix(np.eye(5, 2, dtype=np.float32))}
    arrays: dict[str, Any] = {"labels": np.array(["tag:r", "tag:bayes"])}
    for name, matrix in matrices.items():
        arrays |= {f"{name}_{part}": getattr(matrix, part) for part in ("data", "row", "col")}
        arrays[f"{name}_shape"] = np.array([matrix.shape])
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    return buffer.getvalue()


def fetch(name: str, home: Path, **kwargs: Any) -> dict[str, Any]:
    if name == "movielens.zip":
        return fetch_movielens(home, **kwargs)
    return fetch_stackexchange("crossvalidated", data_home=home, **kwargs)


FILES = {
    "movielens.zip": "movielens100k/movielens.zip",
    "stackexchange_crossvalidated.npz": "stackexchange/crossvalidated/data.npz",
}
EACH = pytest.mark.parametrize("name", FILES)


# Contents ------------------------------------------------------------------------------------------------------------


def test_movielens_has_the_published_split(site: Site, tmp_path: Path) -> None:
    data = fetch_movielens(tmp_path)
    assert set(data) == {"train", "test", "item_features", "item_feature_labels", "item_labels"}
    np.testing.assert_array_equal(data["train"].toarray(), [[5, 3, 0], [4, 0, 0], [1, 0, 0]])
    np.testing.assert_array_equal(data["test"].toarray(), [[0, 0, 4], [0, 0, 2], [0, 0, 0]])
    for part in (data["train"], data["test"]):
        assert (type(part), part.dtype) == (sp.coo_matrix, np.int32)
    np.testing.assert_array_equal(data["item_features"].toarray(), np.eye(3))
    assert data["item_labels"].tolist() == data["item_feature_labels"].tolist() == list(TITLES)


def test_ratings_below_min_rating_are_left_out(site: Site, tmp_path: Path) -> None:
    data = fetch_movielens(tmp_path, min_rating=4.0)
    np.testing.assert_array_equal(data["train"].toarray(), [[5, 0, 0], [4, 0, 0], [0, 0, 0]])
    np.testing.assert_array_equal(data["test"].toarray(), [[0, 0, 4], [0, 0, 0], [0, 0, 0]])
    assert data["train"].nnz == 2


def test_genre_features_with_and_without_own_features(site: Site, tmp_path: Path) -> None:
    genres = [[0, 1, 0], [1, 0, 0], [0, 1, 1]]
    labels = ["genre:unknown", "genre:Action", "genre:Comedy"]
    alone = fetch_movielens(tmp_path, indicator_features=False, genre_features=True)
    np.testing.assert_array_equal(alone["item_features"].toarray(), genres)
    assert alone["item_feature_labels"].tolist() == labels
    both = fetch_movielens(tmp_path, genre_features=True)
    np.testing.assert_array_equal(both["item_features"].toarray(), np.hstack([np.eye(3), genres]))
    assert both["item_feature_labels"].tolist() == [*TITLES, *labels]
    assert (type(both["item_features"]), both["item_features"].dtype) == (sp.csr_matrix, np.float32)


def test_the_latest_answers_are_the_test_part(site: Site, tmp_path: Path) -> None:
    data = fetch_stackexchange("crossvalidated", data_home=tmp_path)
    assert set(data) == {"train", "test", "item_features", "item_feature_labels"}
    # The second user has a single answer in the train part.
    np.testing.assert_array_equal(data["train"].toarray(), [[1, 0, 1, 0, 0], [1, 1, 1, 0, 0]])
    np.testing.assert_array_equal(data["test"].toarray(), [[0, 0, 0, 0, 1], [0, 0, 0, 1, 0]])
    for part in (data["train"], data["test"]):
        assert (type(part), part.dtype) == (sp.coo_matrix, np.float32)
    assert data["item_feature_labels"].tolist() == [f"question_id:{number}" for number in range(5)]
    all_users = fetch_stackexchange("crossvalidated", 0.5, 0, tmp_path)
    np.testing.assert_array_equal(all_users["train"].toarray(), [[1, 0, 1, 0, 0], [0, 1, 0, 0, 0], [1, 0, 0, 0, 0]])
    assert all_users["test"].nnz == 4


def test_tag_features_with_and_without_own_features(site: Site, tmp_path: Path) -> None:
    alone = fetch_stackexchange("crossvalidated", data_home=tmp_path, indicator_features=False, tag_features=True)
    np.testing.assert_array_equal(alone["item_features"].toarray(), np.eye(5, 2))
    assert alone["item_feature_labels"].tolist() == ["tag:r", "tag:bayes"]
    both = fetch_stackexchange("crossvalidated", data_home=tmp_path, tag_features=True)
    np.testing.assert_array_equal(both["item_features"].toarray(), np.hstack([np.eye(5), np.eye(5, 2)]))
    assert both["item_feature_labels"].tolist()[4:] == ["question_id:4", "tag:r", "tag:bayes"]


# Downloads -----------------------------------------------------------------------------------------------------------


@EACH
def test_a_file_is_downloaded_once(name: str, site: Site, tmp_path: Path) -> None:
    for _ in range(2):
        fetch(name, tmp_path)
    assert site.requests == [name]
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == [tmp_path / FILES[name]]
    assert (tmp_path / FILES[name]).read_bytes() == site.files[name]
    fetch(name, tmp_path, download_if_missing=False)


def test_the_default_folder_is_in_the_home_folder(site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    fetch_movielens()
    assert (tmp_path / "lightfm_data" / "movielens100k" / "movielens.zip").is_file()


@EACH
def test_a_missing_file_without_download_is_an_os_error(name: str, site: Site, tmp_path: Path) -> None:
    with pytest.raises(OSError, match="download_if_missing=False"):
        fetch(name, tmp_path, download_if_missing=False)
    assert site.requests == []
    assert not list(tmp_path.iterdir())


@EACH
@pytest.mark.parametrize("problem", ["offline", "not found", "incomplete"])
def test_a_failed_download_leaves_no_file_and_names_the_path(
    name: str, problem: str, site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if problem == "offline":
        with HTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler) as closed:
            closed_url = f"http://127.0.0.1:{closed.server_port}"
        monkeypatch.setattr(datasets, "_SOURCE", closed_url)
    elif problem == "not found":
        site.files.clear()
    else:
        site.cut = True
    with pytest.raises(OSError, match="cannot be downloaded") as caught:
        fetch(name, tmp_path)
    assert str(tmp_path / FILES[name]) in str(caught.value)
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


@EACH
@pytest.mark.parametrize("content", [b"", b"no archive", archive({"readme": b"nothing"})])
def test_a_damaged_file_is_deleted(name: str, content: bytes, site: Site, tmp_path: Path) -> None:
    site.files[name] = content
    with pytest.raises(DataError, match="is damaged"):
        fetch(name, tmp_path)
    assert not (tmp_path / FILES[name]).exists()


def test_nothing_in_a_file_is_unpickled(site: Site, tmp_path: Path) -> None:
    buffer = io.BytesIO()
    np.savez(buffer, interactions_data=np.array([{"a": 1}], object))
    site.files["stackexchange_crossvalidated.npz"] = buffer.getvalue()
    with pytest.raises(DataError, match="is damaged"):
        fetch_stackexchange("crossvalidated", data_home=tmp_path)


def test_invalid_arguments(site: Site, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="indicator_features and genre_features"):
        fetch_movielens(tmp_path, indicator_features=False)
    with pytest.raises(ValueError, match="indicator_features and tag_features"):
        fetch_stackexchange("crossvalidated", indicator_features=False)
    with pytest.raises(ValueError, match="dataset must be one of 'crossvalidated', 'stackoverflow', not 'superuser'"):
        fetch_stackexchange("superuser")
    for share in (0.0, 1.0):
        with pytest.raises(ValueError, match=f"test_set_fraction must be a number between 0 and 1, not {share}"):
            fetch_stackexchange("crossvalidated", share)
    assert site.requests == []
