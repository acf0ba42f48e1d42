import csv
import gzip
import io
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gingham.tables.csv_rows import uneven_rows


@pytest.mark.parametrize("name", ["a.csv", "a.csv.gz"])
def test_rows_with_more_or_fewer_fields_have_their_line_numbers(tmp_path: Path, name: str) -> None:
    text = '\ufeffa,b,c\r\n1,2,3\r\n1,2\r\n"x,y",2,3\r\n"x,y",2,3,4\r\n,,\r\n\r\n'.encode()
    (tmp_path / name).write_bytes(gzip.compress(text) if name.endswith("gz") else text)
    assert uneven_rows(str(tmp_path / name)).rows() == [(3, "1,2", -1), (5, '"x,y",2,3,4', 1), (7, "", -3)]


def test_a_field_with_line_breaks_is_part_of_one_row(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text('a,b\n"1\n2,3",4\n5\n6,7,8\n')
    assert uneven_rows(str(tmp_path / "a.csv")).rows() == [(4, "5", -1), (5, "6,7,8", 1)]


def test_an_empty_field_in_a_file_with_one_column_is_not_an_empty_line(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text('a\n""\nx\n"y,z"\n')
    assert uneven_rows(str(tmp_path / "a.csv")).is_empty()


@given(st.lists(st.lists(st.text('ab", \n', max_size=4), min_size=1, max_size=4), max_size=8))
def test_result_equals_pythons_csv_reader(tmp_path_factory: pytest.TempPathFactory, rows: list[list[str]]) -> None:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([["h", "i"], *rows])
    file = tmp_path_factory.mktemp("lines") / "a.csv"
    file.write_text(text.getvalue())
    assert uneven_rows(str(file))["surplus"].to_list() == [len(row) - 2 for row in rows if len(row) != 2]
