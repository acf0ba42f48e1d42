"""``gingham similar``: the items most similar to an item, from a run."""

from typing import TYPE_CHECKING, Annotated, cast

import typer

from gingham.cli.arguments import AsJson, RunFolder

if TYPE_CHECKING:
    from gingham.models import Recommender
    from gingham.models.item_requests import SimilarItems


def similar(
    folder: RunFolder,
    item: Annotated[str, typer.Option(help="The item's id.")],
    k: Annotated[int, typer.Option("-k", help="The number of similar items.")] = 12,
    as_json: AsJson = False,
) -> None:
    """Print the items most similar to an item."""
    from gingham import pipeline
    from gingham.cli.console import print_items
    from gingham.cli.exporting import with_names
    from gingham.cli.reporter import Reporter
    from gingham.columns import SIMILAR_ITEM_ID
    from gingham.errors import ParameterError

    model = pipeline.load_run(folder)
    if "similar_items" not in model.supports:
        raise ParameterError(
            f"The model in {folder} is {type(model).__name__}, which does not find similar items; "
            "run a recipe with kind = 'item-knn' or 'als', for example."
        )
    training_data = model.training_data_
    rows = cast("SimilarItems", model).similar_items([training_data.item_ids.cast(item)], k)
    if as_json:
        named = with_names(rows, training_data.item_labels)
        Reporter(as_json).document({"similar_items": named.to_dicts()})
        return
    print_items(f"Similar to item {item}{_name(model, item)}", rows, SIMILAR_ITEM_ID, training_data.item_labels)


def _name(model: "Recommender", item: str) -> str:
    from gingham.columns import NAME

    training_data = model.training_data_
    labels = training_data.item_labels
    if labels is None or NAME not in labels.columns:
        return ""
    index = training_data.item_ids.index([training_data.item_ids.cast(item)], "item")[0]
    name = labels[NAME][int(index)]
    return "" if name is None else f", {name}"
