"""The versions of a run's folder: list them, choose the current one, update it, and forget users."""

from gingham.versions.changes import forget, update
from gingham.versions.folder import find, rollback
from gingham.versions.version import Version

__all__ = ["Version", "find", "forget", "rollback", "update"]
