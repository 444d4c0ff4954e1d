"""Tables as a real API server (v1.36.2) sends them, and as others might."""

from __future__ import annotations

import json
from typing import Any

import pytest
from cli.tables import recorded

from trio_k8swatch import Added, Bookmark, Deleted, Failure, Modified, ProtocolError
from trio_k8swatch._wire.lines import Lines
from trio_k8swatch.cli._table.ages import text_at
from trio_k8swatch.cli._table.server_table import TableReader, TableRow

COLUMNS = [{"name": "Name"}, {"name": "Phase"}, {"name": "IP", "priority": 1}, {"name": "Age", "type": "date"}]


class Clock:
    """A clock that is moved by hand; the epoch moves along."""

    def __init__(self, epoch: float = 1_800_000_000.0) -> None:
        self.time = 100.0
        self.start = epoch - self.time

    def now(self) -> float:
        return self.time

    def epoch(self) -> float:
        return self.start + self.time


def reader(clock: Clock | None = None) -> TableReader:
    clock = clock or Clock()
    return TableReader(clock.now, clock.epoch)


def texts(row: TableRow, now: float = 100.0) -> list[str]:
    return [text_at(cell, now) for cell in row.cells]


def lines(*events: Any) -> Lines:
    buffer = b"".join(json.dumps(event).encode() + b"\n" for event in events)
    return Lines(buffer, 0, len(buffer))


def table(*rows: list[Any], columns: Any = COLUMNS, version: str = "7") -> dict[str, Any]:
    return {
        "kind": "Table",
        "apiVersion": "meta.k8s.io/v1",
        "metadata": {"resourceVersion": version},
        "columnDefinitions": columns,
        "rows": [
            {"cells": cells, "object": {"metadata": {"name": str(cells[0]), "uid": "u", "resourceVersion": version}}}
            for cells in rows
        ],
    }


def test_a_recorded_list_is_read() -> None:
    """All rows, with the metadata that a store needs, and the columns that kubectl shows."""
    pods = reader()
    page = pods.page(recorded("table-list")[0]["body"]["text"].encode())

    assert [column.name for column in pods.columns] == ["Name", "Ready", "Status", "Restarts", "Age"]
    assert texts(page.items[0]) == ["api-0", "0/1", "CrashLoopBackOff", "7 (43s ago)", "43s"]
    assert texts(page.items[0], 101.0) == ["api-0", "0/1", "CrashLoopBackOff", "7 (44s ago)", "44s"]
    assert page.items[0].metadata.uid == "5905be24-3f4b-4ebc-9f29-7ff9f90da211"
    assert page.items[0].metadata.resource_version == "292"
    assert page.metadata.resource_version == "336"


def test_a_recorded_watch_is_read() -> None:
    """The columns come with the first event only."""
    buffer = "".join(chunk["text"] for chunk in recorded("table-watch")[0]["chunks"]).encode()
    events = list(reader().events(Lines(buffer, 0, len(buffer))))

    assert [type(event) for event in events] == [Added, Modified, Deleted]
    assert [texts(event.object) for event in events if not isinstance(event, (Bookmark, Failure))] == [
        ["tab", "1", "0s"],
        ["tab", "2", "0s"],
        ["tab", "2", "1s"],
    ]


def test_columns_of_low_priority_are_left_out() -> None:
    """Those are for `-o wide`."""
    page = reader().page(json.dumps(table(["a", "Ok", "10.0.0.1", "5m"])).encode())
    assert texts(page.items[0]) == ["a", "Ok", "5m"]


def test_an_age_follows_the_creation_time_where_the_clocks_agree() -> None:
    """The server's `12h` is nearly thirteen by the object's own metadata."""
    clock = Clock()
    content = table(["a", "Ok", "", "12h"])
    content["rows"][0]["object"]["metadata"]["creationTimestamp"] = "2027-01-14T19:00:59Z"  # 12:59:01 before
    page = reader(clock).page(json.dumps(content).encode())
    assert [texts(page.items[0], 100.0)[-1], texts(page.items[0], 160.0)[-1]] == ["12h", "13h"]


def test_cells_are_shown_as_kubectl_shows_them() -> None:
    """Only the first line, nothing a terminal would obey, JSON for what is no text."""
    columns = [{"name": str(index)} for index in range(7)]
    cells = ["two\nlines", "\x1b[31mred", None, True, 3, 1.5, {"a": ["b"]}]
    page = reader().page(json.dumps(table(cells, columns=columns)).encode())
    assert texts(page.items[0]) == ["two...", "^[[31mred", "", "true", "3", "1.5", '{"a":["b"]}']


def test_rows_that_do_not_fit_the_columns_are_cut() -> None:
    """What has no heading is not shown; what is missing is missing."""
    page = reader().page(json.dumps(table(["a"], ["b", "Ok", "", "1s", "more"])).encode())
    assert [texts(row) for row in page.items] == [["a"], ["b", "Ok", "1s"]]


def test_new_columns_replace_the_old() -> None:
    """A CustomResourceDefinition may be changed; the next watch says so."""
    rows = reader()
    rows.page(json.dumps(table(["a", "Ok", "", "1s"])).encode())
    list(rows.events(lines({"type": "ADDED", "object": table(["b", 5], columns=[{"name": "Name"}, {"name": "Size"}])})))
    assert [column.name for column in rows.columns] == ["Name", "Size"]


@pytest.mark.parametrize("row_of_bookmark", [[], [[""]]])
def test_bookmarks_come_as_tables_too(row_of_bookmark: list[list[str]]) -> None:
    """With a row of nothing or without one."""
    [event] = reader().events(lines({"type": "BOOKMARK", "object": table(*row_of_bookmark, version="88")}))
    assert isinstance(event, Bookmark)
    assert event.resource_version == "88"


def test_errors_come_as_they_are() -> None:
    """A Status is never made into a table."""
    status = {"kind": "Status", "code": 410, "reason": "Expired", "message": "too old"}
    [event] = reader().events(lines({"type": "ERROR", "object": status}))
    assert isinstance(event, Failure)
    assert event.object.code == 410


def test_a_server_without_tables_gives_names_and_ages() -> None:
    """Old aggregated servers send their objects instead."""
    plain = reader(Clock(epoch=1_800_000_000.0))
    metadata = {"name": "a", "uid": "u", "resourceVersion": "3", "creationTimestamp": "2027-01-15T07:58:20Z"}
    page = plain.page(json.dumps({"kind": "ThingList", "metadata": {}, "items": [{"metadata": metadata}]}).encode())
    [event] = plain.events(lines({"type": "MODIFIED", "object": {"kind": "Thing", "metadata": metadata}}))

    assert [column.name for column in plain.columns] == ["Name", "Age"]
    assert texts(page.items[0]) == ["a", "100s"]
    assert isinstance(event, Modified)
    assert texts(event.object, 120.0) == ["a", "2m"]


@pytest.mark.parametrize(
    "body", [b"", b"<html>", b"[]", b'{"kind":"Pod"}', b"{}", b'{"kind":"Table","rows":3}', b"\xff"]
)
def test_a_body_that_is_no_table_is_a_protocol_error(body: bytes) -> None:
    """In words, without its contents."""
    with pytest.raises(ProtocolError):
        reader().page(body)


@pytest.mark.parametrize(
    "line",
    [b"{", b"[]", b'{"type":"WHAT","object":{}}', b'{"type":"ADDED","object":{"kind":"Table"}}', b'{"type":"ADDED"}'],
)
def test_a_line_that_is_no_event_is_a_protocol_error(line: bytes) -> None:
    """The watch is begun anew then."""
    with pytest.raises(ProtocolError):
        list(reader().events(Lines(line, 0, len(line))))
