"""``gingham versions``: the versions in the folder of a run."""

from gingham.cli.arguments import AsJson, RunFolder


def versions(folder: RunFolder, as_json: AsJson = False) -> None:
    """List the versions of a run's folder, and which is current."""
    from gingham.cli.console import print_versions
    from gingham.cli.reporter import Reporter
    from gingham.versions import find

    all_versions = find(folder)
    if as_json:
        Reporter(as_json).document({"versions": [version.to_dict() for version in all_versions]})
    else:
        print_versions(f"Versions in {folder}", all_versions)
