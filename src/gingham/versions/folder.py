"""The folder of a run: its versions, which of them is current, and what earlier versions of Gingham wrote into it."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path

from gingham import store
from gingham.errors import ArtifactError, ParameterError
from gingham.validation import check_path, check_text
from gingham.versions.files import MARKER, MODEL, link, own_files
from gingham.versions.version import Version, describe, read_version, time_of_files, write_description

_SECOND = timedelta(seconds=1)


def find(folder: Path | str) -> tuple[Version, ...]:
    """Return the versions in the folder of a run, the oldest first.

    Parameters
    ----------
    folder : path
        The folder that `gingham run` wrote.

    Raises
    ------
    ArtifactError
        If the folder has no version, or a version is damaged.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> import gingham as gg
    >>> text = '''
    ... transactions = { path = "sales.parquet", user_id = "user_id", item_id = "item_id", timestamp = "timestamp" }
    ... model = { kind = "popularity" }
    ... '''
    >>> with tempfile.TemporaryDirectory() as directory:
    ...     folder = Path(directory)
    ...     gg.synth.sample_tables().transactions.collect().write_parquet(folder / "sales.parquet")
    ...     _ = (folder / "shop.toml").write_text(text)
    ...     runs = [gg.run(folder / "shop.toml", folder / "run") for _ in range(2)]
    ...     _ = gg.versions.rollback(folder / "run")
    ...     [(version.model, version.is_current) for version in gg.versions.find(folder / "run")]
    [('popularity', True), ('popularity', False)]
    """
    return RunFolder(check_path("folder", folder)).find()


def rollback(folder: Path | str, version: str | None = None) -> Version:
    """Make another version the current one.

    Parameters
    ----------
    folder : path
        The folder that `gingham run` wrote.
    version : str, optional
        The name of the version; it may be later than the current one, or one that the gate refused. By default the
        last version before the current one that the gate did not refuse.

    Returns
    -------
    Version
        The version that is current now.

    Raises
    ------
    ArtifactError
        If the folder has no version, none before the current one, or can't be written.
    ParameterError
        If it has no version of this name.

    Examples
    --------
    >>> import gingham as gg
    >>> gg.versions.rollback("runs/nothing")
    Traceback (most recent call last):
        ...
    gingham.errors.ArtifactError: runs/nothing does not exist; use the folder that `gingham run` wrote.
    """
    run_folder = RunFolder(check_path("folder", folder))
    if version is not None:
        check_text("version", version)
    run_folder.require_version()
    with run_folder.locked():
        before = run_folder.find()
        name = _earlier(before, run_folder.path) if version is None else version
        names = [one.name for one in before]
        if name not in names:
            raise ParameterError(f"{run_folder.path} has no version {name!r}; it has {', '.join(names)}.")
        run_folder.adopt()
        run_folder.versions.switch(name)
    return next(one for one in run_folder.find() if one.name == name)


def _earlier(versions: tuple[Version, ...], path: Path) -> str:
    """Return the name of the last version before the current one that the gate did not refuse."""
    current = next((one.name for one in versions if one.is_current), None)
    earlier = [one.name for one in versions if one.passed is not False and (current is None or one.name < current)]
    if not earlier:
        raise ArtifactError(
            f"{path} has no version before the current one that the gate did not refuse; name one of "
            f"{', '.join(one.name for one in versions)}."
        )
    return earlier[-1]


class RunFolder:
    """The folder of a run, which may not exist yet.

    Parameters
    ----------
    path : Path
        The folder.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.versions = store.Versions(path)

    @property
    def current(self) -> Path | None:
        """The folder of the current version; None if there is none."""
        if (name := self.versions.current) is not None:
            return self.versions.path_of(name)
        return store.resolve(self.path) if self._is_unversioned() else None

    def require_version(self) -> None:
        """Check that there is a version, current or not.

        Raises
        ------
        ArtifactError
            If there is none.
        """
        if not self.versions.names():
            self.require_current()

    def require_current(self) -> Path:
        """Return the folder of the current version.

        Raises
        ------
        ArtifactError
            If there is none.
        """
        folder = store.current_version(self.path, MARKER)
        if not store.exists(folder):
            raise ArtifactError(f"{self.path} does not exist; use the folder that `gingham run` wrote.")
        if not store.exists(folder / MARKER):
            raise ArtifactError(
                f"{self.path} is not the folder of a run: it has no file {MARKER}; use `gingham run` first."
            )
        return folder

    def find(self) -> tuple[Version, ...]:
        """Return the versions, the oldest first."""
        names = self.versions.names()
        if not names or self._is_unversioned():
            folder = self.require_current()
            return (read_version(folder, time_of_files(folder).strftime(store.TIME), is_current=True),)
        current = self.versions.current
        return tuple(read_version(self.versions.path_of(name), name, name == current) for name in names)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Lock the folder, which is created if it is missing.

        Raises
        ------
        ArtifactError
            If another process writes to it, or it has other files and no run.
        """
        path = self.path.absolute()
        if not store.exists(path) and store.exists(store.resolve(path)):
            store.resolve(path).rename(path)
        if not store.exists(path / store.VERSIONS):
            store.require_replaceable(path, MARKER)
        with self.versions.locked():
            yield

    def publish(self, name: str, keep: int) -> Version:
        """Make a new version current, unless its gate refused it, and remove old versions.

        Parameters
        ----------
        name : str
            The name of the new version.
        keep : int
            How many versions to keep, the current one not counted if it is older.
        """
        version = read_version(self.versions.path_of(name), name, is_current=False)
        self.adopt()
        if version.passed is not False:
            self.versions.switch(name)
        self.versions.prune(keep)
        return read_version(version.folder, name, name == self.versions.current)

    def adopt(self) -> None:
        """Turn a run that was stored without versions into a version, and remove it from its old place."""
        if self._is_unversioned():
            later = [store.time_of(name) - _SECOND for name in self.versions.names()[:1]]
            name = min([time_of_files(self.path), *later]).strftime(store.TIME)
            with self.versions.draft(name) as folder:
                for file in own_files(self.path):
                    link(self.path / file, folder / file)
                write_description(folder, describe(folder))
            self.versions.switch(name)
        self.remove_unversioned()

    def remove_unversioned(self) -> None:
        """Remove the files of a run that was stored without versions."""
        if store.exists(self.path / MARKER):
            # The marker, which has the names of the model's files, is the last one, so that a killed removal goes on.
            for file in sorted(own_files(self.path) - {MARKER}):
                (self.path / file).unlink(missing_ok=True)
            (self.path / MARKER).unlink()
            with suppress(OSError):  # the user has files in it
                (self.path / MODEL).rmdir()

    def _is_unversioned(self) -> bool:
        return self.versions.current is None and store.exists(store.resolve(self.path) / MARKER)
