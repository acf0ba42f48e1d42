"""``gingham recommend``: recommendations for users, from a run."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gingham.cli.arguments import AsJson, Quiet, RunFolder

if TYPE_CHECKING:
    from gingham.models import Recommender


def recommend(
    folder: RunFolder,
    user: Annotated[
        list[str] | None, typer.Option(help="A user's id; repeat it for several. With --out, all users by default.")
    ] = None,
    k: Annotated[int, typer.Option("-k", help="The number of items.")] = 12,
    filter_seen: Annotated[bool, typer.Option("--filter-seen", help="Exclude items in the user's history.")] = False,
    out: Annotated[
        Path | None, typer.Option(help="A file to write instead of tables: .csv, .jsonl or .parquet by its name.")
    ] = None,
    reasons: Annotated[bool, typer.Option("--reasons", help="Add a sentence that says why, for the customer.")] = False,
    names: Annotated[bool, typer.Option("--names", help="Add the items' names and types to the file.")] = False,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Print or write recommendations for users."""
    from gingham import pipeline
    from gingham.cli.exporting import require_format, with_names, write_rows
    from gingham.cli.reporter import Reporter
    from gingham.errors import ParameterError

    reporter = Reporter(as_json, quiet)
    if out is not None:
        require_format(out)
    elif not user:
        raise ParameterError("A user is missing; add --user with an id, or --out with a file for all users.")
    model = pipeline.load_run(folder)
    ids = model.training_data_.user_ids
    users = None if not user else [ids.cast(one) for one in user]
    if out is None and not as_json:
        for one in users or ():
            print_recommendations(model, one, k, filter_seen, reasons)
        return
    with reporter.stage("Recommending"):
        rows = (model.reasons if reasons else model.recommend)(users, k=k, filter_seen=filter_seen)
    rows = with_names(rows, model.training_data_.item_labels) if names or as_json else rows
    if out is None:
        reporter.document({"recommendations": rows.to_dicts()})
    else:
        write_rows(rows, out)
        reporter.written(f"Wrote {out}: {rows.height:,} rows.")
        reporter.document({"file": str(out), "rows": rows.height})


def print_recommendations(
    model: "Recommender", user: Any, k: int, filter_seen: bool = False, reasons: bool = False
) -> None:
    """Print recommendations for a user, with names and types where the items table has them."""
    from gingham.cli.console import print_items
    from gingham.columns import ITEM_ID

    rows = (model.reasons if reasons else model.recommend)([user], k=k, filter_seen=filter_seen)
    print_items(f"Recommendations for user {user}", rows, ITEM_ID, model.training_data_.item_labels)
