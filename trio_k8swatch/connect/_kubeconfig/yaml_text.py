"""YAML or JSON text to plain data, as kubectl parses it."""

from __future__ import annotations

import re
from typing import Any, Final, cast

import msgspec
import yaml

from trio_k8swatch._errors import ConfigError

__all__ = ["plain_data"]


# PyYAML's own patterns take 12:30:00 for a number, in base 60.
_INTEGER: Final = re.compile(r"[-+]?(0|[1-9][0-9_]*|0b[01_]+|0o[0-7_]+|0x[0-9a-fA-F_]+)$")
_FRACTION: Final = re.compile(r"[-+]?([0-9]+\.[0-9]*|\.?[0-9]+)([eE][-+]?[0-9]+)?$")


def _resolvers() -> dict[str, list[tuple[str, re.Pattern[str]]]]:
    """What a plain scalar is taken for, by its first character."""
    inherited: dict[str, list[tuple[str, re.Pattern[str]]]] = cast("Any", yaml.SafeLoader).yaml_implicit_resolvers
    unwanted = (":timestamp", ":int", ":float")
    table = {
        first: [(tag, pattern) for tag, pattern in pairs if not tag.endswith(unwanted)]
        for first, pairs in inherited.items()
    }
    for first in "-+.0123456789":
        table.setdefault(first, []).extend(
            [("tag:yaml.org,2002:int", _INTEGER), ("tag:yaml.org,2002:float", _FRACTION)]
        )
    return table


def _loader() -> type[yaml.SafeLoader]:
    """Safe YAML in which a date or a time of day stays the text that it is. With libyaml it is seven times faster."""
    base = cast("type[yaml.SafeLoader]", getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    return type("Loader", (base,), {"yaml_implicit_resolvers": _resolvers()})


_LOADER: Final = _loader()


_NOT_OF_ITS_TAG: Final = (ValueError, ArithmeticError, AttributeError, LookupError, TypeError)
"""What PyYAML's constructors raise for a value that an explicit tag says is something else: `!!timestamp x`, `!!bool x`."""


def plain_data(raw: bytes, *, label: str) -> object:
    """Dicts, lists, strings, numbers, booleans. UTF-8, or UTF-16 with a byte order mark.

    Nulls are left out of mappings: for kubectl a null is as good as nothing. Errors name `label` and the line,
    and never quote the text, which may be secret.
    """
    try:
        return _without_nulls(_parse(raw))
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f", line {mark.line + 1}" if mark else ""
        raise ConfigError(f"{label}{where}: not YAML ({_unquoted(error.problem or 'unreadable')})") from None
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError):
        raise ConfigError(f"{label}: not YAML (neither UTF-8 nor UTF-16 text)") from None
    except _NOT_OF_ITS_TAG:
        raise ConfigError(f"{label}: not YAML (a value that does not fit its tag)") from None


def _parse(raw: bytes) -> object:
    # Tabs between JSON tokens are no YAML for PyYAML.
    if raw.lstrip().startswith(b"{"):
        try:
            return msgspec.json.decode(raw)
        except msgspec.DecodeError:
            pass
    return yaml.load(raw, Loader=_LOADER)  # noqa: S506 - a SafeLoader


def _without_nulls(value: object, made: dict[int, object] | None = None) -> object:
    """`value` without its nulls. Raises RecursionError for an alias of something that it stands in.

    What an alias names is made once, however often it is named: a few lines of aliases may stand for billions of values.
    """
    made = {} if made is None else made
    if not isinstance(value, (dict, list)):
        return value
    known = id(cast("object", value))
    if known not in made:
        if isinstance(value, dict):
            mapping = cast("dict[object, object]", value)
            made[known] = {key: _without_nulls(item, made) for key, item in mapping.items() if item is not None}
        else:
            made[known] = [_without_nulls(item, made) for item in cast("list[object]", value)]
    return made[known]


def _unquoted(problem: str) -> str:
    """PyYAML quotes the characters, anchors and tags it stumbles over."""
    return re.sub(r"\s*(['\"]).*\1", "", problem)
