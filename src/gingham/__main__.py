"""Run the command line: ``python -m gingham``."""

from gingham.cli import main

main()
