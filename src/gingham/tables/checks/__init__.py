"""Checks of the shop's tables: errors, and values that are unusual, with counts and examples."""
