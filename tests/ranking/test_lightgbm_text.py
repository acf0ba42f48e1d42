"""The check of LightGBM's text: it accepts what LightGBM writes, and refuses what would crash LightGBM."""

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from gingham.errors import ArtifactError
from gingham.ranking.lightgbm_text import check_trees

lightgbm = pytest.importorskip("lightgbm")
N_FEATURES = 4


def trained(objective: str = "lambdarank", n_trees: int = 3, **params: Any) -> Any:
    rng = np.random.default_rng(0)
    features = rng.random((500, N_FEATURES)).astype(np.float32)
    features[::7, 2] = np.nan
    labels = (features[:, 0] + 0.3 * np.nan_to_num(features[:, 2]) > 0.6).astype(int)
    params = {"objective": objective, "num_leaves": 4, "verbosity": -1, "num_threads": 1, **params}
    return lightgbm.train(params, lightgbm.Dataset(features, labels, group=[50] * 10), n_trees)


@pytest.fixture(scope="module")
def text() -> str:
    return str(trained().model_to_string())


def edited(text: str, key: str, change: Callable[[str], str], *, resized: bool = True) -> str:
    """Change the value of the first line with a key, and correct the sizes of the trees."""
    changed = re.sub(rf"^{key}=(.*)$", lambda line: f"{key}={change(line[1])}", text, count=1, flags=re.MULTILINE)
    assert changed != text
    if not resized:
        return changed
    trees = changed[: changed.index("end of trees")]
    starts = [*(tree.start() for tree in re.finditer("^Tree=", trees, re.MULTILINE)), len(trees)]
    sizes = " ".join(str(size) for size in np.diff(starts))
    return re.sub(r"^tree_sizes=.*$", f"tree_sizes={sizes}", changed, count=1, flags=re.MULTILINE)


@pytest.mark.parametrize("objective", ["lambdarank", "rank_xendcg", "binary"])
@pytest.mark.parametrize("params", [{}, {"num_leaves": 31, "n_trees": 20}, {"min_data_in_leaf": 10**6}, {"n_trees": 1}])
def test_what_lightgbm_writes_is_accepted(objective: str, params: dict[str, Any]) -> None:
    booster = trained(objective, **params)
    checked, n_features = check_trees(booster.model_to_string())
    assert n_features == N_FEATURES
    features = np.random.default_rng(1).random((50, N_FEATURES)).astype(np.float32)
    features[::5] = np.nan
    copy = lightgbm.Booster(model_str=checked)
    for how in ({"raw_score": True}, {"pred_contrib": True}):
        np.testing.assert_array_equal(copy.predict(features, **how), booster.predict(features, **how))


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("num_class", "2", "num_class is not 1"),
        ("num_tree_per_iteration", "3", "num_tree_per_iteration is not 1"),
        ("max_feature_idx", "9", "max_feature_idx is not the index of the last feature name"),
        ("max_feature_idx", "-1", "max_feature_idx"),
        ("feature_infos", "none", "feature_infos does not describe every feature"),
        ("objective", "custom", "the objective is unknown"),
        ("Tree", "7", "Tree of tree 0 is not 0"),
        ("num_leaves", "5", "split_feature is not a line of 4 numbers"),
        ("num_leaves", "0", "num_leaves has a number that is not from 1 to 131072"),
        ("num_leaves", "99999999999", "num_leaves is not a line of 1 numbers"),
        ("num_cat", "1", "num_cat of tree 0 is not 0"),
        ("is_linear", "1", "is_linear of tree 0 is not 0"),
        ("split_feature", "0 1 4", "split_feature has a number that is not from 0 to 3"),
        ("split_feature", "0 -1 2", "split_feature has a number"),
        ("split_feature", "0 1", "split_feature is not a line of 3 numbers"),
        ("split_feature", "0  1", "split_feature is not a line of 3 numbers"),
        ("threshold", "0.5 1e999 0.5", "threshold has a number that is too large"),
        ("threshold", "0.5 1.2.3 0.5", "threshold is not a line of 3 numbers"),
        ("threshold", "0.5 1_0 0.5", "threshold is not a line of 3 numbers"),
        ("leaf_value", "0 0 0 nan", "tree 0 has leaf_value that is not finite"),
        ("leaf_value", "0 0 0 inf", "tree 0 has leaf_value that is not finite"),
        ("decision_type", "2 1 2", "tree 0 has a split that is not numeric"),
        ("decision_type", "2 99 2", "decision_type has a number"),
        ("left_child", "1 1 -1", "the nodes of tree 0 are not connected as a tree"),
        ("left_child", "0 -2 -1", "the nodes of tree 0 are not connected as a tree"),
        ("left_child", "9 -2 -1", "left_child has a number that is not from -4 to 2"),
        ("left_child", "2 -9 -1", "left_child has a number that is not from -4 to 2"),
        ("leaf_count", "1 2 3", "leaf_count is not a line of 4 numbers"),
        ("internal_count", "-5 2 3", "internal_count has a number that is not from 1"),
        ("leaf_weight", "1 2", "leaf_weight is not a line of 4 numbers"),
        ("leaf_count", "161 246 45 0", "leaf_count has a number that is not from 1"),
        ("leaf_count", "161 246 45 49", "the counts of tree 0 do not add up"),
        ("internal_count", "501 254 93", "the counts of tree 0 do not add up"),
        ("internal_weight", "15 nan 2", "tree 0 has internal_weight that is not finite"),
        ("threshold", "nan 0.3 0.4", "tree 0 has a threshold that is not a number"),
        ("leaf_value", "2e38 0 0 -4e38", "the leaf values are so large that scores are not finite"),
        ("shrinkage", "x", "shrinkage is not a line of 1 numbers"),
    ],
)
def test_a_wrong_value_is_refused(text: str, key: str, value: str, words: str) -> None:
    with pytest.raises(ArtifactError, match=f"The stored trees are invalid: {words}"):
        check_trees(edited(text, key, lambda _: value))


def test_nodes_that_form_a_circle_are_refused(text: str) -> None:
    circle = edited(edited(text, "left_child", lambda _: "-1 2 1"), "right_child", lambda _: "-2 -3 -4")
    with pytest.raises(ArtifactError, match="not connected as a tree"):
        check_trees(circle)


def test_a_tree_of_too_many_levels_is_refused(text: str) -> None:
    """A chain: each node has a leaf and the next node."""
    n_nodes = 5000
    lines = {
        "num_leaves": str(n_nodes + 1),
        "split_feature": " ".join(["0"] * n_nodes),
        "threshold": " ".join(["0.5"] * n_nodes),
        "decision_type": " ".join(["2"] * n_nodes),
        "left_child": " ".join(str(-1 - node) for node in range(n_nodes)),
        "right_child": " ".join([*(str(node) for node in range(1, n_nodes)), str(-1 - n_nodes)]),
        "leaf_value": " ".join(["0"] * (n_nodes + 1)),
    }
    for key, value in lines.items():
        text = edited(text, key, lambda _, value=value: value)  # type: ignore[misc]
    with pytest.raises(ArtifactError, match="more than 4096 levels"):
        check_trees(text)


@pytest.mark.parametrize(
    "change",
    [
        lambda text: "",
        lambda text: "trees\n" + text,
        lambda text: text[:400],
        lambda text: text.replace("end of trees\n", ""),
        lambda text: text.replace("Tree=", "tree="),
        lambda text: text.replace("label_index=0", "label_index=0\rmax_feature_idx=99"),
        lambda text: text.replace("label_index=0", "max_feature_idx=3"),
        lambda text: text.replace("label_index=0", "average_output"),
        lambda text: text.replace("num_cat=0\n", "num_cat=0\nnum_cat=0\n"),
        lambda text: text.replace("left_child=", "left="),
        lambda text: edited(text, "tree_sizes", lambda sizes: sizes[:-1], resized=False),
    ],
)
def test_a_text_of_another_form_is_refused(text: str, change: Callable[[str], str]) -> None:
    with pytest.raises(ArtifactError, match="The stored trees are invalid: "):
        check_trees(change(text))
