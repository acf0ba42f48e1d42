"""``gingham recommend``: one user's list, from a stored run."""

from pathlib import Path
from typing import Annotated, Any

import typer

from gingham import pipeline
from gingham.cli.console import show_items
from gingham.columns import ITEM_ID
from gingham.models import Recommender


def recommend(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="The folder of a run.")],
    user: Annotated[str, typer.Option(help="The user's id.")],
    k: Annotated[int, typer.Option("-k", help="How many items.")] = 12,
    filter_seen: Annotated[bool, typer.Option("--filter-seen", help="Leave out what the user had already.")] = False,
) -> None:
    """Print the items a stored run's model recommends to a user."""
    model = pipeline.load_run(folder)
    show_recommendations(model, model.training_data_.user_ids.cast(user), k, filter_seen)


def show_recommendations(model: Recommender, user: Any, k: int, filter_seen: bool = False) -> None:
    """Print a user's list, with names and types where they are known."""
    rows = model.recommend([user], k, filter_seen)
    show_items(f"Recommended to user {user}", rows, ITEM_ID, model.training_data_.item_labels)
