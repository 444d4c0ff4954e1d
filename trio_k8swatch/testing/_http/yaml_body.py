"""YAML as Kubernetes reads it: what comes out is JSON."""

from __future__ import annotations

import math
import re
from typing import Any, Final

import yaml

from trio_k8swatch.testing._json import is_list, is_object

from .json_body import NotJson, parse_json

# An alias costs a few bytes and may stand for a whole document: so many values are enough for anybody.
MAX_VALUES: Final = 200_000
MAX_DEPTH: Final = 500
# From here on Go writes a number with an exponent.
_WHOLE: Final = 1e21


class _Loader(yaml.SafeLoader):
    """YAML as Kubernetes reads it: timestamps are strings, and a lone letter y or n is a truth value."""

    bool_values = yaml.SafeLoader.bool_values | {"y": True, "n": False}


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}

_LETTER: Final = re.compile(r"[yYnN]\Z")
for _first in "yYnN":
    _Loader.yaml_implicit_resolvers[_first] = [
        ("tag:yaml.org,2002:bool", _LETTER),
        *_Loader.yaml_implicit_resolvers.get(_first, ()),
    ]


def parse_yaml(data: bytes) -> Any:
    """The value, JSON being YAML too. Raises `NotJson`."""
    try:
        return _Converter().value(parse_json(data), 0)
    except NotJson:
        pass
    try:
        value = yaml.load(data, Loader=_Loader)  # noqa: S506 - it is a SafeLoader
    except (yaml.YAMLError, ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        # Dates and numbers out of range are found by the constructors, which raise what they like.
        raise NotJson(f"error converting YAML to JSON: {error}") from None
    return _Converter().value(value, 0)


class _Converter:
    """Bounded: YAML of a kilobyte may stand for more than fits into memory."""

    def __init__(self) -> None:
        self._count = 0

    def value(self, value: Any, depth: int) -> Any:
        self._count += 1
        if self._count > MAX_VALUES or depth > MAX_DEPTH:
            raise NotJson("error converting YAML to JSON: yaml: document contains excessive aliasing")
        if is_object(value):
            return {_key(key): self.value(inner, depth + 1) for key, inner in value.items()}
        if is_list(value):
            return [self.value(one, depth + 1) for one in value]
        return _scalar(value)


def _key(key: Any) -> str:
    """YAML 1.1 takes `on`, `no` and `yes` for truth values, and so does the server: they become `true` and `false`."""
    if isinstance(key, bool):
        return "true" if key else "false"
    if isinstance(key, str | int | float):
        return str(key)
    raise NotJson(f"error converting YAML to JSON: unsupported map key of type: {type(key).__name__}")


def _scalar(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        raise NotJson("error converting YAML to JSON: json: unsupported value")
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) >= 1 << 63:
        return float(value) if value.bit_length() < 1000 else _too_large()
    if isinstance(value, float) and value.is_integer() and abs(value) < _WHOLE:
        # On the way to JSON a fraction of zero is lost.
        return int(value)
    if value is None or isinstance(value, str | int | float):
        return value
    raise NotJson(f"error converting YAML to JSON: unsupported value of type {type(value).__name__}")


def _too_large() -> float:
    raise NotJson("error converting YAML to JSON: json: unsupported value: +Inf")
