"""Damages of one part of an artifact, chosen by a random generator."""

import json
import re
from collections.abc import Callable
from copy import deepcopy
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from gingham.store import MANIFEST, Artifact
from gingham.store.artifact import _checksum, _fingerprint

Array = npt.NDArray[Any]
DTYPES = ("float64", "float16", "int8", "int32", "int64", "uint8", "uint32", "uint64", "bool", "float32")
VALUES: tuple[Any, ...] = (
    None, True, False, "", "x", "7d", 0, -1, 1, 3, 0.5, -1.5, 1e300, 2**31 - 1, 2**31, 2**63, 10**400, [], [1], {},
    {"a": 1}, [[[[[]]]]], "NaN", "0" * 10_000, "../x", [None], {"kind": "ALS"}, "ALS", 2**53 + 1,
)  # fmt: skip
KINDS = ("ALS", "HybridMF", "Popularity", "BuyAgain", "TwoStage", "EASE", "LightFM", "Recommender", "")


# Arrays ---------------------------------------------------------------------------------------------------------------


def flip_bits(array: Array, rng: np.random.Generator) -> Array:
    raw = bytearray(array.tobytes())
    for _ in range(rng.integers(1, 4) if raw else 0):
        raw[rng.integers(len(raw))] ^= 1 << int(rng.integers(8))
    return np.frombuffer(bytes(raw), array.dtype).reshape(array.shape)


def random_bytes(array: Array, rng: np.random.Generator) -> Array:
    return np.frombuffer(rng.bytes(array.nbytes), array.dtype).reshape(array.shape)


def one_value(array: Array, rng: np.random.Generator) -> Array:
    array = array.copy()
    if array.size:
        is_integer = array.dtype.kind in "iu"
        limits: Any = np.iinfo(array.dtype) if is_integer else np.finfo(array.dtype)
        special = [-1, 0, 1, limits.min, limits.max, array.size, array.size - 1, np.nan, np.inf, -np.inf]
        value = special[rng.integers(7 if is_integer else len(special))]
        array.reshape(-1)[rng.integers(array.size)] = limits.max if array.dtype.kind == "u" and value < 0 else value
    return array


def other_size(array: Array, rng: np.random.Generator) -> Array:
    ways: tuple[Callable[[], Any], ...] = (
        lambda: array[:-1],
        lambda: np.concatenate([array, array[:1]]),
        lambda: array[:0],
        lambda: np.concatenate([array, array]),
        lambda: array[None],
        lambda: array.reshape(-1),
        lambda: array[..., None],
        lambda: array.T[:0],
        lambda: np.empty((0, 2**40), array.dtype),
        lambda: array.sum(),
    )
    return np.ascontiguousarray(ways[rng.integers(len(ways))]())


def other_order(array: Array, rng: np.random.Generator) -> Array:
    return rng.permutation(array) if array.ndim else array


def other_type(array: Array, rng: np.random.Generator) -> Array:
    dtype = np.dtype(DTYPES[rng.integers(len(DTYPES))])
    with np.errstate(all="ignore"):
        return array.view(dtype) if rng.integers(2) and dtype.itemsize == array.itemsize else array.astype(dtype)


DAMAGES: tuple[Callable[[Array, np.random.Generator], Array], ...] = (
    flip_bits, random_bytes, one_value, one_value, other_size, other_order, other_type,
)  # fmt: skip


def damage_arrays(artifact: Artifact, rng: np.random.Generator) -> tuple[str, Artifact]:
    arrays = dict(artifact.arrays)
    names = sorted(arrays)
    name, other = names[rng.integers(len(names))], names[rng.integers(len(names))]
    way = rng.integers(len(DAMAGES) + 3)
    if way < len(DAMAGES):
        how, arrays[name] = DAMAGES[way].__name__, DAMAGES[way](arrays[name], rng)
    elif way == len(DAMAGES):
        how, arrays[name], arrays[other] = f"swap with {other}", arrays[other], arrays[name]
    else:
        removed, how = arrays.pop(name), "remove"
        if way > len(DAMAGES) + 1:
            how, arrays[f"{name}.x"] = "rename", removed
    return f"{name}: {how}", replace(artifact, arrays=arrays)


# JSON values ----------------------------------------------------------------------------------------------------------


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Return the path of every value within a JSON value."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path] * bool(path) + [place for key, part in inner for place in places(part, (*path, key))]


def damage_values(artifact: Artifact, rng: np.random.Generator) -> tuple[str, Artifact]:
    if rng.integers(20) == 0:
        kind = KINDS[rng.integers(len(KINDS))]
        return f"kind {kind}", replace(artifact, kind=kind)
    values: dict[str, Any] = {"params": deepcopy(dict(artifact.params)), "state": deepcopy(dict(artifact.state))}
    paths = places(values)
    *parents, key = paths[rng.integers(len(paths))]
    owner: Any = values
    for parent in parents:
        owner = owner[parent]
    way = rng.integers(8)
    if way <= 1 and isinstance(owner, dict) and parents:
        removed, how = owner.pop(key), "remove"
        if way == 1:
            how, owner[f"{key}x"] = "rename", removed
    elif way == 2 and isinstance(owner[key], list):
        how, owner[key] = "length", owner[key] * 2 if rng.integers(2) else owner[key][1:]
    elif way == 3:
        how, owner[key] = "type", str(owner[key]) if isinstance(owner[key], int | float) else 3
    else:
        owner[key] = VALUES[rng.integers(len(VALUES))]
        how = repr(owner[key])[:20]
    return f"{'.'.join(map(str, (*parents, key)))}: {how}", replace(artifact, **values)


# Tables ---------------------------------------------------------------------------------------------------------------


def damage_tables(artifact: Artifact, rng: np.random.Generator) -> tuple[str, Artifact]:
    tables = dict(artifact.tables)
    names = sorted(tables)
    if not names:
        return damage_values(artifact, rng)
    name = names[rng.integers(len(names))]
    table = tables[name]
    column = table.columns[rng.integers(table.width)]
    dtypes = (pl.Float64, pl.Categorical, pl.Binary, pl.Int8, pl.Int64, pl.String, pl.List(pl.String), pl.Null)
    dtype = dtypes[rng.integers(len(dtypes))]
    first = pl.int_range(pl.len()) == 0
    ways: dict[str, Callable[[], pl.DataFrame]] = {
        "remove": lambda: table,
        "drop column": lambda: table.drop(column),
        "rename column": lambda: table.rename({column: f"{column}x"}),
        "add column": lambda: table.with_columns(more=pl.lit("x")),
        "type": lambda: table.with_columns(pl.col(column).cast(dtype, strict=False)),
        "shuffle": lambda: table.sample(fraction=1, shuffle=True, seed=int(rng.integers(2**31))),
        "shorter": lambda: table[:-1],
        "empty": lambda: table[:0],
        "duplicate": lambda: pl.concat([table, table[-1:]]),
        "null": lambda: table.with_columns(pl.when(first).then(None).otherwise(column).alias(column)),
        "all null": lambda: table.with_columns(pl.lit(None, pl.String).alias(column)),
        "constant": lambda: table.with_columns(pl.lit("zz").alias(column)),
        "bomb": lambda: table[:1].select(pl.all().repeat_by(3_000_000).list.explode()),
    }
    how = list(ways)[rng.integers(len(ways))]
    try:
        tables[name] = ways[how]()
    except pl.exceptions.PolarsError:  # such as text as a number
        return damage_tables(artifact, rng)
    if how == "remove":
        del tables[name]
    return f"{name}: {how}", replace(artifact, tables=tables)


# Trees ----------------------------------------------------------------------------------------------------------------

NUMBERS = ("-1", "0", "1", "7", "999999999", "-999999999", "2147483648", "1e999", "nan", "inf", "-inf", "", "x", "1 2")
WAYS = ("number", "number", "number", "delete", "twice", "swap", "flip", "cut", "copy", "count")


def damage_trees(artifact: Artifact, rng: np.random.Generator) -> tuple[str, Artifact]:
    how, text = damage_text(artifact.texts["ranker"], rng)
    return f"ranker: {how}", replace(artifact, texts={"ranker": text})


def damage_text(text: str, rng: np.random.Generator) -> tuple[str, str]:
    """Damage a text of LightGBM; correct the sizes of its trees in most cases, so that the damage is read."""
    lines = text[: text.index("end of trees")].split("\n")
    at, other = rng.integers(len(lines), size=2).tolist()
    key, separator, value = lines[at].partition("=")
    how = WAYS[rng.integers(len(WAYS))]
    if how == "delete":
        del lines[at]
    elif how == "twice":
        lines.insert(at, lines[at])
    elif how == "swap":
        lines[at], lines[other] = lines[other], lines[at]
    elif how == "flip" and lines[at]:
        letters = bytearray(lines[at].encode())
        letters[rng.integers(len(letters))] ^= 1 << int(rng.integers(7))
        lines[at] = letters.decode("latin-1")
    elif how == "cut":
        lines[at] = lines[at][: int(rng.integers(len(lines[at]) + 1))]
    elif separator and how == "number":
        words = value.split(" ")
        words[rng.integers(len(words))] = NUMBERS[rng.integers(len(NUMBERS))]
        lines[at] = f"{key}={' '.join(words)}"
    elif separator and how == "copy":
        lines[at] = f"{key}={lines[other].partition('=')[2]}"
    elif separator and how == "count":
        lines[at] = f"{lines[at]} 1" if rng.integers(2) else lines[at].rpartition(" ")[0]
    damaged = "\n".join(lines) + "end of trees\n"
    return how, resized(damaged) if rng.integers(10) else damaged


def resized(text: str) -> str:
    """Return a text of LightGBM with the right sizes of the trees."""
    trees = text[: text.index("end of trees")]
    starts = [*(tree.start() for tree in re.finditer("^Tree=", trees, re.MULTILINE)), len(trees)]
    sizes = " ".join(str(stop - start) for start, stop in pairwise(starts))
    return re.sub(r"^tree_sizes=.*$", f"tree_sizes={sizes}", text, count=1, flags=re.MULTILINE)


# Bytes of files -------------------------------------------------------------------------------------------------------


def damage_files(folder: Path, rng: np.random.Generator) -> str:
    """Change bytes of a file of arrays or of a table, and the checksums."""
    names = sorted(file.name for file in folder.iterdir() if file.suffix in (".safetensors", ".parquet"))
    file = folder / names[rng.integers(len(names))]
    content = bytearray(file.read_bytes())
    # The descriptions are at the start of arrays and at the end of tables.
    size = min(len(content), 600)
    start = 0 if file.suffix == ".safetensors" else len(content) - size
    for _ in range(rng.integers(1, 5)):
        content[start + rng.integers(size)] = rng.integers(256)
    file.write_bytes(content[: int(rng.integers(len(content)))] if rng.integers(6) == 0 else content)
    sign(folder)
    return f"bytes of {file.name}"


def sign(folder: Path, **changes: Any) -> None:
    """Write a manifest with some other values, and with the checksums of the files as they are."""
    manifest = json.loads((folder / MANIFEST).read_text()) | changes
    manifest.pop("sha256", None)
    manifest["files"] = changes.get("files") or {name: _fingerprint(folder / name) for name in manifest["files"]}
    manifest["sha256"] = _checksum(manifest)
    (folder / MANIFEST).write_text(json.dumps(manifest))
