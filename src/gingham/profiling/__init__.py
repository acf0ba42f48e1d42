"""The profile: a page on a shop's tables that a merchandiser understands."""

from gingham.profiling.overview import Profile, profile

__all__ = ["Profile", "profile"]
