"""Promises of a list."""

from __future__ import annotations

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from trio_k8swatch import WatchStopped
from trio_k8swatch._store.waiting.relist_tickets import RelistTickets


async def test_L5_all_who_ask_before_a_list_begins_share_it() -> None:
    """Any number of requests make one list."""
    tickets = RelistTickets()
    assert not tickets.is_wanted
    first = tickets.draw()
    assert tickets.is_wanted
    assert tickets.draw() is first
    assert tickets.take() is first
    assert not tickets.is_wanted
    assert tickets.take() is None


async def test_L4_who_asks_after_a_list_began_waits_for_the_next(autojump_clock: MockClock) -> None:
    """It may have been read before what he wants to see."""
    tickets = RelistTickets()
    early = tickets.draw()
    tickets.take()
    late = tickets.draw()
    assert late is not early
    early.settle()
    await early.wait()
    with trio.move_on_after(1) as scope:
        await late.wait()
    assert scope.cancelled_caught


async def test_T3_B8_the_end_of_the_watch_ends_the_wait() -> None:
    """The Go package waited for ever: for a request that was open, and for one that came too late."""
    tickets = RelistTickets()
    tickets.close("nobody asked")
    assert tickets.draw() is not tickets.draw()
    with pytest.raises(WatchStopped, match="nobody asked"):
        await tickets.draw().wait()
    tickets = RelistTickets()
    waiting = tickets.draw()
    tickets.close("over")
    for _ in range(2):
        with pytest.raises(WatchStopped, match="over"):
            await waiting.wait()
    assert not tickets.is_wanted


async def test_U6_the_first_word_about_a_ticket_counts() -> None:
    """A kept promise stays kept."""
    ticket = RelistTickets().draw()
    ticket.settle()
    ticket.settle("too late")
    await ticket.wait()


async def test_what_cancels_the_watch_and_its_waiters_at_once_is_a_cancellation(autojump_clock: MockClock) -> None:
    """A program that ends is not told that its watch has ended."""
    ticket = RelistTickets().draw()
    with trio.CancelScope() as scope:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(ticket.wait)
            await wait_all_tasks_blocked()
            ticket.settle("over")
            scope.cancel()
    assert scope.cancelled_caught
