import io

import polars as pl
import pytest
from rich.table import Table
from rich.text import Text

from gingham.cli import console
from gingham.cli.console import SafeConsole, cell

HOSTILE = "\x1b]0;owned\x07\x1b[2J\rü\x9b1m\u202e"
SHOWN = r"\x1b]0;owned\x07\x1b[2J\rü\x9b1m\u202e"


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> io.StringIO:
    """Return what is printed on a terminal with colours."""
    stream = io.StringIO()
    options = {"file": stream, "force_terminal": True, "width": 200, "highlight": False, "markup": False}
    for name in ("output", "errors"):
        monkeypatch.setattr(console, name, SafeConsole(**options))
    return stream


def without_styles(text: str) -> str:
    for code in ("\x1b[0m", "\x1b[1m", "\x1b[31m", "\x1b[1;3m", "\x1b[3m"):
        text = text.replace(code, "")
    return text


def test_control_characters_of_data_do_not_reach_the_terminal(shown: io.StringIO) -> None:
    console.print_text(f"{HOSTILE}\nsecond line")
    console.ConsoleProgress().message(HOSTILE)
    console.errors.print(f"Error: {HOSTILE}", style="red")
    rows = pl.DataFrame({"item_id": [HOSTILE], "rank": [1], "score": [0.5]})
    console.print_items(f"For {HOSTILE}", rows, "item_id", pl.DataFrame({"item_id": [HOSTILE], "name": ["a\nb"]}))
    lines = without_styles(shown.getvalue())
    assert lines.count(SHOWN) == 5
    assert r"a\nb" in lines
    assert not set(lines) & set("\x1b\x07\r\x9b\u202e")
    assert f"{SHOWN}\nsecond line\n" in lines


def test_a_table_of_any_texts_is_escaped(shown: io.StringIO) -> None:
    table = Table("a", HOSTILE, title=HOSTILE)
    table.add_row(HOSTILE, Text(HOSTILE))
    console.output.print(table)
    assert not set(without_styles(shown.getvalue())) & set("\x1b\x07\r\x9b\u202e")


def test_a_cell_is_one_line() -> None:
    assert cell("a\tb\nc").plain == r"a\tb\nc"
    assert cell(3, "bold").style == "bold"
