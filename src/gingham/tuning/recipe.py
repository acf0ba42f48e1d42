"""The recipe that a search writes: its own recipe with the best parameters in ``[model]``."""

import json
import tomllib
from collections.abc import Mapping
from datetime import date, datetime, time
from pathlib import Path
from typing import Any

from gingham.config import Recipe
from gingham.tables.database import sqlite_file

_TABLES = ("transactions", "users", "items")


def best_recipe(recipe: Recipe, params: Mapping[str, Any]) -> str:
    """Return a recipe with other parameters of the model, as TOML.

    Paths become absolute, because the recipe is stored in another folder.
    """
    content = tomllib.loads(recipe.text)
    model = content.get("model", {}) | params
    if "epochs" in params:
        # The search has determined the number of epochs.
        model.pop("early_stopping", None)
    content["model"] = model
    for table in (content[name] for name in _TABLES if name in content):
        if "path" in table:
            table["path"] = _absolute_path(table["path"], recipe.base)
        if "url" in table:
            table["url"] = _absolute_url(table["url"], recipe.base)
    plain = {key: value for key, value in content.items() if not isinstance(value, dict)}
    lines = ["# The best parameters that `gingham tune` found.", *_keys(plain)]
    for key, value in content.items():
        if isinstance(value, dict):
            lines += ["", f"[{_key(key)}]", *_keys(value)]
    return "\n".join(lines) + "\n"


def _absolute_path(path: str | list[str], base: Path) -> str | list[str]:
    if isinstance(path, list):
        return [str(_absolute_path(one, base)) for one in path]
    return path if "://" in path else str((base / path).absolute())


def _absolute_url(url: str, base: Path) -> str:
    import sqlalchemy

    address = sqlalchemy.make_url(url)
    # A variable may stand for a part of the path, so its file is not known yet.
    file = None if "${" in url else sqlite_file(address, base)
    return url if file is None else str(address.set(database=str(file.absolute())))


def _keys(content: Mapping[str, Any]) -> list[str]:
    return [f"{_key(key)} = {_value(value)}" for key, value in content.items()]


def _key(key: str) -> str:
    return key if key.replace("_", "").replace("-", "").isalnum() and key.isascii() else _value(key)


def _value(value: Any) -> str:
    """Return a value as TOML; tables inline."""
    if isinstance(value, str):
        # TOML has the escapes of JSON, and also escapes one character that JSON does not.
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
