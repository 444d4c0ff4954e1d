"""Single values as Go's decoder takes them: what fits, what it becomes, and what is said of what does not fit."""

from __future__ import annotations

import base64
import binascii
import re
from datetime import UTC, datetime
from typing import Any, Final

from trio_k8swatch.testing._json import is_list

GO_TYPES: Final = {"s": "string", "i": "int32", "l": "int64", "b": "bool", "n": "float64", "y": "[]uint8"}
QUANTITY_RULE: Final = "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'"
_QUANTITY: Final = re.compile(r"([+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+))(Ki|Mi|Gi|Ti|Pi|Ei|[numkMGTPE]|[eE][+-]?[0-9]+)?")
_RFC3339: Final = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:[.,]\d+)?(Z|[+-]\d\d:\d\d)")
_MICRO: Final = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6})(Z|[+-]\d\d:\d\d)")
_UNITS: Final = {
    **{f"{letter}i": 1024.0**power for power, letter in enumerate("KMGTPE", 1)},
    **{letter: 1000.0**power for power, letter in enumerate("kMGTPE", 1)},
    "n": 1e-9,
    "u": 1e-6,
    "m": 1e-3,
}
_BITS: Final = {"i": 31, "l": 63}


class WrongType(Exception):
    """The value has another JSON type; `go_type` is what Go calls the one that was expected."""

    def __init__(self, value: Any, go_type: str) -> None:
        super().__init__(go_type)
        self.value = value
        self.go_type = go_type


class Unreadable(Exception):
    """The value has the right JSON type and cannot be read; the message is Go's."""


def scalar(kind: str, value: Any) -> Any:
    """The value as the server keeps it. Raises `WrongType` and `Unreadable`."""
    match kind:
        case "s":
            return _string(value, "string")
        case "b":
            if not isinstance(value, bool):
                raise WrongType(value, "bool")
            return value
        case "i" | "l":
            return _integer(kind, value)
        case "n":
            if isinstance(value, bool) or not isinstance(value, int | float):
                raise WrongType(value, "float64")
            return value
        case _:
            return _special(kind, value)


def amount(quantity: str) -> float:
    """How much a quantity is; 0 for what is none."""
    match = _QUANTITY.fullmatch(quantity)
    if match is None:
        return 0.0
    unit = match[2] or ""
    if unit in _UNITS or not unit:
        return float(match[1]) * float(_UNITS.get(unit, 1))
    return float(match[1] + unit)


def zero(kind: str) -> Any:
    """What Go has where nothing was said."""
    return {"s": "", "y": "", "b": False, "i": 0, "l": 0, "n": 0, "q": "0", "x": 0}.get(kind)


def json_type(value: Any) -> str:
    """What Go's decoder calls a JSON value."""
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, int | float):
        return "number"
    if isinstance(value, str):
        return "string"
    if isinstance(value, list):
        return "array"
    return "object" if isinstance(value, dict) else "null"


def _string(value: Any, go_type: str) -> str:
    if not isinstance(value, str):
        raise WrongType(value, go_type)
    return value


def _integer(kind: str, value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise WrongType(value, GO_TYPES[kind])
    limit = 1 << _BITS[kind]
    if not -limit <= value < limit:
        raise WrongType(value, GO_TYPES[kind])
    return value


def _special(kind: str, value: Any) -> Any:
    match kind:
        case "q":
            return _quantity(value)
        case "t":
            return _time(_text(value))
        case "m":
            return _micro_time(_text(value))
        case "x":
            return _int_or_string(value)
        case "y":
            return _numbered_bytes(value) if is_list(value) else _bytes(_string(value, "[]uint8"))
        case _:
            return value


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise Unreadable(f"json: cannot unmarshal {json_type(value)} into Go value of type string")
    return value


def _int_or_string(value: Any) -> int | str:
    if isinstance(value, str):
        return value
    if isinstance(value, bool) or not isinstance(value, int) or not -(1 << 31) <= value < 1 << 31:
        what = f"number {value}" if json_type(value) == "number" else json_type(value)
        raise Unreadable(f"json: cannot unmarshal {what} into Go value of type int32")
    return value


def _quantity(value: Any) -> str:
    text = str(value) if json_type(value) == "number" else value
    if not isinstance(text, str) or not _QUANTITY.fullmatch(text):
        raise Unreadable(QUANTITY_RULE)
    return text


def _bytes(value: str) -> str:
    try:
        return base64.b64encode(base64.b64decode(value.replace("\n", "").replace("\r", ""), validate=True)).decode()
    except (binascii.Error, ValueError):
        at = next((i for i, char in enumerate(value) if not re.match(r"[A-Za-z0-9+/]", char)), len(value))
        raise Unreadable(f"illegal base64 data at input byte {at}") from None


def _numbered_bytes(value: list[Any]) -> str:
    """Go takes the numbers of bytes, too."""
    for one in value:
        if isinstance(one, bool) or not isinstance(one, int) or not 0 <= one < 1 << 8:
            raise WrongType(one, "uint8")
    return base64.b64encode(bytes(value)).decode()


def _time(value: str) -> str:
    match = _RFC3339.fullmatch(value)
    moment = _moment(match[1] + match[2]) if match else None
    if moment is None:
        raise Unreadable(f'parsing time "{value}" as "2006-01-02T15:04:05Z07:00": cannot parse "{value}" as "2006"')
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def _micro_time(value: str) -> str:
    match = _MICRO.fullmatch(value)
    moment = _moment(match[1] + match[2]) if match else None
    if moment is None:
        layout = "2006-01-02T15:04:05.000000Z07:00"
        raise Unreadable(f'parsing time "{value}" as "{layout}": cannot parse "{value}" as "2006"')
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _moment(text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text).astimezone(UTC)
    except (ValueError, OverflowError):
        return None
