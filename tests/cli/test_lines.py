"""Changes as lines, for pipes."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from cli.tables import POD_COLUMNS, added, deleted, row, there

from trio_k8swatch import Change, DynamicObject, ObjectMeta, PartialObjectMetadata
from trio_k8swatch.cli._output.lines import JsonLines, NameLines, TableLines
from trio_k8swatch.cli._table.ages import Growing
from trio_k8swatch.cli._table.columns import TableStyle
from trio_k8swatch.cli._table.server_table import Column, TableReader
from trio_k8swatch.discovery._rest_mapper import ServedResource


class Columns(TableReader):
    """A reader that has read what it is told."""

    def __init__(self, *batches: list[Column]) -> None:
        super().__init__(lambda: 0.0, lambda: 0.0)
        self._batches: Iterator[list[Column]] = iter(batches)

    @property
    def columns(self) -> list[Column]:
        return next(self._batches)


def named(name: str) -> Change[PartialObjectMetadata]:
    return Change("MODIFIED", PartialObjectMetadata(ObjectMeta(name=name)))


def test_json_is_what_the_server_sent() -> None:
    """Byte for byte, in one line, with the type of the change around it."""
    raw = '{"kind":"Pod","metadata":{"name":"a"},"z":1.0,"a":"ü\u2028"}'.encode()
    line = JsonLines().line(Change("DELETED", DynamicObject(ObjectMeta(name="a"), raw)), 0.0)
    assert line == b'{"type":"DELETED","object":' + raw + b"}\n"


def test_json_of_a_server_that_indents_is_one_line_too() -> None:
    """Newlines in strings are escaped; those between fields go."""
    raw = b'{\n  "kind": "Pod",\n  "x": "1\\n2"\n}'
    line = JsonLines().line(Change("ADDED", DynamicObject(ObjectMeta(name="a"), raw)), 0.0)
    assert line.count(b"\n") == 1
    assert json.loads(line) == {"type": "ADDED", "object": {"kind": "Pod", "x": "1\n2"}}


@pytest.mark.parametrize(
    ("served", "name"),
    [
        (ServedResource("v1", "pods", "Pod", namespaced=True, singular="pod"), b"pod/web\n"),
        (ServedResource("apps/v1", "deployments", "Deployment", namespaced=True), b"deployment.apps/web\n"),
    ],
)
def test_names_are_what_kubectl_takes(served: ServedResource, name: bytes) -> None:
    """Singular, with the group if there is one."""
    assert NameLines(served).line(named("web"), 0.0) == name


def test_tables_are_headed_once() -> None:
    """And wide enough from the start for what is there at the start."""
    lines = TableLines(Columns(POD_COLUMNS, POD_COLUMNS), TableStyle())
    first, second = (
        row("a", "1/1", "Running", "0", Growing(0.0)),
        row("a-longer-name", "1/1", "Running", "0", Growing(0.0)),
    )
    lines.expect([first, second], 5.0)
    assert lines.line(there(first), 5.0).decode() == (
        "NAME            READY   STATUS    RESTARTS   AGE\n"
        "a               1/1     Running   0          5s\n"
    )  # fmt: skip
    assert lines.line(deleted(second), 65.0).decode() == "a-longer-name   1/1     Running   0          65s\n"


def test_an_empty_collection_gets_its_columns_with_the_first_event() -> None:
    """Some servers name none before."""
    lines = TableLines(Columns([Column("Name")], [Column("Name"), Column("Size")]), TableStyle(with_namespace=True))
    lines.expect([], 0.0)
    assert lines.line(added(row("a", "3")), 0.0).decode() == "NAMESPACE   NAME   SIZE\nshop        a      3\n"
