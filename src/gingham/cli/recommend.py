"""``gingham recommend``: recommendations for users, from a run."""

import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gingham.cli.arguments import AsJson, Quiet, RunFolder

if TYPE_CHECKING:
    from polars import DataFrame

    from gingham.cli.reporter import Reporter
    from gingham.models import Recommender


def recommend(
    folder: RunFolder,
    user: Annotated[
        list[str] | None, typer.Option(help="A user's id; repeat it for several. With --out, all users by default.")
    ] = None,
    history: Annotated[
        list[str] | None, typer.Option(help="An item in the history of a new user; repeat it for several.")
    ] = None,
    feature: Annotated[
        list[str] | None, typer.Option(help="A feature of a new user, such as age=30; repeat it for several.")
    ] = None,
    k: Annotated[int, typer.Option("-k", help="The number of items.")] = 12,
    filter_seen: Annotated[bool, typer.Option("--filter-seen", help="Exclude items in the user's history.")] = False,
    request: Annotated[
        list[str] | None, typer.Option(help="A value for the run's rules, such as budget=20; repeat it for several.")
    ] = None,
    no_rules: Annotated[bool, typer.Option("--no-rules", help="Ignore the run's rules.")] = False,
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
    from gingham.cli.console import print_items
    from gingham.cli.exporting import require_format
    from gingham.cli.reporter import Reporter
    from gingham.columns import ITEM_ID
    from gingham.errors import ParameterError

    reporter = Reporter(as_json, quiet)
    if out is not None:
        require_format(out)
    elif not (user or history or feature):
        raise ParameterError(
            "A user is missing; add --user with an id, --history or --feature for a new user, or --out with a file for "
            "all users."
        )
    model = pipeline.load_run(folder)
    options = {"k": k, "filter_seen": filter_seen, **_ruled(folder, request, no_rules)}
    if history or feature:
        _require_new_user(user, reasons)
        rows = _recommend_for(model, history or [], feature or [], options)
        if out is None and not as_json:
            print_items("Recommendations for a new user", rows, ITEM_ID, model.training_data_.item_labels)
        else:
            _write(reporter, rows, out, model if names or as_json else None)
        return
    ids = model.training_data_.user_ids
    users = None if not user else [ids.cast(one) for one in user]
    if out is None and not as_json:
        for one in users or ():
            print_recommendations(model, one, reasons, **options)
        return
    with reporter.stage("Recommending"):
        rows = (model.reasons if reasons else model.recommend)(users, **options)
    _write(reporter, rows, out, model if names or as_json else None)


def _require_new_user(user: list[str] | None, reasons: bool) -> None:
    """Refuse options that are for users of the training data."""
    from gingham.errors import ParameterError

    for option, is_set in (("--user", user), ("--reasons", reasons)):
        if is_set:
            raise ParameterError(f"{option} is for users of the training data; remove it, or --history and --feature.")


def _recommend_for(
    model: "Recommender", history: list[str], feature: list[str], options: dict[str, Any]
) -> "DataFrame":
    """Recommend items to a new user, by items and by features such as ``age=30``."""
    items = [model.training_data_.item_ids.cast(one) for one in history]
    features = dict(_value("feature", one) for one in feature)
    return model.recommend_for(items, features or None, **options)


def _write(reporter: "Reporter", rows: "DataFrame", out: Path | None, named_by: "Recommender | None") -> None:
    """Write recommendations to a file or, without one, as JSON; with the names of the items, if there is a model."""
    from gingham.cli.exporting import with_names, write_rows

    rows = rows if named_by is None else with_names(rows, named_by.training_data_.item_labels)
    if out is None:
        reporter.document({"recommendations": rows.to_dicts()})
        return
    write_rows(rows, out)
    reporter.written(f"Wrote {out}: {rows.height:,} rows.")
    reporter.document({"file": str(out), "rows": rows.height})


def _ruled(folder: Path, request: list[str] | None, no_rules: bool) -> dict[str, Any]:
    """Return the arguments of `recommend` for the rules of a run."""
    from gingham import pipeline

    rules = None if no_rules else pipeline.load_rules(folder)
    return {"rules": rules, "request": None if not request else dict(_value("request", one) for one in request)}


def _value(option: str, text: str) -> tuple[str, Any]:
    """Parse ``name=value``: a number, date, list, true or false as in TOML; anything else is text."""
    from gingham.errors import ParameterError

    name, equals, value = text.partition("=")
    if not (equals and name):
        raise ParameterError(f"--{option} {text!r} has no value; write it as name=value, such as budget=20.")
    try:
        return name, tomllib.loads(f"value = {value}")["value"]
    except tomllib.TOMLDecodeError:
        return name, value


def print_recommendations(model: "Recommender", user: Any, reasons: bool = False, **options: Any) -> None:
    """Print recommendations for a user, with names and types where the items table has them."""
    from gingham.cli.console import print_items
    from gingham.columns import ITEM_ID

    rows = (model.reasons if reasons else model.recommend)([user], **options)
    print_items(f"Recommendations for user {user}", rows, ITEM_ID, model.training_data_.item_labels)
