"""Holds JSON against the vendors' own types, closed: a key that a type does not name is a problem, as is one of another type."""

from __future__ import annotations

import collections.abc
import enum
import types
import typing
from functools import cache
from typing import Any

import pydantic
import typing_extensions as te

LISTS = (list, collections.abc.Iterable, collections.abc.Sequence)
TABLES = (dict, collections.abc.Mapping)
WRAPPERS = (te.Annotated, te.Required, te.NotRequired, te.ReadOnly)
PLAIN: dict[Any, tuple[type, ...]] = {
    str: (str,),
    bytes: (str,),
    int: (int,),
    float: (int, float),
    bool: (bool,),
    list: (list,),
    dict: (dict,),
    type(None): (type(None),),
}


def problems(type_: Any, value: Any, where: str = "") -> list[str]:
    """Return what of `value` does not fit `type_`; of a union, what it comes nearest to."""
    origin, arguments = te.get_origin(type_), te.get_args(type_)
    if isinstance(type_, te.TypeAliasType):
        return problems(type_.__value__, value, where)
    if origin in WRAPPERS:
        return problems(arguments[0], value, where)
    if origin in (typing.Union, types.UnionType):
        return min((problems(each, value, where) for each in arguments), key=_distance)
    if arguments and origin in (*LISTS, *TABLES):
        return _all_of(origin, arguments, value, where)
    if origin in (typing.Literal, te.Literal):
        fits = any(value == each and type(value) is type(each) for each in arguments)
        return [] if fits else [f"{where}: {value!r:.60} is none of {arguments}"]
    return _of_class(type_, value, where)


def _distance(found: list[str]) -> tuple[int, int]:
    return len(found), -max(map(len, found), default=0)


def _all_of(origin: Any, arguments: Any, value: Any, where: str) -> list[str]:
    if origin in LISTS and isinstance(value, list):
        return [one for n, each in enumerate(value) for one in problems(arguments[0], each, f"{where}[{n}]")]
    if origin in TABLES and isinstance(value, dict):
        return [one for key, each in value.items() for one in problems(arguments[1], each, f"{where}.{key}")]
    return [f"{where}: {value!r:.60} is no {origin.__name__}"]


def _of_class(type_: Any, value: Any, where: str) -> list[str]:
    if te.is_typeddict(type_):
        return _record(value, where, _hints(type_), frozenset(type_.__required_keys__))
    if type_ in PLAIN:
        fits = isinstance(value, PLAIN[type_]) and (type_ is bool or not isinstance(value, bool))
        return [] if fits else [f"{where}: {value!r:.60} is no {type_.__name__}"]
    if not isinstance(type_, type):
        return []
    if issubclass(type_, enum.Enum):
        return [] if value in {each.value for each in type_} else [f"{where}: {value!r:.60} is no {type_.__name__}"]
    return _of_model(type_, value, where) if issubclass(type_, pydantic.BaseModel) else []


def _of_model(type_: type[pydantic.BaseModel], value: Any, where: str) -> list[str]:
    if issubclass(type_, pydantic.RootModel):
        return problems(type_.model_fields["root"].annotation, value, where)
    fields = {field.alias or name: field for name, field in type_.model_fields.items()}
    needed = frozenset(name for name, field in fields.items() if field.is_required())
    return _record(value, where, {name: field.annotation for name, field in fields.items()}, needed)


def _record(value: Any, where: str, hints: dict[str, Any], needed: frozenset[str]) -> list[str]:
    if not isinstance(value, dict):
        return [f"{where}: {value!r:.60} is no object"]
    found = [f"{where}: unknown key {key!r}" for key in value.keys() - hints.keys()]
    found += [f"{where}: {key!r} is missing" for key in needed - value.keys()]
    return found + [
        one for key in hints.keys() & value.keys() for one in problems(hints[key], value[key], f"{where}.{key}")
    ]


@cache
def _hints(type_: Any) -> dict[str, Any]:
    return te.get_type_hints(type_, include_extras=True)
