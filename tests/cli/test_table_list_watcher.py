"""A store of rows: recovered and kept like any other."""

from __future__ import annotations

from cli.pods import pod
from trio.testing import MockClock

from trio_k8swatch import ListOptions, open_client, open_watch
from trio_k8swatch._http.collection import Collection
from trio_k8swatch.cli._observed_list_watcher import ObservedListWatcher
from trio_k8swatch.cli._table.ages import text_at
from trio_k8swatch.cli._table.server_table import TableReader, TableRow
from trio_k8swatch.cli._table.table_list_watcher import TableListWatcher
from trio_k8swatch.testing import FakeApiServer

PODS = Collection("v1", "pods")


def texts(row: TableRow) -> list[str]:
    return [text_at(cell, 0.0) for cell in row.cells[:-1]]


async def test_rows_follow_the_server(autojump_clock: MockClock) -> None:
    """Added, changed, deleted, and after history was lost."""
    fake = FakeApiServer()
    fake.create(pod("a"))
    fake.create(pod("b"))
    async with (
        open_client(transport=fake.transport()) as client,
        open_watch(TableListWatcher(client, PODS, TableReader())) as store,
    ):
        assert [texts(row) for row in store] == [["a", "0/1", "Pending", "0"], ["b", "0/1", "Pending", "0"]]
        fake.patch("pods", "a", {"status": {"phase": "Running"}}, namespace="default")
        fake.delete("pods", "b", namespace="default")
        await store.wait_until(lambda now: len(now) == 1)
        assert [texts(row) for row in store] == [["a", "0/1", "Running", "0"]]

        fake.create(pod("c"))
        await store.relist()
        assert [texts(row)[0] for row in store] == ["a", "c"]


async def test_pages_and_watches_are_counted(autojump_clock: MockClock) -> None:
    """A list of one page is none that anybody waits for."""
    fake = FakeApiServer()
    for number in range(5):
        fake.create(pod(f"pod-{number}"))
    pages: list[tuple[int, int | None]] = []
    async with open_client(transport=fake.transport()) as client:
        source = ObservedListWatcher(client.resource("v1", "pods"), lambda taken, total: pages.append((taken, total)))
        async with open_watch(source, list_options=ListOptions(page_size=2)) as store:
            assert (len(store), source.watches_opened) == (5, 1)
        assert pages == [(2, 5), (4, 5), (5, 5)]

        pages.clear()
        async with open_watch(source, list_options=ListOptions(page_size=5)):
            assert pages == []
        async with open_watch(source, list_options=ListOptions(page_size=2, field_selector="spec.nodeName=node-1")):
            assert pages == [(2, None), (4, None), (5, 5)]
