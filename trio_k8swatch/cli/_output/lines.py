"""Changes as lines of text."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Final, Protocol, TypeVar

import msgspec

from trio_k8swatch._object_meta import DynamicObject, PartialObjectMetadata
from trio_k8swatch._store import Change
from trio_k8swatch.cli._output.jsonpath import Template
from trio_k8swatch.cli._table.columns import KubectlColumns, TableStyle, cells_at, headings
from trio_k8swatch.cli._table.server_table import TableReader, TableRow
from trio_k8swatch.discovery._rest_mapper import ServedResource

__all__ = ["JsonLines", "JsonPathLines", "Lines", "NameLines", "TableLines", "YamlLines", "name_prefix"]

T = TypeVar("T")

_ON_ONE_LINE: Final = -1
"""msgspec's indent for no white space at all."""


_TYPE_WIDTH: Final = len("MODIFIED")
_NEVER_FOLDED: Final = 1 << 30
"""The width of a line of YAML: texts stay on theirs."""


class Lines(Protocol[T]):
    """One way to write changes."""

    def expect(self, objects: Iterable[T], now: float) -> None:
        """These will be the first."""
        ...

    def line(self, change: Change[T], now: float) -> bytes:
        """A change as a line, with its end; before the first one there may be a heading."""
        ...


class JsonLines:
    """`{"type":"ADDED","object":{...}}`, with every field that the server sent, in its order."""

    def expect(self, objects: Iterable[DynamicObject], now: float) -> None:
        """JSON needs no columns."""

    def line(self, change: Change[DynamicObject], now: float) -> bytes:
        """A change as JSON."""
        raw = change.object.raw
        if b"\n" in raw:
            raw = msgspec.json.format(raw, indent=_ON_ONE_LINE)
        return b'{"type":"%s","object":%s}\n' % (change.type.encode(), raw)


class YamlLines:
    """Objects as YAML documents, keys sorted, without managedFields, as kubectl shows them."""

    def __init__(self, *, with_type: bool) -> None:
        # Here: only this format needs it, and importing it takes longer than the rest of this folder.
        import yaml  # noqa: PLC0415

        self._dump: Callable[..., str] = yaml.safe_dump  # pyright: ignore[reportUnknownMemberType] - its stubs leave a type out
        self._with_type = with_type
        self._separator = b""

    def expect(self, objects: Iterable[DynamicObject], now: float) -> None:
        """YAML needs no columns."""

    def line(self, change: Change[DynamicObject], now: float) -> bytes:
        """A change as a document; from the second on with a separator before it."""
        shown: dict[str, Any] = change.object.to_dict()
        shown.get("metadata", {}).pop("managedFields", None)
        if self._with_type:
            shown = {"type": change.type, "object": shown}
        separator, self._separator = self._separator, b"---\n"
        return separator + self._dump(shown, allow_unicode=True, width=_NEVER_FOLDED).encode()


class JsonPathLines:
    """What a JSONPath template makes of each object. As with kubectl, it says itself where lines end."""

    def __init__(self, template: Template) -> None:
        self._template = template

    def expect(self, objects: Iterable[DynamicObject], now: float) -> None:
        """A template needs no columns."""

    def line(self, change: Change[DynamicObject], now: float) -> bytes:
        """The text for what changed."""
        return self._template.text(change.object.to_dict()).encode()


class NameLines:
    """`pod/web-0`, `deployment.apps/web`: as kubectl writes it, and takes it."""

    def __init__(self, served: ServedResource) -> None:
        self._prefix = name_prefix(served)

    def expect(self, objects: Iterable[PartialObjectMetadata], now: float) -> None:
        """Names need no columns."""

    def line(self, change: Change[PartialObjectMetadata], now: float) -> bytes:
        """The name of what changed."""
        return f"{self._prefix}{change.object.metadata.name}\n".encode()


def name_prefix(served: ServedResource) -> str:
    """What kubectl writes before a name: `pod/`, `deployment.apps/`."""
    kind = (served.singular or served.kind).lower()
    return f"{kind}.{served.group}/" if served.group else f"{kind}/"


class TableLines:
    """As `kubectl get --watch` appends them: no sign of what happened, the last state of what went."""

    def __init__(
        self, reader: TableReader, style: TableStyle, *, with_headings: bool = True, with_type: bool = False
    ) -> None:
        self._reader = reader
        self._style = style
        self._with_headings = with_headings
        self._with_type = with_type
        self._layout = KubectlColumns()
        self._headed = not with_headings

    def expect(self, objects: Iterable[TableRow], now: float) -> None:
        """Make the columns wide enough."""
        if self._with_headings:
            self._layout.widen([self._heading()])
        self._layout.widen(self._row("ADDED", row, now) for row in objects)

    def line(self, change: Change[TableRow], now: float) -> bytes:
        """The row; before the first one the heading."""
        rows = [self._row(change.type, change.object, now)]
        if not self._headed:
            # Not sooner: where there is nothing, the columns come with the first event.
            rows.insert(0, self._heading())
            self._headed = True
        self._layout.widen(rows)
        return "".join(map(self._layout.line, rows)).encode()

    def _heading(self) -> list[str]:
        names = headings(self._reader.columns, self._style)
        return ["EVENT".ljust(_TYPE_WIDTH), *names] if self._with_type else names

    def _row(self, type_: str, row: TableRow, now: float) -> list[str]:
        cells = cells_at(row, now, self._style)
        return [type_.ljust(_TYPE_WIDTH), *cells] if self._with_type else cells
