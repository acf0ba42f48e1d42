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

__all__ = [
    "FORMAT",
    "MANIFEST",
    "Artifact",
    "csr_arrays",
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
    "write",
    "write_into",
]
