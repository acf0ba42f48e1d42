"""Checks of the shop's tables: errors, and values that are unusual, with counts and examples."""

from gingham.tables.checks.check import check, check_sources

__all__ = ["check", "check_sources"]
