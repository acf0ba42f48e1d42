"""Loading stored models of every kind."""

from pathlib import Path
from typing import Any, TypeVar, overload

# A class is registered when its module is imported; that of `TwoStage` is not part of `gingham.models`.
import gingham.ranking  # noqa: F401
from gingham import store
from gingham.errors import ArtifactError, ParameterError
from gingham.lightfm import LightFM
from gingham.models import Recommender
from gingham.validation import check_path, shown

Model = TypeVar("Model", bound=Recommender | LightFM)

# The folder of the model in that of a run or a search.
MODEL = "model"
_LISTED = 3


@overload
def load(path: Path | str) -> Recommender: ...
@overload
def load(path: Path | str, model_class: type[Model]) -> Model: ...
def load(path: Path | str, model_class: type[Any] = Recommender) -> Any:
    """Load a model that its `save` method, a run or a search stored.

    Parameters
    ----------
    path : path
        The folder of the stored model, or that of `gingham run --out` or `gingham tune --out`, from which its model is
        loaded: that of the current version if it is the folder of a run, the one with the best parameters if it is the
        folder of a search.
    model_class : class, optional
        The class of the model, if it is known. Type checkers then accept the methods that only this class has, such
        as ``similar_items``. By default a model of any class is loaded.

    Returns
    -------
    Recommender
        The fitted model; an instance of `model_class`. A stored `gingham.lightfm.LightFM` is loaded as one.

    Raises
    ------
    ArtifactError
        If there is no model at `path`, it is damaged, its format is newer than this version of Gingham, or it is not
        a `model_class`.
    ParameterError
        If `path` is not a path, or `model_class` is not a class of models.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> import gingham as gg
    >>> model = gg.ALS(n_components=4).fit(gg.synth.sample_dataset(), verbose=False)
    >>> with TemporaryDirectory() as folder:
    ...     model.save(Path(folder) / "model")
    ...     loaded = gg.load(Path(folder) / "model", gg.ALS)
    >>> loaded.similar_items(["i03"], k=2).columns
    ['item_id', 'similar_item_id', 'rank', 'score']
    """
    if not (isinstance(model_class, type) and issubclass(model_class, Recommender | LightFM)):
        raise ParameterError(f"model_class must be a class of models, such as gg.ALS, not {shown(model_class)}.")
    path = check_path("path", path)
    while True:
        folder = _model_folder(path)
        try:
            if model_class is Recommender and store.kind(folder) == LightFM.__name__:
                return LightFM.load(folder)
            return model_class.load(folder)
        except ArtifactError:
            # A run that ended during the read may have removed the version; then another one is current.
            if _model_folder(path) == folder:
                raise


def _model_folder(path: Path) -> Path:
    """Return the folder of the model that is stored at a path."""
    folder = store.current_version(path, f"{MODEL}/{store.MANIFEST}")
    for candidate in (path, folder / MODEL):
        if store.exists(store.resolve(candidate) / store.MANIFEST):
            return candidate
    if not store.exists(folder):
        raise ArtifactError(f"{path} does not exist; use the folder of a model, a run or a search.")
    raise ArtifactError(
        f"{path} is not the folder of a model, a run or a search: it {_description(folder)}; pass the folder that "
        "model.save, `gingham run` or `gingham tune` wrote."
    )


def _description(path: Path) -> str:
    """Return what is at a path that has no model."""
    if not path.is_dir():
        return "is a file"
    names = sorted(entry.name for entry in path.iterdir())
    more = f" and {len(names) - _LISTED:,} more" if len(names) > _LISTED else ""
    return f"contains {', '.join(names[:_LISTED])}{more}" if names else "is empty"
