"""``gingham check``: everything that is wrong, or merely odd, in a recipe's tables."""

from collections import Counter
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

from gingham.cli.console import errors, output
from gingham.config import Recipe
from gingham.tables import Finding, check_sources

_STYLES = {"error": "bold red", "warning": "bold yellow", "note": "bold"}
_COLUMNS = 6
_WIDE = 64


def check(
    recipe: Annotated[Path, typer.Argument(metavar="RECIPE", help="A TOML file; `gingham init` writes one.")],
    strict: Annotated[bool, typer.Option("--strict", help="Exit with 1 if there are warnings.")] = False,
) -> None:
    """List all findings on a recipe's tables. Exit code 2 says that there are errors."""
    read = Recipe.read(recipe)
    with errors.status("Checking the tables …"):
        findings = check_sources(
            read.transactions,
            read.users,
            read.items,
            read.base,
            user_features=read.features.users,
            item_features=read.features.items,
            spec=read.clean,
        )
    for finding in findings:
        _show(finding)
    counts = Counter[str](finding.severity for finding in findings)
    told = [f"{counts[kind]} {kind}{'' if counts[kind] == 1 else 's'}" for kind in _STYLES]
    output.print(f"{recipe}: {', '.join(told)}.", highlight=False, markup=False, soft_wrap=True)
    if counts["error"]:
        raise typer.Exit(2)
    if strict and counts["warning"]:
        raise typer.Exit(1)


def _show(finding: Finding) -> None:
    where = finding.table if finding.column is None else f"{finding.table}, {finding.column}"
    rows = f" ({finding.count:,} row{'' if finding.count == 1 else 's'})" if finding.count else ""
    severity = Text(finding.severity, style=_STYLES[finding.severity])
    output.print(Text.assemble(severity, f"  {where}{rows}: {finding.what}"), soft_wrap=True)
    if not finding.examples.is_empty():
        output.print(_rows(finding))
    output.print()


def _rows(finding: Finding) -> Table:
    """Show the examples: the column in question, and as many others as are likely to fit."""
    names = finding.examples.columns
    shown = [name for name in names if name == finding.column] + [name for name in names if name != finding.column]
    table = Table(pad_edge=False, show_edge=False, box=None)
    for column in shown[:_COLUMNS]:
        table.add_column(Text(column), overflow="fold")
    for row in finding.examples.select(shown[:_COLUMNS]).iter_rows():
        table.add_row(*(Text("null", style="dim") if cell is None else Text(_short(cell)) for cell in row))
    return table


def _short(cell: object) -> str:
    said = str(cell)
    return said if len(said) <= _WIDE else f"{said[:_WIDE]}…"
