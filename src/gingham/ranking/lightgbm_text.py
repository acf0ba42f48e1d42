"""Check of LightGBM's text format. LightGBM trusts a stored model and crashes on an invalid one."""

import re
from collections.abc import Mapping

import numpy as np

from gingham.arrays import Doubles, Longs
from gingham.errors import ArtifactError

OBJECTIVES = ("lambdarank", "rank_xendcg", "binary")
MAX_LEAVES = 131_072
# LightGBM walks through trees recursively to compute contributions, in memory that grows with the square of the depth.
_MAX_DEPTH = 4096
_INT32_MAX = 2**31 - 1
_END = "end of trees\n"
_TREE = re.compile(r"^Tree=", re.MULTILINE)
_UNPRINTABLE = re.compile(r"[^\n\x20-\x7e]")
_INTEGER = re.compile(r"-?[0-9]{1,10}")
_FLOAT = re.compile(r"-?([0-9]{1,40}(\.[0-9]{0,40})?(e[-+]?[0-9]{1,3})?|inf|nan)")
# Bit 1 of a decision type is the side of missing values and bits 2 and 3 what is missing; bit 0 means a categorical
# split, which has arrays of its own.
_NUMERIC_SPLITS = (0, 2, 4, 6, 8, 10)


def check_trees(text: str) -> tuple[str, int]:
    """Check the text that LightGBM writes of a model of one score with numeric splits.

    Parameters
    ----------
    text : str
        From `lightgbm.Booster.model_to_string`.

    Returns
    -------
    text : str
        The part that scores depend on; the training parameters that follow it are left out.
    n_features : int
        The number of features of the model.

    Raises
    ------
    ArtifactError
        If a count, an index or a number is missing or out of range, or if the nodes of a tree are not connected as one.
    """
    try:
        trees, end, _ = text.partition(_END)
        starts = [match.start() for match in _TREE.finditer(trees)]
        if not end or not starts or not text.startswith("tree\n") or _UNPRINTABLE.search(trees):
            raise ValueError("it is not a LightGBM model")
        blocks = [trees[start:stop] for start, stop in zip(starts, [*starts[1:], len(trees)], strict=True)]
        header = _keys(trees[len("tree\n") : starts[0]])
        n_features = _check_header(header)
        if header.get("tree_sizes", "").split(" ") != [str(len(block)) for block in blocks]:
            raise ValueError("tree_sizes are not the sizes of the trees")
        for number, block in enumerate(blocks):
            _check_tree(_keys(block), number, n_features)
    except (ValueError, OverflowError) as error:
        raise ArtifactError(f"The stored trees are invalid: {error}; fit and save the model again.") from None
    return trees + end, n_features


def _check_header(header: Mapping[str, str]) -> int:
    """Check the lines before the trees, and return the number of features."""
    for key in ("num_class", "num_tree_per_iteration"):
        if header.get(key) != "1":
            raise ValueError(f"{key} is not 1")
    if header.get("objective", "").split(" ")[0] not in OBJECTIVES:
        raise ValueError("the objective is unknown")
    n_features = len(header.get("feature_names", "").split())
    if header.get("max_feature_idx") != str(n_features - 1) or n_features < 1:
        raise ValueError("max_feature_idx is not the index of the last feature name")
    if len(header.get("feature_infos", "").split()) != n_features:
        raise ValueError("feature_infos does not describe every feature")
    if "average_output" in header:
        raise ValueError("it averages trees")
    return n_features


def _check_tree(tree: Mapping[str, str], number: int, n_features: int) -> None:
    for key, value in {"Tree": str(number), "num_cat": "0", "is_linear": "0"}.items():
        if tree.get(key) != value:
            raise ValueError(f"{key} of tree {number} is not {value}")
    n_leaves = int(_integers(tree, "num_leaves", 1, 1, MAX_LEAVES)[0])
    n_nodes = n_leaves - 1
    _integers(tree, "split_feature", n_nodes, 0, n_features - 1)
    if not np.isin(_integers(tree, "decision_type", n_nodes, 0, 10), _NUMERIC_SPLITS).all():
        raise ValueError(f"tree {number} has a split that is not numeric")
    _floats(tree, "threshold", n_nodes)  # infinite where only missing values go to one side
    if not np.isfinite(_floats(tree, "leaf_value", n_leaves)).all():
        raise ValueError(f"tree {number} has a leaf_value that is not finite")
    sides = (_integers(tree, key, n_nodes, -n_leaves, n_nodes - 1) for key in ("left_child", "right_child"))
    _check_nodes(np.stack(list(sides)), n_leaves, number)
    # LightGBM reads these only where they are present, and writes some of them empty for a tree of one leaf.
    for key, size in (("internal_count", n_nodes), ("leaf_count", n_leaves)):
        if tree.get(key):
            _integers(tree, key, size, 0, _INT32_MAX)
    sizes = {"internal_value": n_nodes, "internal_weight": n_nodes, "split_gain": n_nodes, "leaf_weight": n_leaves}
    for key, size in {**sizes, "shrinkage": 1}.items():
        if tree.get(key):
            _floats(tree, key, size)


def _check_nodes(children: Longs, n_leaves: int, number: int) -> None:
    """Check that every node but the first, and every leaf (written as -1 - leaf), is the child of one earlier node."""
    if n_leaves == 1:
        return
    n_nodes = n_leaves - 1
    expected = np.concatenate([np.arange(-n_leaves, 0), np.arange(1, n_nodes)])
    side, node = np.nonzero(children > 0)
    connected = np.array_equal(np.sort(children, axis=None), expected)
    if not connected or not (children[side, node] > node).all():
        raise ValueError(f"the nodes of tree {number} are not connected as a tree")
    depth = [1] * n_nodes
    for parent, child in sorted(zip(node.tolist(), children[side, node].tolist(), strict=True)):
        depth[child] = depth[parent] + 1
    if max(depth) > _MAX_DEPTH:
        raise ValueError(f"tree {number} has more than {_MAX_DEPTH} levels")


def _integers(tree: Mapping[str, str], key: str, size: int, least: int, most: int) -> Longs:
    words = _words(tree, key, size, _INTEGER)
    numbers = np.array([int(word) for word in words], np.int64)
    if not ((numbers >= least) & (numbers <= most)).all():
        raise ValueError(f"{key} has a number that is not from {least} to {most}")
    return numbers


def _floats(tree: Mapping[str, str], key: str, size: int) -> Doubles:
    words = _words(tree, key, size, _FLOAT)
    numbers = np.array([float(word) for word in words], np.float64)
    if any(word.lstrip("-") != "inf" for word in np.array(words)[np.isinf(numbers)]):
        raise ValueError(f"{key} has a number that is too large")
    return numbers


def _words(tree: Mapping[str, str], key: str, size: int, form: re.Pattern[str]) -> list[str]:
    value = tree.get(key)
    words = value.split(" ") if value else []
    if value is None or len(words) != size or not all(map(form.fullmatch, words)):
        raise ValueError(f"{key} is not a line of {size} numbers")
    return words


def _keys(lines: str) -> dict[str, str]:
    keys: dict[str, str] = {}
    for line in filter(None, lines.split("\n")):
        key, _, value = line.partition("=")
        if key in keys:
            raise ValueError(f"{key} appears twice")
        keys[key] = value
    return keys
