"""Whatever an argument is replaced with, a call works or raises one of our errors, in sentences."""

import inspect
import os
import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

import gingham as gg
from tests.fuzz import arguments
from tests.fuzz.arguments import WRONG, Call

# Of slow calls, only some wrong values are tried, unless GINGHAM_FUZZ is set.
FEW, SLOW = 3, ("compare", "tune", "run", "hm", "TwoStage", "CandidateSource", "Comparison", "Profile", "profile")
EVERYTHING = "GINGHAM_FUZZ" in os.environ
MODULES = (gg.split, gg.metrics, gg.synth, gg.versions)


def groups() -> dict[str, Iterator[Call]]:
    """Return the calls by group."""
    models = arguments.models()
    return {
        "fitting": (call for model in models for call in arguments.fitting(model)),
        "recommending": (call for model in models for call in arguments.recommending(arguments.fitted(model))),
        "tables and datasets": arguments.tables_and_datasets(),
        "settings": arguments.settings(),
        "splitting": arguments.splitting(),
        "measuring": arguments.measuring(),
        "drop-in": arguments.drop_in(),
        "running": arguments.running(Path()),
    }


def problem_of(call: Call, name: str, value: object) -> str:
    """Return what is wrong with the outcome of a call in which one argument is replaced; empty if nothing is."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            call.run(**{name: value})
    except gg.GinghamError as error:
        lines = str(error).splitlines()
        if all(line.endswith(".") for line in lines) and (len(lines) == 1 or isinstance(error, gg.errors.ConfigError)):
            return ""
        return f"{call.name}({name}={value!r}): message {str(error)!r}"
    except Exception as error:
        return f"{call.name}({name}={value!r}): {error!r}"
    return ""


@pytest.mark.parametrize("group", list(groups()))
def test_wrong_arguments_raise_our_errors(group: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    problems = []
    for call in groups()[group]:
        few = 1 if call.name.startswith(SLOW) else FEW
        for name in call.names:
            tried = range(len(WRONG)) if EVERYTHING else rng.choice(len(WRONG), few, replace=False)
            problems += [problem_of(call, name, WRONG[number]()) for number in tried]
    found = [problem for problem in problems if problem]
    assert not found, "\n".join(found)


def test_every_public_function_is_tried() -> None:
    names = {call.name.split(".")[0] for calls in groups().values() for call in calls}
    public = {name for name in gg.__all__ if not inspect.ismodule(getattr(gg, name))}
    public |= {name for module in MODULES for name in module.__all__ if not name.isupper()}
    results = {"Evaluation", "Finding", "Tuning", "GinghamError", "Version"}
    assert public - names == results
