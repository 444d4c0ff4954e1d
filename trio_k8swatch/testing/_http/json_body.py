"""JSON as Go's decoder reads it: more forgiving than most in what it takes, and exact in what it says."""

from __future__ import annotations

import json
import re
from typing import Any, Final, NoReturn

from trio_k8swatch.testing._json import decode, encode, is_list, is_object

_SURROGATES: Final = re.compile("[\ud800-\udfff]")
_SHOWN_BYTES: Final = 1024
_FIELD: Final = re.compile(rb'"[ \t\r\n]*:')


class NotJson(ValueError):
    """The body is no JSON; the message is Go's."""


def parse_json(data: bytes) -> Any:
    """The value; `NotJson` where there is none. What is no text becomes U+FFFD, as in Go."""
    try:
        return decode(data)
    except ValueError:
        pass
    text = data.decode("utf-8", "replace")
    try:
        value = json.loads(text, parse_constant=_refuse_constant)
        return _mended(value)
    except json.JSONDecodeError as error:
        raise NotJson(_said(error, text)) from None
    except ValueError as error:
        raise NotJson(str(error)) from None


def duplicate_fields(data: bytes, value: object) -> list[str]:
    """Paths of fields that stand twice in an object: the last one counts, and the client is warned.

    `value` is what was read from the data.
    """
    # Where a field was dropped there are more of them in the data; an escaped quotation mark might make up for it.
    if b"\\u" not in data and len(_FIELD.findall(data)) == len(_FIELD.findall(encode(value))):
        return []
    found = False

    def count(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        nonlocal found
        result = dict(pairs)
        found = found or len(result) < len(pairs)
        return result

    try:
        json.loads(data, object_pairs_hook=count)
        if not found:
            return []
        result: list[str] = []
        _find_duplicates(json.loads(data, object_pairs_hook=_Pairs), "", result)
    except ValueError:
        return []
    return list(dict.fromkeys(result))


def summary(data: bytes) -> str:
    """How the server shows a body that it could not read."""
    if not data:
        return "<empty>"
    shown = data[:_SHOWN_BYTES]
    text = shown.decode("utf-8", "replace") if data.startswith(b"{") else shown.hex()
    return text if len(data) <= _SHOWN_BYTES else f"{text} ..."


class _Pairs(list[tuple[str, Any]]):
    """An object with its fields in order, doubles included."""


def _find_duplicates(value: Any, path: str, result: list[str]) -> None:
    if isinstance(value, _Pairs):
        seen: set[str] = set()
        for key, inner in value:
            here = f"{path}.{key}" if path else key
            if key in seen:
                result.append(here)
            seen.add(key)
            _find_duplicates(inner, here, result)
    elif is_list(value):
        for i, inner in enumerate(value):
            _find_duplicates(inner, f"{path}[{i}]", result)


def _refuse_constant(name: str) -> NoReturn:
    raise NotJson(f"invalid character '{name[0]}' looking for beginning of value")


def _mended(value: Any) -> Any:
    if isinstance(value, str):
        return _SURROGATES.sub("\ufffd", value)
    if is_list(value):
        return [_mended(one) for one in value]
    if is_object(value):
        return {_mended(key): _mended(one) for key, one in value.items()}
    if isinstance(value, int | float) and not isinstance(value, bool) and abs(value) >= 1 << 63:
        return _finite(value)
    return value


def _finite(value: float) -> float:
    try:
        number = float(value)
    except OverflowError:
        number = float("inf")
    if number in {float("inf"), float("-inf")}:
        raise NotJson("json: cannot unmarshal number into Go value of type float64")
    return number


def _said(error: json.JSONDecodeError, text: str) -> str:
    rest = text[error.pos :].strip()
    if not rest or error.msg.startswith("Unterminated"):
        return "unexpected end of JSON input"
    where = "after top-level value" if error.msg == "Extra data" else "looking for beginning of value"
    if "property name" in error.msg:
        where = "looking for beginning of object key string"
    elif "delimiter" in error.msg:
        where = "after object key:value pair" if error.msg.startswith("Expecting ','") else "after object key"
    return f"invalid character {rest[0]!r} {where}"
