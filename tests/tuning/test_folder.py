from pathlib import Path

import pytest

from gingham import store
from gingham.errors import ArtifactError
from gingham.tuning.folder import STUDY, SUMMARY, Folder


def test_a_folder_has_one_search_at_a_time(tmp_path: Path) -> None:
    folder = Folder(tmp_path / "deep" / "out")
    folder.check_replaceable()
    assert not folder.path.exists()
    with folder.open_study() as study:
        assert study == folder.path / STUDY
        assert (folder.path / SUMMARY).exists()
        for other in (folder.check_replaceable, folder.open_study().__enter__):
            with pytest.raises(ArtifactError, match=r"Another search is writing to .*out; wait until it has ended"):
                other()
    folder.check_replaceable()
    with folder.open_study():
        pass


def test_a_file_system_without_locks_works(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_locks(_: Path) -> int:
        raise OSError(37, "No locks available")

    monkeypatch.setattr(store, "lock", no_locks)
    folder = Folder(tmp_path / "out")
    with folder.open_study(), folder.open_study():
        assert folder.path.is_dir()


def test_a_folder_that_a_killed_process_moved_gets_its_name_back(tmp_path: Path) -> None:
    with Folder(tmp_path / "out").open_study() as study:
        study.write_text("trials")
    (tmp_path / "out").rename(tmp_path / ".out.old")
    with Folder(tmp_path / "out").open_study() as study:
        assert study.read_text() == "trials"
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


@pytest.mark.parametrize("kind", ["file", "other files", "long", "null", "in a file"])
def test_a_place_that_cannot_be_a_folder_is_refused(tmp_path: Path, kind: str) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine").touch()
    places = {"file": "file", "other files": "full", "long": "x" * 300, "null": "a\0b", "in a file": "file/out"}
    with pytest.raises(ArtifactError):
        Folder(tmp_path / places[kind]).open_study().__enter__()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "full"]
