"""Check of LightGBM's text format. LightGBM trusts a stored model and crashes on an invalid one."""

import re
from collections.abc import Mapping, Sequence

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
_VERSION = re.compile(r"v[0-9]{1,2}")
_OBJECTIVE = re.compile(rf"({'|'.join(OBJECTIVES)})( sigmoid:[0-9]+(\.[0-9]+)?)?")
_HEADER_KEYS = (
    "version",
    "num_class",
    "num_tree_per_iteration",
    "label_index",
    "max_feature_idx",
    "objective",
    "feature_names",
    "feature_infos",
    "tree_sizes",
)
_TREE_KEYS = (
    "Tree",
    "num_leaves",
    "num_cat",
    "split_feature",
    "split_gain",
    "threshold",
    "decision_type",
    "left_child",
    "right_child",
    "leaf_value",
    "leaf_weight",
    "leaf_count",
    "internal_value",
    "internal_weight",
    "internal_count",
    "is_linear",
    "shrinkage",
)
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
        The model, written again from what was checked; the training parameters that follow it are left out.
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
        header = _keys(trees[len("tree\n") : starts[0]], _HEADER_KEYS)
        n_features = _check_header(header)
        if header["tree_sizes"].split(" ") != [str(len(block)) for block in blocks]:
            raise ValueError("tree_sizes are not the sizes of the trees")
        parsed = [_keys(block, _TREE_KEYS) for block in blocks]
        largest = [_check_tree(tree, number, n_features) for number, tree in enumerate(parsed)]
        if not sum(largest) < float(np.finfo(np.float32).max):
            raise ValueError("the leaf values are so large that scores are not finite")
    except (ValueError, OverflowError) as error:
        raise ArtifactError(f"The stored trees are invalid: {error}; fit and save the model again.") from None
    return _written(header, parsed), n_features


def _written(header: Mapping[str, str], trees: Sequence[Mapping[str, str]]) -> str:
    """Return the text of a model as LightGBM writes it: it reads no more of a tree than a number of lines."""
    blocks = ["".join(f"{key}={tree[key]}\n" for key in _TREE_KEYS) + "\n\n" for tree in trees]
    lines = {**header, "tree_sizes": " ".join(str(len(block)) for block in blocks)}
    return "\n".join(["tree", *(f"{key}={lines[key]}" for key in _HEADER_KEYS), "", *["".join(blocks) + _END]])


def _check_header(header: Mapping[str, str]) -> int:
    """Check the lines before the trees, and return the number of features."""
    for key, value in {"num_class": "1", "num_tree_per_iteration": "1", "label_index": "0"}.items():
        if header[key] != value:
            raise ValueError(f"{key} is not {value}")
    if not _VERSION.fullmatch(header["version"]):
        raise ValueError("the version is unknown")
    if not _OBJECTIVE.fullmatch(header["objective"]):
        raise ValueError("the objective is unknown")
    n_features = len(header["feature_names"].split())
    if header["max_feature_idx"] != str(n_features - 1) or n_features < 1:
        raise ValueError("max_feature_idx is not the index of the last feature name")
    if len(header["feature_infos"].split()) != n_features:
        raise ValueError("feature_infos does not describe every feature")
    return n_features


def _check_tree(tree: Mapping[str, str], number: int, n_features: int) -> float:
    """Check a tree, and return its largest absolute leaf value."""
    for key, value in {"Tree": str(number), "num_cat": "0", "is_linear": "0"}.items():
        if tree[key] != value:
            raise ValueError(f"{key} of tree {number} is not {value}")
    n_leaves = int(_integers(tree, "num_leaves", 1, 1, MAX_LEAVES)[0])
    n_nodes = n_leaves - 1
    _integers(tree, "split_feature", n_nodes, 0, n_features - 1)
    if not np.isin(_integers(tree, "decision_type", n_nodes, 0, 10), _NUMERIC_SPLITS).all():
        raise ValueError(f"tree {number} has a split that is not numeric")
    # Infinite where only missing values go to one side.
    if np.isnan(_floats(tree, "threshold", n_nodes)).any():
        raise ValueError(f"tree {number} has a threshold that is not a number")
    leaves = _finite(tree, "leaf_value", n_leaves, number)
    children = np.stack(
        [_integers(tree, key, n_nodes, -n_leaves, n_nodes - 1) for key in ("left_child", "right_child")]
    )
    _check_nodes(children, n_leaves, number)
    _finite(tree, "shrinkage", 1, number)
    _check_statistics(tree, children, n_leaves, number)
    return float(np.abs(leaves).max())


def _check_statistics(tree: Mapping[str, str], children: Longs, n_leaves: int, number: int) -> None:
    """Check the statistics of the training data, from which LightGBM computes the contributions of features."""
    n_nodes = n_leaves - 1
    _floats(tree, "split_gain", n_nodes)
    _finite(tree, "internal_value", n_nodes, number)
    _finite(tree, "internal_weight", n_nodes, number)
    if n_leaves > 1 or tree["leaf_weight"]:  # LightGBM leaves it empty for a tree of one leaf
        _finite(tree, "leaf_weight", n_leaves, number)
    counts = _integers(tree, "internal_count", n_nodes, 1, _INT32_MAX)
    if n_leaves == 1 and not tree["leaf_count"]:
        return
    # The child -1 - leaf is at the place of the leaf from the end.
    of_child = np.concatenate([counts, _integers(tree, "leaf_count", n_leaves, 1, _INT32_MAX)[::-1]])
    if not np.array_equal(of_child[children].sum(axis=0), counts):
        raise ValueError(f"the counts of tree {number} do not add up")


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


def _finite(tree: Mapping[str, str], key: str, size: int, number: int) -> Doubles:
    numbers = _floats(tree, key, size)
    if not np.isfinite(numbers).all():
        raise ValueError(f"tree {number} has {key} that is not finite")
    return numbers


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
    words = tree[key].split(" ") if tree[key] else []
    if len(words) != size or not all(map(form.fullmatch, words)):
        raise ValueError(f"{key} is not a line of {size} numbers")
    return words


def _keys(lines: str, expected: Sequence[str]) -> dict[str, str]:
    """Read lines of ``key=value``, which have every key once and no other."""
    keys: dict[str, str] = {}
    for line in filter(None, lines.split("\n")):
        key, separator, value = line.partition("=")
        if key in keys:
            raise ValueError(f"{key} appears twice")
        if key not in expected or not separator:
            raise ValueError(f"there is a line {line[:40]!r}")
        keys[key] = value
    for key in expected:
        if key not in keys:
            raise ValueError(f"{key} is missing")
    return keys
