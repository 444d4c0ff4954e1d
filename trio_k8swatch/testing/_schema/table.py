"""The table of built-in types that `tools/api_table.py` makes: read when it is first needed."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from functools import cache, lru_cache
from importlib.resources import files
from typing import Any, TypeAlias, cast

Fields: TypeAlias = "dict[str, Field]"


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a type.

    `container` is `[` for a list, `{` for a map, empty otherwise; `type` a letter for a scalar or the name of a type.
    `written`: it is there even where it is empty; `zero`: the same of an object. `keys`: what tells the items of a list apart.
    `merge_key`: by what a strategic patch merges a list; empty for a list of scalars, None where it replaces it.
    """

    container: str
    type: str
    required: bool = False
    written: bool = False
    zero: bool = False
    default: Any = None
    keys: tuple[str, ...] = ()
    is_set: bool = False
    atomic: bool = False
    merge_key: str | None = None
    retain_keys: bool = False
    enum: tuple[str, ...] = ()
    is_object: bool = field(init=False)
    """Whether the value, or each of its items, is an object of a type in this table."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "is_object", len(self.type) > 1)


@lru_cache(maxsize=1024)
def type_of(api_version: str, kind: str) -> str | None:
    """The name of the type of a kind, or None for a kind that is not built in."""
    group, _, version = api_version.rpartition("/")
    kinds = cast("dict[str, str]", _table()["kinds"])
    return kinds.get(f"{group}/{version}/{kind}")


@cache
def fields_of(name: str) -> Fields:
    """The fields of a type."""
    row = cast("dict[str, dict[str, str]]", _table()["types"])[name]
    return {name: _parsed(text) for name, text in row.items() if name}


@cache
def is_atomic(name: str) -> bool:
    """Whether objects of the type are one value to those who apply them."""
    return "" in cast("dict[str, dict[str, str]]", _table()["types"])[name]


@cache
def _table() -> dict[str, Any]:
    text = files(__package__ or __name__).joinpath("table.json").read_text()
    return cast("dict[str, Any]", json.loads(text))


def _parsed(text: str) -> Field:
    head, *words = _words(text)
    container = head[0] if head[0] in "[{" else ""
    name = head.lstrip("[{").lstrip("@")
    known: dict[str, Any] = {}
    for word in words:
        key, _, value = word.partition("=")
        match key:
            case "r" | "R":
                known |= {"written": True, "required": key == "R"}
            case "z":
                known["zero"] = True
            case "d":
                known["default"] = json.loads(value)
            case "k":
                known["keys"] = tuple(value.split(","))
            case "p":
                known["merge_key"] = value
            case "e":
                known["enum"] = tuple(value.split("|"))
            case "retain":
                known["retain_keys"] = True
            case "set":
                known["is_set"] = True
            case _:
                known["atomic"] = True
    return Field(container, name, **known)


def _words(text: str) -> list[str]:
    return text.split(" ")
