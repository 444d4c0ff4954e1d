"""Which objects have changed, for readers of different pace."""

from __future__ import annotations

import gc

import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from trio_k8swatch._store.waiting.journal import Entry, Journal


def test_each_reader_gets_every_key_once_from_where_it_began() -> None:
    """However many entries it is behind; what was written before it came is not for it."""
    journal = Journal()
    journal.write(["before"])
    first = journal.join()
    journal.write(["a", "b"])
    second = journal.join()
    journal.write(["b", "c"])
    end, keys = first.read()
    assert list(keys) == ["a", "b", "c"]
    assert end is journal.end
    assert list(second.read()[1]) == ["b", "c"]
    assert list(end.read()[1]) == []


async def test_a_write_wakes_everyone_who_has_not_given_up(autojump_clock: MockClock) -> None:
    """Each once, in whatever order; whoever was cancelled is nobody's business any more."""
    journal = Journal()
    woken: list[str] = []

    async def read(name: str) -> None:
        await journal.join().written()
        woken.append(name)

    async with trio.open_nursery() as nursery:
        with trio.CancelScope() as impatience:
            async with trio.open_nursery() as impatient:
                impatient.start_soon(read, "cancelled")
                for name in ("first", "second"):
                    nursery.start_soon(read, name)
                await wait_all_tasks_blocked()
                impatience.cancel()
        journal.write(["a"])
        journal.write(["b"])
        assert woken == []
    assert sorted(woken) == ["first", "second"]


async def test_a_write_and_a_cancellation_at_once_are_one_of_them(autojump_clock: MockClock) -> None:
    """Whichever came first: a reader that is woken goes on, one that is cancelled stays so."""
    journal = Journal()
    for write_first in (True, False):
        with trio.CancelScope() as scope:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(journal.join().written)
                await wait_all_tasks_blocked()
                if write_first:
                    journal.write([])
                    nursery.cancel_scope.shield = True
                scope.cancel()
                if not write_first:
                    await trio.lowlevel.cancel_shielded_checkpoint()
                    journal.write([])
        assert scope.cancelled_caught is not write_first


def test_R19_what_all_have_read_is_forgotten() -> None:
    """A reader holds what it has not read, and nothing before that."""
    gc.collect()
    before = sum(isinstance(one, Entry) for one in gc.get_objects())
    journal = Journal()
    entry = journal.join()
    for n in range(100):
        journal.write([str(n)])
        entry, _ = entry.read()
    gc.collect()
    assert sum(isinstance(one, Entry) for one in gc.get_objects()) == before + 1
