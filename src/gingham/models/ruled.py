"""What models tell the rules of recommended lists about themselves."""

from gingham.arrays import Floats
from gingham.dataset import Interactions
from gingham.models.stored import StoredModel
from gingham.rules import Shop


class RuledModel(StoredModel):
    """A model whose lists can follow rules."""

    def _shop(self, history: Interactions | None = None) -> Shop:
        """Return what rules must know.

        Parameters
        ----------
        history : Interactions, optional
            The transactions of users who are not in the training data, as the scores number them; by default, the users
            are those of the training data.
        """
        data = self.training_data_
        log = None if data.dataset is None else data.dataset.interactions
        return Shop(data.item_ids, log, log if history is None else history, self._item_vectors)

    def _item_vectors(self) -> Floats | None:
        """Return the embeddings of the items, shape (n_items, n_components); None for a model without."""
        return None
