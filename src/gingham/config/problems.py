"""What is wrong with a recipe, one sentence a problem."""

import difflib
from typing import Any, get_args

from pydantic import BaseModel, ValidationError


def sentences(
    error: ValidationError, model: type[BaseModel], content: dict[str, Any], file: str, section: tuple[str, ...] = ()
) -> str:
    """Write a sentence a problem, a line each; where a key may have several types, what the first of them says.

    Parameters
    ----------
    error : ValidationError
        What Pydantic found.
    model : type of BaseModel
        What was to be made: the recipe, or one of its sections.
    content : dict
        Of what, by the keys of the file.
    file : str
        What to call it.
    section : tuple of str
        Where in the recipe the content stands; by default it is all of it.
    """
    problems: dict[tuple[str, ...], str] = {}
    for problem in error.errors():
        within = tuple(str(part) for part in problem["loc"])
        place = (*section, *within)
        kind = problem["type"]
        if kind == "missing":
            where = ".".join(place[:-1])
            said = f"section [{where}] has no key {place[-1]!r}; add it" if where else f"add section [{place[-1]}]"
        elif kind == "extra_forbidden":
            said = _unknown(model, within, section)
        elif kind == "value_error":
            key = ".".join(place)
            said = f"{key}: {problem['ctx']['error']}" if key else str(problem["ctx"]["error"])
        else:
            place = (*section, *_written(within, content))
            message = problem["msg"][0].lower() + problem["msg"][1:]
            said = f"{'.'.join(place)} is {problem['input']!r}; {message}"
        problems.setdefault(place, f"{file}: {said.rstrip('.')}.")
    return "\n".join(problems.values())


def _written(place: tuple[str, ...], content: Any) -> tuple[str, ...]:
    """Cut a problem's place down to the keys of the recipe; what follows are types that Pydantic tried."""
    depth = 0
    for part in place:
        if isinstance(content, dict) and part in content:
            content = content[part]
        elif isinstance(content, list) and part.isdigit() and int(part) < len(content):
            content = content[int(part)]
        else:
            break
        depth += 1
    return place[:depth]


def _unknown(model: Any, within: tuple[str, ...], section: tuple[str, ...]) -> str:
    for part in within[:-1]:
        annotation = model.model_fields[part].annotation
        model = next(kind for kind in (annotation, *get_args(annotation)) if hasattr(kind, "model_fields"))
    where, key, keys = ".".join((*section, *within[:-1])), within[-1], list(model.model_fields)
    near = difflib.get_close_matches(key, keys, n=1)
    hint = f"did you mean {near[0]!r}" if near else f"it knows {', '.join(keys)}"
    return f"unknown key {key!r} in {f'section [{where}]' if where else 'the recipe'}; {hint}"
