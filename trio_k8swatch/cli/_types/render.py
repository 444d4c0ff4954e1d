"""Structs as the text of a Python module."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from .chosen_fields import Field, Struct
from .schema import Kind

__all__ = ["render"]


def render(kind: Kind, structs: Sequence[Struct]) -> str:
    """A module with these structs, formatted, the same each time.

    Every name in it was made of letters, digits and underscores; all other text is written as a string literal.
    """
    annotations = {field.annotation for struct in structs for field in struct.fields}
    lines = [
        f'"""{structs[-1].name} of {_plain(kind.api_version)}, written by `trio-k8swatch types`."""',
        "",
        "from __future__ import annotations",
        "",
        *_imports(annotations),
    ]
    for struct in structs[:-1]:
        lines += ["", "", *_class(struct)]
    lines += ["", "", f"@model({_text(kind.api_version)}, {_text(kind.plural)})", *_class(structs[-1])]
    return "\n".join([*lines, ""])


def _imports(annotations: set[str]) -> Iterator[str]:
    used = " ".join(annotations)
    if "datetime" in used:
        yield "from datetime import datetime"
    if "Any" in used:
        yield "from typing import Any"
    if "datetime" in used or "Any" in used:
        yield ""
    yield "import msgspec"
    yield ""
    yield "from trio_k8swatch import ObjectMeta, model"


def _class(struct: Struct) -> Iterator[str]:
    yield f'class {struct.name}(msgspec.Struct, frozen=True, rename="camel", gc=False):'
    if not struct.fields:
        yield "    pass"
    for field in struct.fields:
        yield f"    {field.name}: {field.annotation}{_default(field)}"


def _default(field: Field) -> str:
    if _camel(field.name) != field.json_name:
        default = f"default={field.default}, " if field.default else ""
        return f" = msgspec.field({default}name={_text(field.json_name)})"
    return f" = {field.default}" if field.default else ""


def _camel(name: str) -> str:
    """What msgspec's `rename="camel"` makes of a name."""
    first, *others = name.split("_")
    return first + "".join(part.title() for part in others)


def _text(text: str) -> str:
    """`text` as a string literal, in double quotes as formatters have them."""
    literal = ascii(text)
    return literal if '"' in text or literal.startswith('"') else f'"{literal[1:-1]}"'


def _plain(text: str) -> str:
    return "".join(letter for letter in text if letter.isascii() and (letter.isalnum() or letter in "./-"))
