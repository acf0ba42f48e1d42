"""Storing: artifacts of models, and files and folders that are replaced as a whole or not at all."""

from gingham.store.artifact import FORMAT, MANIFEST, Artifact, csr_arrays, csr_of, read, write, write_into
from gingham.store.replacing import exists, reason, replace_directory, replace_file, require_replaceable, resolve

__all__ = [
    "FORMAT",
    "MANIFEST",
    "Artifact",
    "csr_arrays",
    "csr_of",
    "exists",
    "read",
    "reason",
    "replace_directory",
    "replace_file",
    "require_replaceable",
    "resolve",
    "write",
    "write_into",
]
