"""``gingham similar``: the neighbours of an item, from a stored run."""

from pathlib import Path
from typing import Annotated

import typer

from gingham import pipeline
from gingham.cli.console import show_items
from gingham.columns import NAME, SIMILAR_ITEM_ID
from gingham.errors import ParameterError
from gingham.models import Recommender
from gingham.models.embedding import EmbeddingModel


def similar(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="The folder of a run.")],
    item: Annotated[str, typer.Option(help="The item's id.")],
    k: Annotated[int, typer.Option("-k", help="How many similar items.")] = 12,
) -> None:
    """Print the items most similar to one, by the embeddings of a stored run's model."""
    model = pipeline.load_run(folder)
    if not isinstance(model, EmbeddingModel):
        raise ParameterError(
            f"The model in {folder} is {type(model).__name__}, which knows no similar items; run with kind = 'hybrid' "
            "or 'als'."
        )
    known = model.training_data_
    rows = model.similar_items([known.item_ids.cast(item)], k)
    show_items(f"Similar to item {item}{_name(model, item)}", rows, SIMILAR_ITEM_ID, known.item_labels)


def _name(model: Recommender, item: str) -> str:
    labels = model.training_data_.item_labels
    if labels is None or NAME not in labels.columns:
        return ""
    index = model.training_data_.item_ids.index([model.training_data_.item_ids.cast(item)], "item")[0]
    name = labels[NAME][int(index)]
    return "" if name is None else f", {name}"
