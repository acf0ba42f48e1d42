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
from gingham.lightfm.datasets import _common, fetch_movielens, fetch_stackexchange

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
        monkeypatch.setattr(_common, "_SOURCE", f"http://127.0.0.1:{server.server_port}")
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
        monkeypatch.setattr(_common, "_SOURCE", closed_url)
    elif problem == "not found":
        site.files.clear()
    else:
        site.cut = True
    with pytest.raises(OSError, match="cannot be downloaded") as caught:
        fetch(name, tmp_path)
    assert str(tmp_path / FILES[name]) in str(caught.value)
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


def edited(name: str, member: str, content: bytes | None) -> bytes:
    """Return an archive with another content of one of its files, or without it."""
    with zipfile.ZipFile(io.BytesIO(movielens() if name == "movielens.zip" else stackexchange())) as file:
        files = {info.filename: file.read(info) for info in file.infolist()}
    files.pop(member)
    return archive(files if content is None else files | {member: content})


def array(values: Any) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, np.asarray(values))
    return buffer.getvalue()


MOVIELENS_DAMAGE = [
    ("ua.base", None),
    ("ua.base", b""),
    ("ua.base", b"1\t1\n"),
    ("ua.base", b"<html>Log in to the network</html>"),
    ("ua.base", b"0\t1\t5\t874\n"),
    ("ua.base", b"1\t4\t5\t874\n"),
    ("ua.base", b"1\t1\t6\t874\n"),
    ("ua.base", b"1\t1\tnan\t874\n"),
    ("ua.base", b"2000000000\t1\t5\t874\n"),
    ("ua.base", b"99999999999999\t1\t5\t874\n"),
    ("ua.test", b"\x00\xff"),
    ("u.item", b""),
    ("u.item", b"1|Heat\n2|Heat\n3|Heat\n"),
    ("u.item", b"one|Heat|0|0|1\n"),
    ("u.item", b"1|A|0|1|0\n2|B|0|1|0\n4|C|0|1|0\n"),
    ("u.item", b"1|A|0|1|0\n2|B|0|7|0\n3|C|0|1|0\n"),
    ("u.genre", b""),
    ("u.genre", b"Action|0\n"),
]
STACKEXCHANGE_DAMAGE = [
    ("interactions_row.npy", None),
    ("interactions_row.npy", b""),
    ("interactions_row.npy", array([0] * 7 + [-1])),
    ("interactions_col.npy", array([0] * 7 + [5])),
    ("interactions_col.npy", array([0])),
    ("interactions_data.npy", array([np.nan] * 8)),
    ("interactions_data.npy", array(["a"] * 8)),
    ("interactions_shape.npy", array([3, 4])),
    ("interactions_shape.npy", array([10**15, 5])),
    ("interactions_shape.npy", array([3])),
    ("features_data.npy", array([np.inf, 1])),
    ("labels.npy", array(["tag:r"])),
    ("labels.npy", array(1)),
]


def damaged_files() -> Iterator[tuple[str, bytes]]:
    for name, whole in (("movielens.zip", movielens()), ("stackexchange_crossvalidated.npz", stackexchange())):
        yield from ((name, content) for content in (b"", b"no archive", b"<!DOCTYPE html><html></html>", whole[:-1]))
        yield from ((name, whole[: len(whole) * part // 4]) for part in (1, 2, 3))
        yield name, archive({"readme": b"nothing"})
    for member, content in MOVIELENS_DAMAGE:
        yield "movielens.zip", edited("movielens.zip", f"ml-100k/{member}", content)
    for member, content in STACKEXCHANGE_DAMAGE:
        yield "stackexchange_crossvalidated.npz", edited("stackexchange_crossvalidated.npz", member, content)
    for method in (9, 12, 99):  # an unknown compression, and bytes that are not compressed as the archive says
        yield "movielens.zip", movielens().replace(b"PK\x01\x02\x14\x03\x14\x00\x00\x00\x00\x00", (
            b"PK\x01\x02\x14\x03\x14\x00\x00\x00" + bytes([method, 0])
        ))  # fmt: skip


def test_a_damaged_file_is_deleted_whatever_the_damage(tmp_path: Path) -> None:
    for name, content in damaged_files():
        path = tmp_path / FILES[name]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        with pytest.raises(DataError, match=r"is damaged \(.+\) and was deleted; download it again\.$"):
            fetch(name, tmp_path, download_if_missing=False)
        assert not path.exists()


@EACH
def test_a_changed_byte_is_damage_or_changes_nothing(name: str, site: Site, tmp_path: Path) -> None:
    whole, path = site.files[name], tmp_path / FILES[name]
    expected = fetch(name, tmp_path)["train"].toarray()
    for place in range(0, len(whole), 23):
        changed = bytearray(whole)
        changed[place] ^= 0x5A
        path.write_bytes(changed)
        try:
            np.testing.assert_array_equal(fetch(name, tmp_path, download_if_missing=False)["train"].toarray(), expected)
        except DataError:
            assert not path.exists()


@EACH
def test_a_file_that_cannot_be_read_is_kept(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / FILES[name]
    path.parent.mkdir(parents=True)
    path.write_bytes(b"anything")

    def fail(_: Path) -> bytes:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "read_bytes", fail)
    with pytest.raises(DataError, match="cannot be read: Permission denied"):
        fetch(name, tmp_path)
    assert path.exists()


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
        with pytest.raises(
            ValueError, match=f"test_set_fraction must be a finite number above 0 and below 1, not {share}"
        ):
            fetch_stackexchange("crossvalidated", share)
    with pytest.raises(ValueError, match="data_home must be the path of a file or folder, not 5"):
        fetch_movielens(5)
    with pytest.raises(ValueError, match="min_rating must be a finite number, not 'four'"):
        fetch_movielens(tmp_path, min_rating="four")
    assert site.requests == []
