"""The versions of a run's folder: list them, and make another one the current one."""

from gingham.versions.folder import find, rollback
from gingham.versions.version import Version

__all__ = ["Version", "find", "rollback"]
