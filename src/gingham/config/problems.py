"""The problems of a recipe, one sentence for each."""

import difflib
from typing import Any, get_args

from pydantic import BaseModel, ValidationError


def sentences(
    error: ValidationError, model: type[BaseModel], content: dict[str, Any], file: str, section: tuple[str, ...] = ()
) -> str:
    """Return one sentence per problem, one per line; of a key that allows several types, the first type's problem.

    Parameters
    ----------
    error : ValidationError
        The problems that Pydantic found.
    model : type of BaseModel
        The recipe's model, or that of one of its sections.
    content : dict
        The content that was validated, by the keys of the file.
    file : str
        The name of the file in the sentences.
    section : tuple of str
        The section of the recipe that the content is; by default it is the whole recipe.
    """
    problems: dict[tuple[str, ...], str] = {}
    for problem in error.errors():
        within = tuple(str(part) for part in problem["loc"])
        place = (*section, *within)
        kind = problem["type"]
        if kind == "missing":
            where = ".".join(place[:-1])
            sentence = f"section [{where}] has no key {place[-1]!r}; add it" if where else f"add section [{place[-1]}]"
        elif kind == "extra_forbidden":
            sentence = _unknown(model, within, section)
        elif kind == "value_error":
            key = ".".join(place)
            sentence = f"{key}: {problem['ctx']['error']}" if key else str(problem["ctx"]["error"])
        else:
            place = (*section, *_written(within, content))
            message = problem["msg"][0].lower() + problem["msg"][1:]
            sentence = f"{'.'.join(place)} is {problem['input']!r}; {message}"
        problems.setdefault(place, f"{file}: {sentence.rstrip('.')}.")
    return "\n".join(problems.values())


def _written(place: tuple[str, ...], content: Any) -> tuple[str, ...]:
    """Return the part of a problem's location that are keys of the recipe; the rest are types that Pydantic tried."""
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
    hint = f"did you mean {near[0]!r}" if near else f"its keys are {', '.join(keys)}"
    return f"unknown key {key!r} in {f'section [{where}]' if where else 'the recipe'}; {hint}"
