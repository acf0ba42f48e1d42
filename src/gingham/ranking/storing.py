"""The first stage and the ranker of a `TwoStage` model as JSON values and arrays, and back."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated, Any

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp
from pydantic import Field, NonNegativeInt

from gingham.checked import Contents, Values, require
from gingham.dataset import Dataset, Features
from gingham.errors import ArtifactError
from gingham.models import Recommender
from gingham.models.training_data import TrainingData
from gingham.ranking.blending import Blend, BlendedRanker
from gingham.ranking.examples import Stage
from gingham.ranking.ranker import DEFAULT_KIND, FittedRanker, StoredRanker, restore_ranker
from gingham.ranking.snapshot import Snapshot, timed_log
from gingham.store import Artifact

Arrays = dict[str, npt.NDArray[Any]]

# The name of the ranker's text and JSON values in artifacts, and the prefix of its arrays.
_RANKER = "ranker"
# The name of the JSON values of what is added to the ranker's scores.
_BLEND = "blend"
_SIDES = ("user_features", "item_features")


class _StoredModel(Values):
    """A candidate model."""

    kind: str
    params: dict[str, Any]
    state: dict[str, Any]


class _StoredStage(Values):
    """The JSON values of a stage; older artifacts have no dataset but the names of its features."""

    moment: int
    # In seconds; at most a hundred years.
    period: Annotated[float, Field(gt=0, le=100 * 366 * 86_400)]
    dataset: dict[str, Any] | None = None
    models: list[_StoredModel]
    sizes: list[NonNegativeInt]
    unsold: list[bool] = Field(default=[])


def stage_parts(stage: Stage, data: TrainingData) -> tuple[dict[str, Any], Arrays]:
    """Return the JSON values and arrays from which `restore_stage` builds the same stage.

    The snapshot has its own arrays only if the training data have no log.
    """
    snapshot, models = stage.snapshot, []
    dataset, arrays = None, Arrays()
    if data.dataset is None:
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
        "unsold": list(stage.unsold),
    }
    return state, arrays


def restore_stage(state: Mapping[str, Any], arrays: Contents[npt.NDArray[Any]], data: TrainingData) -> Stage:
    """Build a stage from what `stage_parts` returned and the training data of the model.

    The candidate models share the training data.

    Raises
    ------
    DataError, ParameterError
        If the values are not those of a stage.
    """
    stored = _StoredStage.read(state)
    if data.dataset is None:
        described = _dataset_state(state, data) if stored.dataset is None else stored.dataset
        dataset = Dataset.from_arrays(described, arrays.within("snapshot"), data.user_ids, data.item_ids)
        require(dataset.interactions.timestamp is not None, "the array 'snapshot.timestamp' is missing")
    else:
        require(stored.dataset is None, "the value dataset is there twice")
        dataset = timed_log(data)
    require(_same(dataset.matrix(), data.matrix), "the arrays of the snapshot are not the training data")
    for name, encoder in (("user_features", data.user_encoder), ("item_features", data.item_encoder)):
        features: Features | None = getattr(dataset, name)
        fitting = features is None or encoder is None or features.definitions == encoder.features
        require(fitting, f"the value {name} has other features than the encoder")
    snapshot = Snapshot.latest(dataset, timedelta(seconds=stored.period))
    require(int(snapshot.moment.astype(np.int64)) == stored.moment, "the value moment is not the end of the data")
    require(len(stored.models) == len(stored.sizes) > 0, "the value sizes is not as long as models")
    require(len(stored.unsold) in (0, len(stored.models)), "the value unsold is not as long as models")
    models = [
        Recommender.restored(model.kind, model.params, model.state, arrays.within(f"models.{number}"), data)
        for number, model in enumerate(stored.models)
    ]
    return Stage(snapshot, models, stored.sizes, stored.unsold)


def _same(one: sp.csr_matrix, other: sp.csr_matrix) -> bool:
    """Return whether matrices are equal up to rounding: SciPy may add in another order than when it was stored."""
    is_same = np.array_equal(one.indptr, other.indptr) and np.array_equal(one.indices, other.indices)
    return is_same and np.allclose(one.data, other.data, rtol=1e-4)


def ranker_parts(kind: str, ranker: FittedRanker) -> tuple[dict[str, Any], Arrays, dict[str, str]]:
    """Return the JSON values, arrays and texts from which `restore_fitted_ranker` builds the same ranker."""
    stored = ranker.store()
    texts = {} if stored.text is None else {_RANKER: stored.text}
    state: dict[str, Any] = {_RANKER: {"kind": kind, **stored.values}}
    if isinstance(ranker, BlendedRanker):
        state[_BLEND] = ranker.blend.model_dump()
    return state, _prefixed(_RANKER, stored.arrays), texts


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
    values, arrays = dict(values), Contents("array", artifact.arrays).within(_RANKER)
    kind = values.pop("kind", DEFAULT_KIND)
    stored = StoredRanker(values, artifact.texts.get(_RANKER), dict(arrays))
    ranker = restore_ranker(kind, stored)
    return kind, BlendedRanker(ranker, _stored_blend(artifact, ranker)) if _BLEND in artifact.state else ranker


def _stored_blend(artifact: Artifact, ranker: FittedRanker) -> Blend:
    blend = Blend.of(artifact.state[_BLEND], _BLEND)
    require(blend.column < ranker.n_features, f"the blend has column {blend.column} of {ranker.n_features} features")
    return blend


def _prefixed(prefix: str, arrays: Mapping[str, npt.NDArray[Any]]) -> Arrays:
    return {f"{prefix}.{name}": array for name, array in arrays.items()}


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
