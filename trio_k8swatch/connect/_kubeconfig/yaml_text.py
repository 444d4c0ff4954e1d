"""YAML or JSON text to plain data, as kubectl parses it."""

from __future__ import annotations

from typing import cast

import msgspec

from trio_k8swatch._errors import ConfigError

__all__ = ["plain_data"]


def plain_data(raw: bytes, *, label: str) -> object:
    """Dicts, lists, strings, numbers, booleans. UTF-8, or UTF-16 with a byte order mark.

    Nulls are left out of mappings: for kubectl a null is as good as nothing. Errors name `label` and the line,
    and never quote the text, which may be secret.
    """
    try:
        return _without_nulls(_parsed(raw, label))
    except RecursionError:
        raise ConfigError(f"{label}: not YAML (an alias stands in what it names, or too much is nested)") from None


def _parsed(raw: bytes, label: str) -> object:
    # Tabs between JSON tokens are no YAML for PyYAML.
    if raw.lstrip().startswith(b"{"):
        try:
            return msgspec.json.decode(raw)
        except (msgspec.DecodeError, UnicodeDecodeError):
            pass
    # Here: a program in a pod reads no YAML, and importing PyYAML takes as long as half of this package.
    from .yaml_parser import parsed_yaml  # noqa: PLC0415

    return parsed_yaml(raw, label=label)


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
