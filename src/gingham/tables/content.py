"""The content of text files: decompressed, in chunks, and never more than fits in memory."""

import gzip
import io
import math
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import polars as pl

try:
    from lzma import LZMAError
except ModuleNotFoundError:  # Python was built without it, and can't open such archives
    LZMAError = zipfile.BadZipFile  # type: ignore[assignment,misc]
try:
    import resource
except ModuleNotFoundError:  # on Windows
    resource = None  # type: ignore[assignment]

_CHUNK = 1 << 21
_GZIP, _ZSTD, _ZIP = b"\x1f\x8b", b"\x28\xb5\x2f\xfd", (b"PK\x03\x04", b"PK\x05\x06")
# A longer record is not one: Polars could not hold it either.
LONGEST = 2**30
# The share of the free memory that one file may take.
_SHARE = 0.7
# How many files of an archive a message names.
_LISTED = 5
_MEMORY = Path("/proc/meminfo")
_SIZES = Path("/proc/self/statm")


class ContentError(Exception):
    """A file cannot be read as a table; the message is the end of a sentence, such as "has no CSV file in it"."""


def is_url(file: str) -> bool:
    """Return whether a path is a URL."""
    return "://" in file


def magic(file: str, size: int = 8) -> bytes:
    """Return the first bytes of a local file, which tell of what kind it is."""
    with Path(file).open("rb") as stream:
        return stream.read(size)


def is_plain(file: str) -> bool:
    """Return whether a file is local and not compressed."""
    return not is_url(file) and not magic(file).startswith((_GZIP, _ZSTD, *_ZIP))


def is_zip(file: str) -> bool:
    """Return whether a file is a local zip archive."""
    return not is_url(file) and magic(file).startswith(_ZIP)


def read_chunks(file: str) -> Iterator[bytes]:
    """Yield the bytes of a file, decompressed.

    Raises
    ------
    ContentError
        If a compressed file is damaged, or is larger than the free memory when it is decompressed.
    OSError, polars.exceptions.PolarsError
        If it cannot be read.
    """
    if is_url(file) or magic(file).startswith(_ZSTD):
        yield from _limited(_lines(file))
    elif is_plain(file):
        with Path(file).open("rb") as stream:
            yield from _pieces(stream)
    else:
        with _open_compressed(file) as stream:
            yield from _limited(_pieces(stream))


def collect(chunks: Iterator[bytes]) -> bytes:
    """Return all chunks together.

    Raises
    ------
    ContentError
        If they are larger than the free memory.
    """
    content = io.BytesIO()
    content.writelines(_limited(chunks))
    return content.getvalue()


def read_lines(file: str) -> Iterator[bytes]:
    """Yield the lines of a file, decompressed, without line feeds.

    Raises
    ------
    ContentError
        As `read_chunks`, or if a line is too long.
    """
    parts: list[bytes] = []
    for chunk in read_chunks(file):
        first, *lines = chunk.split(b"\n")
        parts.append(first)
        for line in lines:
            yield b"".join(parts)
            parts = [line]
        if len(parts) * _CHUNK > LONGEST:
            raise too_long("a line")
    yield b"".join(parts)


def too_long(what: str) -> ContentError:
    """Return the error for a line or record that no table has."""
    return ContentError(f"has {what} of more than {LONGEST / 2**30:g} GB; it is not a table, or a quote is not closed")


def require_memory(file: str) -> None:
    """Refuse a zip archive whose files do not fit in memory together.

    Raises
    ------
    ContentError
        If it is larger than the free memory when it is decompressed, or damaged.
    """
    try:
        with zipfile.ZipFile(file) as archive:
            size = sum(member.file_size for member in archive.infolist())
    except zipfile.BadZipFile as error:
        raise _damaged(error) from error
    if size > (limit := _limit()):
        raise _too_large(limit)


def _pieces(stream: IO[bytes] | gzip.GzipFile) -> Iterator[bytes]:
    while piece := stream.read(_CHUNK):
        yield piece


def _lines(file: str) -> Iterator[bytes]:
    """Yield the lines of a file that only Polars can open."""
    lines = pl.scan_lines(file, name="line", glob=is_url(file))
    for batch in lines.collect_batches(chunk_size=50_000, engine="streaming"):
        yield "".join(f"{line}\n" for line in batch["line"]).encode()


@contextmanager
def _open_compressed(file: str) -> Iterator[IO[bytes] | gzip.GzipFile]:
    try:
        if is_zip(file):
            with zipfile.ZipFile(file) as archive:
                member = _only_member(archive)
                if member.file_size > (limit := _limit()):
                    raise _too_large(limit)
                with _open_member(archive, member) as stream:
                    yield stream
        else:
            with gzip.open(file) as stream:
                yield stream
    except (EOFError, zlib.error, LZMAError, zipfile.BadZipFile) as error:
        raise _damaged(error) from error
    except OSError as error:
        if error.errno is not None:  # of the system; those of gzip and bz2 have no number
            raise
        raise _damaged(error) from error


def _open_member(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> IO[bytes]:
    try:
        return archive.open(member)
    # Nothing but `open` runs here. It raises RuntimeError for an encrypted member, and its subclass NotImplementedError
    # for an unknown method of compression.
    except RuntimeError as error:
        raise ContentError(
            f"cannot be read: {str(error).rstrip('.')}; unpack it, and use the path of the file"
        ) from error


def _damaged(error: Exception) -> ContentError:
    return ContentError(f"cannot be read: the compressed file is damaged ({error}); copy or export it again")


def _only_member(archive: zipfile.ZipFile) -> zipfile.ZipInfo:
    """Return the one file in a zip archive."""
    members = [
        member
        for member in archive.infolist()
        if not member.is_dir()
        and not member.filename.startswith("__MACOSX/")
        and not Path(member.filename).name.startswith(".")
    ]
    names = [member.filename for member in members]
    if "[Content_Types].xml" in names:
        raise ContentError("is an Excel file, not text; rename it so that it ends in .xlsx")
    if len(members) != 1:
        listed = f" ({', '.join(names[:_LISTED])})" if members else ""
        raise ContentError(
            f"is a zip archive with {len(members)} files{listed}, not with one; unpack it, and use their paths"
        )
    return members[0]


def _limited(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """Yield chunks as long as they fit in memory together."""
    limit, size = _limit(), 0
    for chunk in chunks:
        size += len(chunk)
        if size > limit:
            raise _too_large(limit)
        yield chunk


def _limit() -> float:
    memory = free_memory()
    return math.inf if memory is None else _SHARE * memory


def _too_large(limit: float) -> ContentError:
    return ContentError(
        f"is larger than {limit / 2**30:.1f} GB, which is most of the free memory, when it is decompressed or "
        "converted; use Parquet or uncompressed UTF-8, or a machine with more memory"
    )


def free_memory() -> int | None:
    """Return the number of bytes that this process can still allocate; None if the system does not say."""
    limits = []
    if _MEMORY.exists():
        lines = dict(line.split(":", 1) for line in _MEMORY.read_text(encoding="ascii").splitlines())
        if "MemAvailable" in lines:
            limits.append(int(lines["MemAvailable"].split()[0]) * 1024)
    if resource is not None and _SIZES.exists():
        address_space, _ = resource.getrlimit(resource.RLIMIT_AS)
        used = int(_SIZES.read_text(encoding="ascii").split()[0]) * resource.getpagesize()
        if address_space != resource.RLIM_INFINITY:
            limits.append(max(address_space - used, 0))
    return min(limits, default=None)
