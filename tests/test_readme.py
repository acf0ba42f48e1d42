import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"


def test_python_example_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (code,) = re.findall(r"```python\n(.*?)```", README.read_text(encoding="utf-8"), flags=re.DOTALL)
    rng = np.random.default_rng(0)
    users, items = ["ann", "bob", "cid"], ["tea", "milk", *(f"item {number}" for number in range(18))]
    days = pl.date_range(pl.date(2024, 1, 1), pl.date(2024, 1, 30), eager=True)
    names: dict[str, Any] = {
        "sales": pl.DataFrame(
            {
                "user_id": rng.choice(users, 300),
                "item_id": rng.choice(items, 300),
                "timestamp": days.sample(300, with_replacement=True, seed=1),
            }
        ),
        "customers": pl.DataFrame({"user_id": users}),
        "articles": pl.DataFrame({"item_id": items}),
    }
    names["todays_sales"] = names["sales"].head(9)
    exec(code, names)
    assert names["gg"].load("artifact").n_users == 2


def test_figures_equal_the_results_of_the_benchmarks() -> None:
    section = README.read_text(encoding="utf-8").partition("## How it compares")[2]
    figures = re.findall(r"\d+(?:\.\d+)?(?:x| MB| GB| min)\b", section)
    files = [ROOT / "benchmarks" / "results" / f"{name}.json" for name in ("bench", "scale", "lightfm", "evaluation")]
    rows = [row for file in files for row in json.loads(file.read_text(encoding="utf-8"))["rows"]]
    assert len(figures) > 15
    assert set(figures) <= {row["measured"] for row in rows}


def test_python_example_of_cleaning_runs(capsys: pytest.CaptureFixture[str]) -> None:
    (code,) = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "cleaning.md").read_text(encoding="utf-8"), re.DOTALL)
    exec(code, {})
    assert f"# {capsys.readouterr().out.strip()}" in code
