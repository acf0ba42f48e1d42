"""Damaged artifacts with right checksums: `python -m tests.fuzz --help`, or `make fuzz`."""
