"""Storing: artifacts of models, and files and folders that are replaced as a whole or not at all."""

from gingham.store.artifact import FORMAT, MANIFEST, Artifact, csr_arrays, kind, own_files, read, write, write_into
from gingham.store.locks import lock, remove_abandoned, temporary_folder
from gingham.store.replacing import (
    exists,
    foreign_files,
    reason,
    replace_directory,
    replace_file,
    require_replaceable,
    resolve,
)
from gingham.store.versions import TIME, VERSIONS, Versions, current_version, time_of

__all__ = [
    "FORMAT",
    "MANIFEST",
    "TIME",
    "VERSIONS",
    "Artifact",
    "Versions",
    "csr_arrays",
    "current_version",
    "exists",
    "foreign_files",
    "kind",
    "lock",
    "own_files",
    "read",
    "reason",
    "remove_abandoned",
    "replace_directory",
    "replace_file",
    "require_replaceable",
    "resolve",
    "temporary_folder",
    "time_of",
    "write",
    "write_into",
]
