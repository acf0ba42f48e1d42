"""The first stage and the ranker of a `TwoStage` model as JSON values and arrays, and back."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import numpy as np
import numpy.typing as npt

from gingham.dataset import Dataset
from gingham.errors import ArtifactError
from gingham.models import Recommender
from gingham.models.training_data import TrainingData
from gingham.ranking.examples import Stage
from gingham.ranking.ranker import DEFAULT_KIND, FittedRanker, StoredRanker, restore_ranker
from gingham.ranking.snapshot import Snapshot
from gingham.store import Artifact

Arrays = dict[str, npt.NDArray[Any]]

# The name of the ranker's text and JSON values in artifacts, and the prefix of its arrays.
_RANKER = "ranker"
_SIDES = ("user_features", "item_features")


def stage_parts(stage: Stage) -> tuple[dict[str, Any], Arrays]:
    """Return the JSON values and arrays from which `restore_stage` builds the same stage."""
    snapshot, models = stage.snapshot, []
    dataset, columns = snapshot.dataset.arrays()
    arrays = _prefixed("snapshot", columns)
    for number, model in enumerate(stage.models):
        state, model_arrays = model._learned()
        models.append({"kind": type(model).__name__, "params": model._stored_params(), "state": state})
        arrays |= _prefixed(f"models.{number}", model_arrays)
    state = {
        "moment": int(snapshot.moment.astype(np.int64)),
        "period": snapshot.period.total_seconds(),
        "dataset": dataset,
        "models": models,
        "sizes": list(stage.sizes),
    }
    return state, arrays


def restore_stage(state: Mapping[str, Any], arrays: Mapping[str, npt.NDArray[Any]], data: TrainingData) -> Stage:
    """Build a stage from what `stage_parts` returned and the training data of the model.

    The candidate models share the training data.
    """
    described = state["dataset"] if "dataset" in state else _dataset_state(state, data)
    dataset = Dataset.from_arrays(described, _within("snapshot", arrays), data.user_ids, data.item_ids)
    snapshot = Snapshot(dataset, np.datetime64(state["moment"], "us"), timedelta(seconds=state["period"]))
    models = []
    for number, stored in enumerate(state["models"]):
        model_class = Recommender.classes_by_name[stored["kind"]]
        model = model_class(**model_class._restored_params(stored["params"]))
        model._training_data = data
        model._relearn(stored["state"], _within(f"models.{number}", arrays))
        models.append(model)
    return Stage(snapshot, models, state["sizes"])


def ranker_parts(kind: str, ranker: FittedRanker) -> tuple[dict[str, Any], Arrays, dict[str, str]]:
    """Return the JSON values, arrays and texts from which `restore_fitted_ranker` builds the same ranker."""
    stored = ranker.store()
    texts = {} if stored.text is None else {_RANKER: stored.text}
    return {_RANKER: {"kind": kind, **stored.values}}, _prefixed(_RANKER, stored.arrays), texts


def restore_fitted_ranker(artifact: Artifact) -> tuple[str, FittedRanker | None]:
    """Return the kind of an artifact's ranker, and the fitted ranker or None if there is none.

    Raises
    ------
    ArtifactError
        If the ranker is invalid.
    """
    if _RANKER not in artifact.state:
        return DEFAULT_KIND, None
    values = artifact.state[_RANKER]
    if not isinstance(values, dict):
        raise ArtifactError(f"The stored ranker is invalid: its values are {values!r}; fit and save the model again.")
    values = dict(values)
    kind = values.pop("kind", DEFAULT_KIND)
    stored = StoredRanker(values, artifact.texts.get(_RANKER), _within(_RANKER, artifact.arrays))
    return kind, restore_ranker(kind, stored)


def _prefixed(prefix: str, arrays: Mapping[str, npt.NDArray[Any]]) -> Arrays:
    return {f"{prefix}.{name}": array for name, array in arrays.items()}


def _within(prefix: str, arrays: Mapping[str, npt.NDArray[Any]]) -> Arrays:
    start = f"{prefix}."
    return {name.removeprefix(start): array for name, array in arrays.items() if name.startswith(start)}


def _dataset_state(state: Mapping[str, Any], data: TrainingData) -> dict[str, Any]:
    """Describe the dataset of an older artifact, which has only the names of features; encoders know their columns."""
    shape = len(data.user_ids), len(data.item_ids)
    described: dict[str, Any] = {"n_users": shape[0], "n_items": shape[1]}
    for side, size, encoder in zip(_SIDES, shape, (data.user_encoder, data.item_encoder), strict=True):
        if side in state["features"]:
            width, *names = state["features"][side]
            features = encoder.features if encoder is not None and list(encoder.names) == names else ()
            definitions = [[feature.column, feature.label, feature.kind] for feature in features]
            described[side] = {
                "shape": [size, width],
                "definitions": definitions or [[name, "", "number"] for name in names],
            }
    return described
