"""JSON values as Go prints them in the messages of the server."""

from __future__ import annotations

from typing import Any

from trio_k8swatch.testing._json import encode, is_list, is_object


def go_text(value: Any) -> str:
    """As `%v` does: `map[a:1]`, `[x y]`, `<nil>`."""
    if is_object(value):
        return "map[" + " ".join(f"{key}:{go_text(value[key])}" for key in sorted(value)) + "]"
    if is_list(value):
        return "[" + " ".join(map(go_text, value)) + "]"
    if value is None:
        return "<nil>"
    return value if isinstance(value, str) else encode(value).decode()


def go_syntax(value: Any) -> str:
    """As `%#v` does: `map[string]interface {}{"a":1}`."""
    if is_object(value):
        return (
            go_type(value) + "{" + ", ".join(f"{go_syntax(key)}:{go_syntax(value[key])}" for key in sorted(value)) + "}"
        )
    if is_list(value):
        return go_type(value) + "{" + ", ".join(map(go_syntax, value)) + "}"
    return "interface {}(nil)" if value is None else encode(value).decode()


def go_type(value: Any) -> str:
    """As `%T` does."""
    if is_object(value):
        return "map[string]interface {}"
    if is_list(value):
        return "[]interface {}"
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, int):
        return "int64"
    return "float64" if isinstance(value, float) else "string" if isinstance(value, str) else "<nil>"
