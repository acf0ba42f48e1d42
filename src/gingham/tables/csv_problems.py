"""Problems of text files that programs read differently: refused with the line and the remedy."""

import polars as pl

from gingham.tables.content import ContentError
from gingham.tables.csv_file import CsvFile
from gingham.tables.csv_scan import Counts

LINE, TEXT = "line", "text"
_EXAMPLES = 5
# How many characters of a record are shown.
_LONG = 120


class LinesError(ContentError):
    """Lines of a file have a problem.

    Attributes
    ----------
    count : int
        The number of lines.
    examples : polars.DataFrame
        The first of them: columns ``line`` (where the record starts) and ``text`` (its first 120 characters).
    """

    def __init__(self, reason: str, count: int, examples: pl.DataFrame) -> None:
        super().__init__(reason)
        self.count, self.examples = count, examples


def refuse_problems(file: CsvFile, counts: Counts) -> None:
    """Refuse a file that programs read differently.

    Parameters
    ----------
    file : CsvFile
        The file.
    counts : Counts
        What was counted in it.

    Raises
    ------
    LinesError
        If it has NUL bytes, a quotation mark that is not closed or is followed by text, its header twice, or lines with
        more or fewer fields than columns.
    """

    def where(line: int, count: int) -> str:
        more = f" and {count - 1:,} more" if count > 1 else ""
        return f" in line {line:,}{more}"

    quote = 'write a quotation mark inside a field as two ("")'
    if counts.nul:
        problem = "is not text; export it again, or set encoding if it is UTF-16"
        raise _error(
            file, f"has NUL bytes{where(counts.nul_line, counts.nul)} and {problem}", counts.nul, [counts.nul_line]
        )
    if counts.unclosed_line:
        line = counts.unclosed_line
        raise _error(file, f"has a quotation mark{where(line, 1)} that is not closed; {quote}", 1, [line])
    if counts.after_quote:
        line, n = counts.after_quote_line, counts.after_quote
        raise _error(file, f"has a closing quotation mark{where(line, n)} that is followed by text; {quote}", n, [line])
    if counts.headers:
        line, n = counts.header_line, counts.headers
        raise _error(file, f"has its header again{where(line, n)}, like files that were joined; remove it", n, [line])
    long, short = (f"quote fields that contain {file.separator!r}", "an empty field still needs its separator")
    if not file.has_header:
        long = short = "list the name of every column in column_names"
    for kind, line, count, remedy in (
        ("more", counts.long_line, counts.long, f"{long}, or correct the line"),
        ("fewer", counts.short_line, counts.short, f"correct the line; {short}"),
    ):
        if count:
            raise _error(file, f"has {kind} fields than columns{where(line, count)}; {remedy}", count, [])


def _error(file: CsvFile, reason: str, count: int, lines: list[int]) -> LinesError:
    """Return the error with the records that start in `lines`; without lines, those with too many or few fields."""
    more = "more fields" in reason
    examples: list[tuple[int, str]] = []
    for line, row in file.rows():
        n_extra = len(row) - len(file.names)
        if line in lines or (not lines and (n_extra > 0 if more else n_extra < 0)):
            examples.append((line, file.separator.join(row)[:_LONG]))
            if len(examples) == (1 if lines else _EXAMPLES):
                break
        if lines and line > lines[-1]:
            break
    return LinesError(reason, count, pl.DataFrame(examples, {LINE: pl.Int64, TEXT: pl.String}, orient="row"))
