"""What the server says of a patch whose result is no object of its kind: not 400 as for a body, but 422, and which patch."""

from __future__ import annotations

import re
from typing import Any, Final

from trio_k8swatch.testing._http.statuses import Refused, invalid_with
from trio_k8swatch.testing._json import Object, encode, is_object

_WRONG_TYPE: Final = re.compile(r"json: cannot unmarshal (\w+).* into Go struct field (\S+) of type (\S+)")
_GO_KINDS: Final = {"object": "map", "array": "slice", "number": "int64"}


def unusable(value: str, why: str) -> Refused:
    """422: `value` is the patched object, or the patch, as the server shows it."""
    quoted = value.replace("\\", "\\\\").replace('"', '\\"')
    message = f'Invalid value: "{quoted}": {why}'
    return invalid_with("", "", "", [{"reason": "FieldValueInvalid", "message": message, "field": "patch"}])


def patched_text(obj: Object, touched: Any) -> str:
    """The patched object as text: sorted where the patch reached, as it was elsewhere."""
    return _sorted_where(obj, touched).decode()


def _sorted_where(value: Any, touched: Any) -> bytes:
    if not (is_object(value) and is_object(touched)):
        return encode(value)
    inner = (encode(key) + b":" + _sorted_where(value[key], touched.get(key)) for key in sorted(value))
    return b"{" + b",".join(inner) + b"}"


def conversion_error(decoding: str) -> str:
    """What the converter of strategic patches says where the decoder of JSON would say `decoding`."""
    match = _WRONG_TYPE.search(decoding)
    if match is None:
        return decoding
    kind, target = _GO_KINDS.get(match[1], match[1]), match[3]
    if target.startswith("[]"):
        return f"cannot restore slice from {kind}"
    if target.startswith("map["):
        return f"cannot restore map from {kind}"
    if target in {"string", "bool"}:
        return f"cannot convert {kind} to {target}" if kind in {"int64", "bool"} else f"unrecognized type: {target}"
    if target in {"int32", "int64", "float64"}:
        return f"unrecognized type: {target}"
    return f"cannot restore struct from: {kind}"
