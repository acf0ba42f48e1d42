"""The recipe that a search ends with: the one it began with, and the best parameters as its ``[model]``."""

import json
import tomllib
from collections.abc import Mapping
from datetime import date, datetime, time
from pathlib import Path
from typing import Any

from gingham.config import Recipe
from gingham.tables.database import sqlite_file

_TABLES = ("transactions", "users", "items")


def best_text(recipe: Recipe, params: Mapping[str, Any]) -> str:
    """Write it as TOML. Its paths are absolute, for it is stored elsewhere."""
    content = tomllib.loads(recipe.text)
    model = content.get("model", {}) | params
    if "epochs" in params:
        # The number of epochs has been found.
        model.pop("early_stopping", None)
    content["model"] = model
    for table in (content[name] for name in _TABLES if name in content):
        if "path" in table:
            table["path"] = _absolute(table["path"], recipe.base)
        if "url" in table:
            table["url"] = _found_from_anywhere(table["url"], recipe.base)
    plain = {key: value for key, value in content.items() if not isinstance(value, dict)}
    lines = ["# The best parameters that `gingham tune` found.", *_keys(plain)]
    for key, value in content.items():
        if isinstance(value, dict):
            lines += ["", f"[{_key(key)}]", *_keys(value)]
    return "\n".join(lines) + "\n"


def _absolute(path: str | list[str], base: Path) -> str | list[str]:
    if isinstance(path, list):
        return [str(_absolute(one, base)) for one in path]
    return path if "://" in path else str((base / path).absolute())


def _found_from_anywhere(url: str, base: Path) -> str:
    import sqlalchemy

    address = sqlalchemy.make_url(url)
    # Where a variable stands for a part of it, nobody knows yet which file it is.
    file = None if "${" in url else sqlite_file(address, base)
    return url if file is None else str(address.set(database=str(file.absolute())))


def _keys(content: Mapping[str, Any]) -> list[str]:
    return [f"{_key(key)} = {_value(value)}" for key, value in content.items()]


def _key(key: str) -> str:
    return key if key.replace("_", "").replace("-", "").isalnum() and key.isascii() else _value(key)


def _value(value: Any) -> str:
    """Write a value that TOML can hold; tables inline."""
    if isinstance(value, str):
        # JSON's escapes are TOML's, but for a character that JSON leaves as it is.
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, date | datetime | time):
        return value.isoformat()
    if isinstance(value, list):
        return f"[{', '.join(map(_value, value))}]"
    if isinstance(value, dict):
        return f"{{ {', '.join(_keys(value))} }}" if value else "{}"
    return repr(value)
