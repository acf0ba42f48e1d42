"""The model: the arguments and attributes of LightFM, with the training and ranking of HybridMF."""

import copy
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

import numpy as np
import scipy.sparse as sp

from gingham import store
from gingham.arrays import Matrix
from gingham.errors import ArtifactError, DataError
from gingham.lightfm.errors import translated
from gingham.lightfm.matrices import as_csr
from gingham.lightfm.randomness import restored_random_state, stored_random_state
from gingham.lightfm.state import ARRAYS, StoredState, restored_arrays
from gingham.lightfm.training import Trainer
from gingham.models import HybridMF
from gingham.models.epochs import restored_history
from gingham.models.inputs import read_inputs
from gingham.models.parametrized import Parametrized, to_json
from gingham.models.stored import invalid_artifact
from gingham.randomness import RandomState
from gingham.validation import check_integer


class LightFM(Parametrized, Trainer):
    """A hybrid matrix factorisation model with the interface of LightFM 1.17.

    Parameters
    ----------
    no_components : int
        The size of an embedding; 10 by default.
    k, n : int
        For "warp-kos": `n` positives of a user are sampled (10 by default) and the k-th best is used (5 by default).
    learning_schedule : {"adagrad", "adadelta"}
        How step sizes are adapted; "adagrad" by default.
    loss : {"logistic", "bpr", "warp", "warp-kos"}
        The loss to minimise; "logistic" by default.
    learning_rate : float
        The initial learning rate of adagrad; 0.05 by default.
    rho, epsilon : float
        For adadelta: the decay rate, 0.95 by default, and a small constant for numerical stability, 1e-6 by default.
    item_alpha, user_alpha : float
        L2 penalties on the parameters of item and user features; 0 by default.
    max_sampled : int
        For "warp" and "warp-kos": the largest number of negatives sampled per update; 10 by default. It can be set to
        0 later, and training then has no effect.
    random_state : int, RandomState, Generator or None
        The seed of the initial embeddings and of sampling; None (default) for a random one. With the same seed, new
        models that are fitted to the same data are equal.

    Attributes
    ----------
    random_state : RandomState
        The generator made from the argument. Training advances it, so fitting the same model again gives another model.
    item_embeddings, user_embeddings : float32 array, shape (n_features, no_components)
        The embeddings of the features; None before the model is fitted. All arrays may be changed or replaced.
    item_biases, user_biases : float32 array, shape (n_features,)
        The biases of the features.
    item_embedding_gradients, item_embedding_momentum, item_bias_gradients, item_bias_momentum : float32 array
        The state of the optimizer for the item parameters, in the same shapes. The user side has the same attributes.

    Raises
    ------
    ParameterError
        If a parameter is out of range.

    References
    ----------
    Kula, "Metadata Embeddings for User and Item Cold-start Recommendations", 2015. arXiv:1507.08439.

    Examples
    --------
    >>> import numpy as np
    >>> import scipy.sparse as sp
    >>> from gingham.lightfm import LightFM
    >>> interactions = sp.coo_matrix(np.kron(np.eye(2), np.ones((2, 2))))  # two groups of users and items
    >>> model = LightFM(no_components=4, loss="warp", random_state=1).fit(interactions, epochs=50)
    >>> (model.predict(0, np.arange(4)) > 0).tolist()
    [True, True, False, False]
    """

    def __init__(
        self,
        no_components: int = 10,
        k: int = 5,
        n: int = 10,
        learning_schedule: str = "adagrad",
        loss: str = "logistic",
        learning_rate: float = 0.05,
        rho: float = 0.95,
        epsilon: float = 1e-6,
        item_alpha: float = 0.0,
        user_alpha: float = 0.0,
        max_sampled: int = 10,
        random_state: RandomState = None,
    ) -> None:
        self.no_components = no_components
        self.k = k
        self.n = n
        self.learning_schedule = learning_schedule
        self.loss = loss
        self.learning_rate = learning_rate
        self.rho = rho
        self.epsilon = epsilon
        self.item_alpha = item_alpha
        self.user_alpha = user_alpha
        self.max_sampled = max_sampled
        self.random_state = random_state
        self.validate()
        self._reset()

    def validate(self) -> None:
        """Check the parameters.

        Raises
        ------
        ParameterError
            If a parameter is out of range.

        Examples
        --------
        >>> from gingham.lightfm import LightFM
        >>> LightFM(loss="warp").validate()
        """
        with translated():
            check_integer("max_sampled", self.max_sampled)
        self._engine()

    def set_params(self, **params: Any) -> Self:
        """Change parameters by name. The next fit checks and uses them.

        Raises
        ------
        ParameterError
            If there is no parameter with this name.

        Examples
        --------
        >>> from gingham.lightfm import LightFM
        >>> LightFM().set_params(loss="bpr").loss
        'bpr'
        """
        with translated():
            return super().set_params(**params)

    def __setstate__(self, state: Mapping[str, Any]) -> None:
        # One by one, because a model that LightFM pickled has other attributes; see docs/differences-from-lightfm.md.
        self._history = []
        for name, value in state.items():
            setattr(self, name, value)

    @classmethod
    def from_lightfm(cls, model: Any) -> Self:
        """Convert a model of the original LightFM package; its arrays are copied.

        Parameters
        ----------
        model : lightfm.LightFM
            Fitted or not.

        Raises
        ------
        DataError
            If `model` lacks an attribute of LightFM.

        Examples
        --------
        >>> import lightfm  # doctest: +SKIP
        >>> from gingham.lightfm import LightFM
        >>> model = LightFM.from_lightfm(lightfm.LightFM(loss="warp"))  # doctest: +SKIP
        """
        missing = [name for name in (*cls.param_names(), *ARRAYS) if not hasattr(model, name)]
        if missing:
            name = type(model).__name__
            raise DataError(f"The model of type {name} has no attribute {missing[0]!r}; pass a LightFM model.")
        ours = cls(**{name: copy.deepcopy(getattr(model, name)) for name in cls.param_names()})
        for name in ARRAYS:
            array = getattr(model, name)
            setattr(ours, name, None if array is None else np.array(array, np.float32))
        return ours

    def to_hybrid(
        self,
        interactions: Matrix | None = None,
        user_features: Matrix | None = None,
        item_features: Matrix | None = None,
    ) -> HybridMF:
        """Convert to a `HybridMF`, which can recommend, be evaluated and be saved; the parameters are copied.

        Parameters
        ----------
        interactions : sparse matrix, shape (n_users, n_items)
            The history of the users; empty by default.
        user_features, item_features : sparse matrix
            As for `fit_partial`; a `LightFM` does not store them.

        Raises
        ------
        NotFittedError, DataError
            If the model is not fitted or shapes do not match.

        Examples
        --------
        >>> import numpy as np
        >>> import scipy.sparse as sp
        >>> from gingham.lightfm import LightFM
        >>> interactions = sp.coo_matrix(np.kron(np.eye(2), np.ones((2, 2))))  # two groups of users and items
        >>> model = LightFM(loss="warp", random_state=1).fit(interactions, epochs=50)
        >>> hybrid = model.to_hybrid(interactions)
        >>> sorted(hybrid.recommend([0], k=2)["item_id"])
        [0, 1]
        """
        self._require_fitted()
        n_users, n_items = (
            len(self._parameters(what)[1]) if features is None else as_csr(features, f"{what}_features").shape[0]
            for what, features in (("user", user_features), ("item", item_features))
        )
        history = sp.csr_matrix((n_users, n_items)) if interactions is None else interactions
        training_data, _, features = read_inputs(history, user_features, item_features)
        users, items = self._sides(training_data, features)
        return self._engine().resume(training_data, users, items, None, self._history)

    def save(self, path: Path | str) -> None:
        """Save the model to a folder, without pickle. An existing artifact is replaced only when this one is complete.

        Raises
        ------
        NotFittedError, ParameterError, ArtifactError
            If the model is not fitted, a parameter is out of range, or `path` exists but is not an artifact or cannot
            be written.

        Examples
        --------
        >>> import tempfile
        >>> from pathlib import Path
        >>> import numpy as np
        >>> import scipy.sparse as sp
        >>> from gingham.lightfm import LightFM
        >>> model = LightFM().fit(sp.coo_matrix(np.eye(3)))
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     model.save(Path(folder) / "model")
        ...     LightFM.load(Path(folder) / "model").item_embeddings.shape
        (3, 10)
        """
        self._require_fitted()
        self.validate()
        params = {name: to_json(value) for name, value in self.get_params().items()}
        state = {"history": [epoch.to_json() for epoch in self._history]}
        arrays = {name: np.ascontiguousarray(getattr(self, name), np.float32) for name in ARRAYS}
        arrays |= stored_random_state(self.random_state)
        store.write(path, store.Artifact(type(self).__name__, params, state, arrays, {}))

    @classmethod
    def load(cls, path: Path | str) -> Self:
        """Load a model that was saved with `save`.

        Raises
        ------
        ArtifactError
            If `path` is not an artifact, or the artifact is damaged, has a newer format or holds another model class.
        """
        stored = store.read(path)
        if stored.kind != cls.__name__:
            raise ArtifactError(f"The artifact {path} holds a {stored.kind}, not a {cls.__name__}; use gingham.load.")
        with invalid_artifact(path), translated():
            tracked = stored.tracked()
            model = cls.unfitted(tracked.params)
            for name, array in restored_arrays(tracked.arrays).items():
                setattr(model, name, array)
            random_state = restored_random_state(tracked.arrays)
            if random_state is not None:
                model.random_state = random_state
            model._history = restored_history(StoredState.read(tracked.state).history)
            tracked.require_all_read()
        return model
