"""F36-F42: streams that end with an error, or bring what nobody understands."""

from __future__ import annotations

import msgspec
import pytest
import trio
from faults.harness import cluster, pod

from trio_k8swatch import ObjectMeta


class Pod(msgspec.Struct, frozen=True):
    metadata: ObjectMeta
    status: dict[str, object] = {}


async def test_F36_error_event_410(autojump_clock):
    """One list, not older than the store; the missed deletion is delivered."""
    async with cluster() as it:
        it.fake.create(pod("a"))
        async with it.watch() as w:
            await trio.sleep(15)
            version = w.store.resource_version
            it.fake.faults.gone()
            it.fake.delete("pods", "a")
            it.fake.create(pod("b"))
            await w.settled()
            assert [a.options.resource_version for a in w.lists] == [None, version]
            assert w.lists[1].options.resource_version_match == "NotOlderThan"
            assert w.book.changes == [("add", "a"), ("delete", "a"), ("add", "b")]
            assert w.book.deletes("a") == [True]
            assert w.pauses()[0] >= 0.1


async def test_F37_error_event_after_every_list(autojump_clock):
    """If every watch after a list ends with 410, lists are paced by growing pauses."""
    async with cluster() as it:
        it.fake.create(pod("a"))
        async with it.watch() as w:
            await trio.sleep(15)
            gone = it.fake.faults.gone(times=None)
            await trio.sleep(600)
            assert 8 < len(w.lists) < 30
            assert max(w.pauses()) == 30
            gone.remove()
            it.fake.create(pod("b"))
            await w.settled()


async def test_F38_error_event_500(autojump_clock):
    """The watch is retried first; after five such errors in a row there is a list."""
    async with cluster() as it:
        async with it.watch() as w:
            await trio.sleep(15)
            it.fake.faults.error_event(500)
            await trio.sleep(10)
            assert len(w.lists) == 1
            it.fake.faults.error_event(500, times=3)
            it.fake.create(pod("a"))
            await w.settled()
            assert len(w.lists) == 1
            it.fake.faults.error_event(500, times=6)
            await trio.sleep(30)
            assert len(w.lists) == 2


@pytest.mark.parametrize(("code", "reason"), [(429, "TooManyRequests"), (504, "Timeout")])
async def test_F39_error_event_with_retry_after(code, reason, autojump_clock):
    """`retryAfterSeconds` in a Status counts like the header."""
    async with cluster() as it:
        async with it.watch() as w:
            await trio.sleep(15)
            it.fake.faults.error_event(code, reason, retry_after_seconds=9)
            await trio.sleep(30)
            assert 9 <= w.pauses()[0] <= 9.9
            it.fake.create(pod("a"))
            await w.settled()


@pytest.mark.parametrize(
    "obj", [{}, "oops", None, 7, [], {"kind": "Pod", "metadata": {}}, {"code": "410"}, {"code": None}]
)
async def test_F40_error_event_without_a_status(obj, autojump_clock):
    """An ERROR event without details leads to a list, and not to a crash."""
    async with cluster() as it:
        async with it.watch() as w:
            await trio.sleep(15)
            it.fake.faults.send_event("ERROR", obj)
            it.fake.create(pod("a"))
            await w.settled()
            assert len(w.lists) == 2
            assert w.store.health.last_error


@pytest.mark.parametrize("kind", ["FROB", "", "added", "SYNC"])
async def test_F41_unknown_event_type(kind, autojump_clock):
    """An event that cannot be understood may have been data, so a list follows."""
    async with cluster() as it:
        async with it.watch() as w:
            await trio.sleep(15)
            it.fake.faults.unknown_type(kind)
            it.fake.create(pod("a"))
            await w.settled()
            assert len(w.lists) == 2


async def test_F42_garbage_blank_lines_line_ends_and_marks(autojump_clock):
    """Blank lines, CRLF and byte order marks are skipped; other data that is not an event is counted and leads to a list."""
    async with cluster() as it:
        async with it.watch() as w:
            await trio.sleep(15)
            with it.fake.faults.blank_lines(), it.fake.faults.crlf():
                it.fake.faults.bom()
                for n in range(5):
                    it.fake.create(pod(f"pod-{n}"))
                await w.settled()
            assert len(w.lists) == 1
            it.fake.faults.garbage()
            it.fake.create(pod("a"))
            await w.settled()
            assert len(w.lists) == 2
            assert "is not an event" in (w.store.health.last_error or "")
