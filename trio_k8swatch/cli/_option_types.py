"""Values of options that click has no type for."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

import click
from click.shell_completion import CompletionItem

from trio_k8swatch.cli._output.jsonpath import TemplateError, parse_template
from trio_k8swatch.cli._watch_arguments import Output

__all__ = ["Duration", "OutputFormat"]

_FORMATS: Final = "table, wide, name, json, yaml or jsonpath=TEMPLATE"
_UNIT_SECONDS: Final = {"": 1.0, "s": 1.0, "ms": 0.001, "m": 60.0, "h": 3600.0}
_DURATION_PART: Final = re.compile(r"(\d+(?:\.\d+)?)(ms|h|m|s)")


if TYPE_CHECKING:
    # Generic only in what a type checker sees of it: not in every version of click that will do.
    _ParamType = click.ParamType[Any]
else:
    _ParamType = click.ParamType


class OutputFormat(_ParamType):
    """`table`, `wide`, …, `jsonpath=TEMPLATE`: the format and, of JSONPath, its template."""

    name = "format"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Called by click."""
        if not isinstance(value, str):
            return value
        name, _, template = value.partition("=")
        if name not in {*Output} or bool(template) != (name == Output.JSONPATH):
            self.fail(f"{value!r} is no output format: use {_FORMATS}", param, ctx)
        if not template:
            return Output(name), None
        try:
            return Output(name), parse_template(template)
        except TemplateError as error:
            self.fail(f"{template!r} is no JSONPath template: {error}", param, ctx)

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        """Called by click."""
        names = [f"{name}=" if name is Output.JSONPATH else name.value for name in Output]
        return [CompletionItem(name) for name in names if name.startswith(incomplete)]


class Duration(_ParamType):
    """`30`, `30s`, `1m30s`, as kubectl has them; None for 0, which is no limit."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float | None:
        """Called by click."""
        text = str(value)
        if re.fullmatch(r"\d{1,9}", text):
            return float(text) or None
        if not re.fullmatch(f"(?:{_DURATION_PART.pattern})+", text) or len(text) > 30:
            self.fail(f"{value!r} is no time: use 30, 30s, 5m or 1h", param, ctx)
        return sum(float(number) * _UNIT_SECONDS[unit] for number, unit in _DURATION_PART.findall(text)) or None
