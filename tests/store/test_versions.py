from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from gingham import store
from gingham.errors import ArtifactError
from gingham.store import Versions


def added(versions: Versions, content: str = "", name: str | None = None) -> str:
    """Add a version with one file, and return its name."""
    with versions.locked(), versions.draft(name) as folder:
        (folder / "content.txt").write_text(content)
    return folder.name


def test_the_pointer_names_the_current_version(tmp_path: Path) -> None:
    versions = Versions(tmp_path / "shop")
    first, second = added(versions, "one"), added(versions, "two")
    assert (versions.names(), versions.current) == ([first, second], None)
    for name, content in ((first, "one"), (second, "two"), (first, "one")):
        versions.switch(name)
        assert versions.current == name
        assert store.current_version(versions.path, "content.txt") == versions.path_of(name)
        assert (versions.path / "current" / "content.txt").read_text() == content
    assert (versions.path / "current").readlink() == Path("versions", first)


def test_the_pointer_is_a_file_where_there_are_no_links(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    versions = Versions(tmp_path)
    first, second = added(versions), added(versions)
    versions.switch(first)

    def refuse(*_: Any, **__: Any) -> None:
        raise OSError("no links")

    with monkeypatch.context() as patch:
        patch.setattr(Path, "symlink_to", refuse)
        versions.switch(second)
    assert (tmp_path / "current").read_text() == f"{second}\n"
    assert not (tmp_path / "current").is_symlink()
    assert versions.current == second
    versions.switch(first)
    assert (tmp_path / "current").is_symlink()
    assert versions.current == first


def test_names_are_times_in_order(tmp_path: Path) -> None:
    versions = Versions(tmp_path)
    before = datetime.now(UTC).replace(microsecond=0)
    names = [added(versions) for _ in range(3)]
    times = [store.time_of(name) for name in names]
    assert names == sorted(set(names))
    assert before <= times[0] <= datetime.now(UTC)
    future = (datetime.now(UTC) + timedelta(days=1)).strftime(store.TIME)
    added(versions, name=future)
    assert store.time_of(added(versions)) == store.time_of(future) + timedelta(seconds=1)


@pytest.mark.parametrize("pointer", ["/etc", "versions/..", "../elsewhere/2024-01-01T00-00-00Z", "", "x" * 5000])
def test_a_pointer_to_something_else_is_not_followed(tmp_path: Path, pointer: str) -> None:
    versions = Versions(tmp_path)
    name = added(versions)
    (tmp_path / "current").write_text(pointer)
    assert versions.current is None
    with pytest.raises(ArtifactError, match=f"None of the versions in .* is current; .*rollback.*{name}"):
        store.current_version(tmp_path, "model")


def test_other_folders_are_not_versions(tmp_path: Path) -> None:
    versions = Versions(tmp_path)
    name = added(versions)
    for other in ("2024-13-01T00-00-00Z", "2024-1-1T00-00-00Z", "notes"):
        versions.path_of(other).mkdir()
    versions.path_of("2024-01-01T00-00-00Z").write_text("a file")
    assert versions.names() == [name]


def test_a_folder_without_versions_is_its_own_current_version(tmp_path: Path) -> None:
    assert store.current_version(tmp_path, "model") == tmp_path
    assert store.current_version(tmp_path / "nothing", "model") == tmp_path / "nothing"


@pytest.mark.parametrize(("keep", "left"), [(1, [1, 4]), (2, [1, 3, 4]), (4, [1, 2, 3, 4]), (9, [0, 1, 2, 3, 4])])
def test_old_versions_are_removed_but_never_the_current_one(tmp_path: Path, keep: int, left: list[int]) -> None:
    versions = Versions(tmp_path)
    names = [added(versions) for _ in range(5)]
    versions.switch(names[1])
    assert versions.prune(keep) == [name for number, name in enumerate(names) if number not in left]
    assert versions.names() == [names[number] for number in left]
    assert versions.current == names[1]
    assert len(list((tmp_path / "versions").iterdir())) == len(left)


def test_an_error_in_a_draft_leaves_nothing(tmp_path: Path) -> None:
    versions = Versions(tmp_path / "shop")
    with pytest.raises(ZeroDivisionError), versions.locked(), versions.draft() as folder:
        (folder / "content.txt").write_text(str(1 / 0))
    assert list(tmp_path.iterdir()) == []
    name = added(versions)
    with pytest.raises(ArtifactError, match="cannot be written: No space"), versions.locked(), versions.draft():
        raise OSError(28, "No space left on device")
    assert [file.name for file in (versions.path / "versions").iterdir()] == [name]


def test_two_writers_exclude_each_other(tmp_path: Path) -> None:
    versions = Versions(tmp_path)
    with versions.locked():
        with pytest.raises(ArtifactError, match="Another process is writing to"), Versions(tmp_path).locked():
            pass
        name = "2024-01-01T00-00-00Z"
        with versions.draft(name):
            pass
    assert added(versions) > name


def test_a_folder_that_cannot_be_created_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ArtifactError, match="cannot be created: Not a directory"):
        added(Versions(tmp_path / "file" / "shop"))
