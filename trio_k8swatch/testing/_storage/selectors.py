"""Label and field selectors: text in, predicate out."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeAlias, cast

from trio_k8swatch.testing._api.builtin_types import FIELD_LABELS
from trio_k8swatch.testing._api.faces import kept_path
from trio_k8swatch.testing._api.resource_types import ResourceType
from trio_k8swatch.testing._http.statuses import bad_request
from trio_k8swatch.testing._json import Object

Predicate: TypeAlias = Callable[[Object], bool]
FieldTests: TypeAlias = list[tuple[str, str, bool]]

_TOKEN: Final = re.compile(r"\s*(==|!=|[=!<>(),]|[^\s=!<>(),]+)")
_NAMES_AND_END: Final = ("", ",")


@dataclass(frozen=True, slots=True)
class Requirement:
    """One comma-separated part of a label selector."""

    key: str
    operator: str
    values: tuple[str, ...] = ()

    def matches(self, labels: Mapping[str, str]) -> bool:
        """Whether these labels meet it. As in Kubernetes, `!=` and `notin` hold for an absent label too."""
        value = labels.get(self.key)
        match self.operator:
            case "exists":
                return value is not None
            case "!":
                return value is None
            case "in":
                return value in self.values
            case "notin":
                return value not in self.values
            case ">":
                return _integer(value) is not None and int(value or "") > int(self.values[0])
            case _:
                return _integer(value) is not None and int(value or "") < int(self.values[0])


def label_selector(text: str) -> Predicate | None:
    """A predicate for `a=b,c in (d,e),!f,g>1`; None if it selects everything. Raises 400 as the server words it."""
    requirements = _LabelParser(text).parse() if text.strip() else []
    if not requirements:
        return None
    return lambda obj: all(one.matches(obj["metadata"].get("labels") or {}) for one in requirements)


def matches_labels(selector: Object, labels: Mapping[str, str]) -> bool:
    """Whether a LabelSelector object (`matchLabels`, `matchExpressions`) selects these labels."""
    wanted = cast("dict[str, str]", selector.get("matchLabels") or {})
    if any(labels.get(key) != value for key, value in wanted.items()):
        return False
    operators = {"In": "in", "NotIn": "notin", "Exists": "exists", "DoesNotExist": "!"}
    expressions = cast("list[Object]", selector.get("matchExpressions") or [])
    # Tests may store what no server would: an operator that does not exist selects nothing.
    return all(
        one.get("operator") in operators
        and Requirement(one.get("key", ""), operators[one["operator"]], tuple(one.get("values") or ())).matches(labels)
        for one in expressions
    )


def parsed_fields(text: str) -> FieldTests:
    """`metadata.name=a,status.phase!=Running` as paths, values, and whether they are to be equal. Raises 400."""
    tests: FieldTests = []
    for part in filter(None, text.split(",")):
        match = re.fullmatch(r"(.*?)(==|!=|=)(.*)", part)
        if match is None:
            raise bad_request(f"invalid selector: '{text}'; can't understand '{part}'")
        path, operator, value = match.groups()
        tests.append((path, value, operator != "!="))
    return tests


def field_selector(tests: FieldTests, kind: ResourceType) -> Predicate | None:
    """A predicate for `parsed_fields`; None if it selects everything. 400 for fields that this kind is not selected by."""
    defaults = _field_defaults(kind)
    for path, _, _ in tests:
        if path not in defaults:
            raise bad_request(f"field label not supported: {path}")
    if not tests:
        return None
    asked = [(kept_path(kind, path), defaults[path], value, wanted) for path, value, wanted in tests]
    return lambda obj: all((_field(obj, path, empty) == value) is wanted for path, empty, value, wanted in asked)


def both(first: Predicate | None, second: Predicate | None) -> Predicate | None:
    """Both must hold; None selects everything."""
    if first is None or second is None:
        return first or second
    return lambda obj: first(obj) and second(obj)


def _field_defaults(kind: ResourceType) -> dict[str, str]:
    named = {"metadata.name": "", "metadata.namespace": ""}
    return named | FIELD_LABELS.get(kind.qualified, {}) | dict.fromkeys(kind.selectable_fields, "")


def _field(obj: Object, path: str, default: str) -> str:
    value: Any = obj
    if path == "source":
        path = "source.component"
    for part in path.split("."):
        value = cast("Object", value).get(part) if isinstance(value, dict) else None
    if value is None:
        return default
    return str(value).lower() if isinstance(value, bool) else str(value)


def _integer(text: str | None) -> int | None:
    try:
        return int(text or "")
    except ValueError:
        return None


class _LabelParser:
    """The grammar of `k8s.io/apimachinery/pkg/labels`, with its messages."""

    def __init__(self, text: str) -> None:
        self._tokens: list[str] = _TOKEN.findall(text)

    def parse(self) -> list[Requirement]:
        requirements = [self._requirement()]
        while self._peek():
            comma = self._next()
            if comma != ",":
                raise bad_request(f"found '{comma}', expected: ',' or 'end of string'")
            if not self._peek():
                raise bad_request("found '', expected: identifier after ','")
            if re.fullmatch(r"[=<>(),]+", self._peek()):
                raise bad_request(f"found '{self._peek()}', expected: identifier after ','")
            requirements.append(self._requirement())
        return requirements

    def _requirement(self) -> Requirement:
        if re.fullmatch(r"[=<>(),]+", self._peek()):
            raise bad_request(f"found '{self._peek()}', expected: !, identifier, or 'end of string'")
        negated = self._peek() == "!"
        if negated:
            self._next()
        key = self._next()
        if re.fullmatch(r"[=!<>(),]*", key):
            raise bad_request(f"unable to parse requirement: found '{key}', expected: identifier")
        if negated or self._peek() in _NAMES_AND_END:
            return Requirement(key, "!" if negated else "exists")
        match operator := self._next():
            case "=" | "==":
                return Requirement(key, "in", (self._value(),))
            case "!=":
                return Requirement(key, "notin", (self._value(),))
            case "in" | "notin":
                return Requirement(key, operator, self._values())
            case "<" | ">":
                return Requirement(key, operator, (self._bound(),))
            case _:
                expected = "in, notin, =, ==, !=, gt, lt"
                raise bad_request(f"unable to parse requirement: found '{operator}', expected: {expected}")

    def _value(self) -> str:
        return "" if self._peek() in _NAMES_AND_END else self._next()

    def _bound(self) -> str:
        value = self._value()
        if _integer(value) is None:
            message = f"values[0][]: Invalid value: \"{value}\": for 'Gt', 'Lt' operators, the value must be an integer"
            raise bad_request(f"unable to parse requirement: {message}")
        return value

    def _values(self) -> tuple[str, ...]:
        opened = self._next()
        if opened != "(":
            raise bad_request(f"unable to parse requirement: found '{opened}' expected: '('")
        values: list[str] = []
        expect_value = True
        while (found := self._next()) != ")":
            if not found:
                raise bad_request("unable to parse requirement: found '', expected: ',' or ')'")
            if found == ",":
                values += [""] if expect_value else []
                expect_value = True
            else:
                values.append(found)
                expect_value = False
        return tuple(values + ([""] if expect_value and values else []))

    def _peek(self) -> str:
        return self._tokens[0] if self._tokens else ""

    def _next(self) -> str:
        return self._tokens.pop(0) if self._tokens else ""
