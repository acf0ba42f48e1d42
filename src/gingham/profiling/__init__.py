"""The profile: a page with charts and sentences about the tables of a shop."""

from gingham.profiling.overview import Profile, profile

__all__ = ["Profile", "profile"]
