"""``gingham check``: the problems of a recipe's tables."""

from typing import TYPE_CHECKING, Annotated

import typer

from gingham.cli.arguments import AsJson, Quiet, RecipeFile

if TYPE_CHECKING:
    from rich.table import Table

    from gingham.tables import Finding

_STYLES = {"error": "bold red", "warning": "bold yellow", "note": "bold"}
_MAX_COLUMNS = 6
_MAX_LETTERS = 64


def check(
    file: RecipeFile,
    strict: Annotated[bool, typer.Option("--strict", help="Exit with 1 if there are warnings.")] = False,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """List the problems of a recipe's tables. The exit code is 2 if there are errors."""
    from collections import Counter

    from gingham.cli.reporter import Reporter
    from gingham.config import Recipe
    from gingham.pipeline import check_recipe

    reporter = Reporter(as_json, quiet)
    recipe = Recipe.read(file)
    with reporter.stage("Checking the tables"):
        findings = check_recipe(recipe)
    for finding in () if as_json else findings:
        _print_finding(finding)
    counts = Counter[str](finding.severity for finding in findings)
    summary = [f"{counts[kind]} {kind}{'' if counts[kind] == 1 else 's'}" for kind in _STYLES]
    reporter.text(f"{file}: {', '.join(summary)}.")
    numbers = {f"{kind}s": counts[kind] for kind in _STYLES}
    reporter.document({**numbers, "findings": [finding.to_dict() for finding in findings]})
    if counts["error"]:
        raise typer.Exit(2)
    if strict and counts["warning"]:
        raise typer.Exit(1)


def _print_finding(finding: "Finding") -> None:
    from rich.text import Text

    from gingham.cli.console import cell, output

    where = finding.table if finding.column is None else f"{finding.table}, {finding.column}"
    rows = f" ({finding.count:,} row{'' if finding.count == 1 else 's'})" if finding.count else ""
    severity = Text(finding.severity, style=_STYLES[finding.severity])
    output.print(Text.assemble(severity, cell(f"  {where}{rows}: {finding.what}")), soft_wrap=True)
    if not finding.examples.is_empty():
        output.print(_examples(finding))
    output.print()


def _examples(finding: "Finding") -> "Table":
    """Return the example rows: the column of the finding, and some other columns."""
    from rich.table import Table

    from gingham.cli.console import cell

    names = sorted(finding.examples.columns, key=lambda name: name != finding.column)[:_MAX_COLUMNS]
    table = Table(pad_edge=False, show_edge=False, box=None)
    for name in names:
        table.add_column(cell(name), overflow="fold")
    for row in finding.examples.select(names).iter_rows():
        table.add_row(*(cell("null", "dim") if value is None else cell(_short(value)) for value in row))
    return table


def _short(value: object) -> str:
    text = str(value)
    return text if len(text) <= _MAX_LETTERS else f"{text[:_MAX_LETTERS]}…"
