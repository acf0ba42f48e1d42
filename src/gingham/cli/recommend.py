"""``gingham recommend``: recommendations for one user, from a run."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from gingham.cli.arguments import RunFolder

if TYPE_CHECKING:
    from gingham.models import Recommender


def recommend(
    folder: RunFolder,
    user: Annotated[str, typer.Option(help="The user's id.")],
    k: Annotated[int, typer.Option("-k", help="The number of items.")] = 12,
    filter_seen: Annotated[bool, typer.Option("--filter-seen", help="Exclude items in the user's history.")] = False,
) -> None:
    """Print recommendations for a user."""
    from gingham import pipeline

    model = pipeline.load_run(folder)
    print_recommendations(model, model.training_data_.user_ids.cast(user), k, filter_seen)


def print_recommendations(model: "Recommender", user: Any, k: int, filter_seen: bool = False) -> None:
    """Print recommendations for a user, with names and types where the items table has them."""
    from gingham.cli.console import print_items
    from gingham.columns import ITEM_ID

    rows = model.recommend([user], k, filter_seen)
    print_items(f"Recommendations for user {user}", rows, ITEM_ID, model.training_data_.item_labels)
