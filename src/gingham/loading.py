"""Loading stored models of every kind."""

from pathlib import Path
from typing import TypeVar, overload

# A class is registered when its module is imported; that of `TwoStage` is not part of `gingham.models`.
import gingham.ranking  # noqa: F401
from gingham.models import Recommender

Model = TypeVar("Model", bound=Recommender)


@overload
def load(path: Path | str) -> Recommender: ...
@overload
def load(path: Path | str, model_class: type[Model]) -> Model: ...
def load(path: Path | str, model_class: type[Recommender] = Recommender) -> Recommender:
    """Load a model that its `save` method stored.

    Parameters
    ----------
    path : path
        The folder of the stored model.
    model_class : class, optional
        The class of the model, if it is known. Type checkers then accept the methods that only this class has, such
        as ``similar_items``. By default a model of any class is loaded.

    Returns
    -------
    Recommender
        The fitted model; an instance of `model_class`.

    Raises
    ------
    ArtifactError
        If there is no model at `path`, it is damaged, its format is newer than this version of Gingham, or it is not
        a `model_class`.

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
    return model_class.load(path)
