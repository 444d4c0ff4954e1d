"""kubectl's JSONPath templates: `{.metadata.name}`, `{range .spec.containers[*]}{.image} {end}`."""

from __future__ import annotations

import json
import operator
import re
from collections.abc import Callable, Iterator
from typing import Any, Final, TypeAlias, TypeGuard

import msgspec

__all__ = ["Template", "TemplateError", "parse_template"]

_MAX_TEMPLATE_CHARACTERS: Final = 10_000

_STEP: Final = re.compile(
    r"""\.\.(?P<deep>\*|[^.\[\]{}\s()'"]+)
    | \.(?P<name>\*|(?:\\.|[^.\[\]{}\s()'"\\])+)
    | \[\s*\*\s*\](?P<all>)
    | \[\s*\?\s*\((?P<filter>(?:[^()'"]|'[^']*'|"[^"]*")*)\)\s*\]
    | \[(?P<slice>\s*-?\d*\s*:\s*-?\d*\s*(?::\s*-?\d+\s*)?)\]
    | \[(?P<union>(?:\s*(?:-?\d+|'[^']*'|"[^"]*")\s*,?)+)\]""",
    re.VERBOSE,
)
_COMPARISON: Final = re.compile(r"(?P<left>.+?)\s*(?P<operator>==|!=|<=|>=|<|>)\s*(?P<right>.+)", re.DOTALL)
_OPERATORS: Final[dict[str, Callable[[Any, Any], bool]]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


_ESCAPES: Final = {"n": "\n", "t": "\t", "r": "\r"}


class TemplateError(ValueError):
    """It is no template; the message says where it goes wrong."""


Step: TypeAlias = Callable[[list[Any]], Iterator[Any]]
"""From all values found so far to those one step on."""


class _Text(msgspec.Struct, frozen=True):
    text: str


class _Path(msgspec.Struct, frozen=True):
    steps: tuple[Step, ...]

    def values(self, value: Any) -> list[Any]:
        found = [value]
        for step in self.steps:
            found = list(step(found))
        return found


class _Range(msgspec.Struct, frozen=True):
    path: _Path
    body: tuple[_Part, ...]


_Part: TypeAlias = "_Text | _Path | _Range"


class Template(msgspec.Struct, frozen=True):
    """A template that was understood."""

    parts: tuple[_Part, ...]

    def text(self, obj: Any) -> str:
        """What it makes of `obj`; fields that are missing make nothing."""
        return "".join(_written(self.parts, obj))


def parse_template(source: str) -> Template:
    """Read a template. Raises TemplateError."""
    if len(source) > _MAX_TEMPLATE_CHARACTERS:
        raise TemplateError("it is too long")
    tokens = list(_tokens(source))
    parts, rest = _parts(tokens, in_range=False)
    assert not rest
    return Template(parts)


def _written(parts: tuple[_Part, ...], obj: Any) -> Iterator[str]:
    for part in parts:
        match part:
            case _Text(text):
                yield text
            case _Path():
                yield " ".join(_text_of(value) for value in part.values(obj))
            case _Range(path, body):
                for value in path.values(obj):
                    yield from _written(body, value)


def _text_of(value: Any) -> str:
    if isinstance(value, str):
        return value
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def _tokens(source: str) -> Iterator[tuple[bool, str]]:
    """Pieces of plain text (False) and of what stands between braces (True)."""
    position = 0
    while position < len(source):
        begin = source.find("{", position)
        if begin < 0:
            yield False, source[position:]
            return
        if begin > position:
            yield False, source[position:begin]
        end = _closing_brace(source, begin)
        yield True, source[begin + 1 : end].strip()
        position = end + 1


def _closing_brace(source: str, begin: int) -> int:
    quote = ""
    for index in range(begin + 1, len(source)):
        character = source[index]
        if quote:
            quote = "" if character == quote and source[index - 1] != "\\" else quote
        elif character in {'"', "'"}:
            quote = character
        elif character == "}":
            return index
    raise TemplateError(f"the brace at character {begin + 1} is not closed")


def _parts(tokens: list[tuple[bool, str]], *, in_range: bool) -> tuple[tuple[_Part, ...], list[tuple[bool, str]]]:
    parts: list[_Part] = []
    while tokens:
        (is_code, text), *tokens = tokens
        if not is_code:
            parts.append(_Text(text))
        elif text == "end":
            if not in_range:
                raise TemplateError("{end} without {range}")
            return tuple(parts), tokens
        elif text.startswith(("range ", "range.")):
            body, tokens = _parts(tokens, in_range=True)
            parts.append(_Range(_path(text.removeprefix("range").strip()), body))
        elif text[:1] in {'"', "'"}:
            parts.append(_Text(_literal(text)))
        else:
            parts.append(_path(text))
    if in_range:
        raise TemplateError("{range} without {end}")
    return tuple(parts), tokens


def _path(text: str) -> _Path:
    rest = text[1:] if text[:1] in {"$", "@"} else text
    if rest and rest[0] not in ".[":
        rest = "." + rest
    steps: list[Step] = []
    while rest and rest != ".":
        found = _STEP.match(rest)
        if found is None:
            raise TemplateError(f"{text!r} is no path from {rest!r} on")
        steps.append(_step(found))
        rest = rest[found.end() :]
    return _Path(tuple(steps))


def _step(matched: re.Match[str]) -> Step:
    kind, text = matched.lastgroup, matched[matched.lastgroup or 0]
    match kind:
        case "deep":
            return lambda found: (one for value in found for each in _everything(value) for one in _fields(each, text))
        case "name":
            name = re.sub(r"\\(.)", r"\1", text)
            return lambda found: (one for value in found for one in _fields(value, name))
        case "filter":
            test = _filter(text.strip())
            return lambda found: (one for value in found for one in _children(value) if test(one))
        case "slice":
            chosen = slice(*(int(part) if part.strip() else None for part in text.split(":")))
            return lambda found: (one for value in found for one in _items(value)[chosen])
        case "union":
            keys = [_literal(key) for key in re.findall(r"-?\d+|'[^']*'|\"[^\"]*\"", text)]
            return lambda found: (one for key in keys for value in found for one in _item(value, key))
        case _:
            return lambda found: (one for value in found for one in _children(value))


def _fields(value: Any, name: str) -> Iterator[Any]:
    if name == "*":
        yield from _children(value)
    elif _is_object(value) and name in value:
        yield value[name]


def _item(value: Any, key: Any) -> Iterator[Any]:
    if isinstance(key, str):
        yield from _fields(value, key)
    else:
        yield from _items(value)[key : key + 1 or None]


def _children(value: Any) -> Iterator[Any]:
    return iter(value.values()) if _is_object(value) else iter(_items(value))


def _items(value: Any) -> list[Any]:
    return value if _is_list(value) else []


def _is_object(value: Any) -> TypeGuard[dict[str, Any]]:
    return isinstance(value, dict)


def _is_list(value: Any) -> TypeGuard[list[Any]]:
    return isinstance(value, list)


def _everything(value: Any) -> Iterator[Any]:
    yield value
    for child in _children(value):
        yield from _everything(child)


def _filter(text: str) -> Callable[[Any], bool]:
    compared = _COMPARISON.fullmatch(text)
    if compared is None:
        path = _path(text)
        return lambda value: bool(path.values(value))
    left, right, agrees = _operand(compared["left"]), _operand(compared["right"]), _OPERATORS[compared["operator"]]

    def test(value: Any) -> bool:
        try:
            return any(agrees(one, other) for one in left(value) for other in right(value))
        except TypeError:
            return False

    return test


def _operand(text: str) -> Callable[[Any], list[Any]]:
    if text[:1] in {"@", "$", "."}:
        return _path(text).values
    literal = _literal(text)
    return lambda _: [literal]


def _literal(text: str) -> Any:
    """A string in quotes with its escapes, a number, true or false."""
    if len(text) > 1 and text[0] == text[-1] and text[0] in {'"', "'"}:
        return re.sub(r"\\(.)", lambda found: _ESCAPES.get(found[1], found[1]), text[1:-1], flags=re.DOTALL)
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise TemplateError(f"{text} is neither a string in quotes nor a number") from error
