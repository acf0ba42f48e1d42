"""Sections: immutable groups of keys with checked values, from a recipe or from a constructor's arguments."""

import difflib
from collections.abc import Iterator
from datetime import date, datetime
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias, get_args

import numpy as np
from pydantic import BaseModel, BeforeValidator, ConfigDict, Strict, ValidationError

from gingham.errors import ConfigError
from gingham.validation import shown


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value


def _not_a_number(value: Any) -> Any:
    """Refuse a number, also as text, which Pydantic takes for the seconds since 1970."""
    try:
        float(value)
    except (TypeError, ValueError):
        return value
    raise ValueError(f"{shown(value)} is not a date; use for example 2020-09-15")


# Pydantic converts texts and booleans to numbers, and numbers to booleans, unless types are strict.
Integer: TypeAlias = Annotated[int, Strict(), BeforeValidator(_plain)]
Number: TypeAlias = Annotated[float, Strict(), BeforeValidator(_plain)]
Moment: TypeAlias = Annotated[date | datetime, BeforeValidator(_not_a_number)]
Flag: TypeAlias = Annotated[bool, Strict(), BeforeValidator(_plain)]


class Section(BaseModel):
    """An immutable section of a recipe that refuses unknown keys.

    Raises
    ------
    ConfigError
        If a key is unknown or missing, or a value is not allowed: one sentence for each problem.

    Examples
    --------
    >>> class Oven(Section):
    ...     degrees: Integer = 180
    >>> Oven(degrees="hot")
    Traceback (most recent call last):
        ...
    gingham.errors.ConfigError: Oven: degrees is 'hot'; input should be a valid integer.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    if not TYPE_CHECKING:  # type checkers know the arguments by the fields

        def __init__(self, /, *values, **keys):
            if values:
                name, first = type(self).__name__, next(iter(type(self).model_fields))
                raise ConfigError(f"{name} takes keys by name, such as {name}({first}=...), not {shown(values[0])}.")
            try:
                super().__init__(**keys)
            except ValidationError as error:
                raise ConfigError(sentences(error, type(self), keys, type(self).__name__)) from None

        # Pydantic then validates a section within a section without this constructor, and has all errors together.
        __init__.__pydantic_base_init__ = True


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
        The name of the file, or of the class that is constructed, in the sentences.
    section : tuple of str
        The section of the recipe that the content is; by default it is the whole recipe.
    """
    problems: dict[tuple[str, ...], str] = {}
    for problem in error.errors():
        within = tuple(str(part) for part in problem["loc"])
        place = (*section, *within)
        kind = problem["type"]
        if kind == "missing":
            sentence = _missing(model, place)
        elif kind == "extra_forbidden":
            sentence = _unknown(model, within, section)
        elif kind == "value_error":
            key = ".".join(place)
            sentence = f"{key}: {problem['ctx']['error']}" if key else str(problem["ctx"]["error"])
        else:
            place = (*section, *_written(within, content))
            message = problem["msg"][0].lower() + problem["msg"][1:]
            remedy = (
                f"; use [{problem['input']!r}]" if kind == "list_type" and isinstance(problem["input"], str) else ""
            )
            sentence = f"{'.'.join(place)} is {shown(problem['input'])}; {message}{remedy}"
        problems.setdefault(place, f"{file}: {sentence.rstrip('.')}.")
    return "\n".join(problems.values())


def _missing(model: type[BaseModel], place: tuple[str, ...]) -> str:
    where = ".".join(place[:-1])
    if where:
        return f"section [{where}] has no key {place[-1]!r}; add it"
    annotation = model.model_fields[place[-1]].annotation
    is_section = isinstance(annotation, type) and issubclass(annotation, BaseModel)
    return f"add section [{place[-1]}]" if is_section else f"key {place[-1]!r} is missing; add it"


def _written(place: tuple[str, ...], content: Any) -> tuple[str, ...]:
    """Return the part of a problem's location that are keys of the recipe; the rest are types that Pydantic tried."""
    depth = 0
    for part in place:
        if isinstance(content, BaseModel):
            content = dict(content)
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
        if part in model.model_fields:  # others are places in lists
            model = next(_models(model.model_fields[part].annotation))
    where, key, keys = ".".join((*section, *within[:-1])), within[-1], list(model.model_fields)
    near = difflib.get_close_matches(key, keys, n=1)
    hint = f"did you mean {near[0]!r}" if near else f"its keys are {', '.join(keys)}"
    return f"unknown key {key!r}{where and f' in section [{where}]'}; {hint}"


def _models(annotation: Any) -> Iterator[Any]:
    """Yield the sections that an annotation allows, alone or in lists and unions."""
    if hasattr(annotation, "model_fields"):
        yield annotation
    for part in get_args(annotation):
        yield from _models(part)
