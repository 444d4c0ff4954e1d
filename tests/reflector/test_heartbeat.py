"""When silence is death."""

from __future__ import annotations

import trio
from core_helpers import Added, ScriptedListWatcher, page, steady, thing
from hypothesis import given
from hypothesis import strategies as st
from trio.testing import MockClock

from trio_k8swatch import open_watch
from trio_k8swatch._reflector.heartbeat import Heartbeat


def started(limit: float = 70, timeout: float = 600, now: float = 0) -> Heartbeat:
    heart = Heartbeat(limit)
    heart.begin(now, timeout)
    return heart


def test_a_watch_may_be_silent_for_as_long_as_the_limit() -> None:
    """From its beginning, and from each byte on."""
    heart = started()
    assert heart.deadline == 70
    heart.heard(50, events=True)
    assert heart.deadline == 120


def test_bytes_without_events_are_life_for_three_limits() -> None:
    """A large object takes its time; a proxy that drips is found out."""
    heart = started(timeout=10_000)
    for second in range(0, 1000, 10):
        heart.heard(second, events=False)
    assert heart.deadline == 210


def test_a_watch_ends_shortly_after_the_time_for_which_it_was_asked() -> None:
    """The server should have ended it by then."""
    heart = started(timeout=100)
    heart.heard(90, events=True)
    assert heart.deadline == 110


def test_a_server_with_rare_bookmarks_is_given_more_time() -> None:
    """Half as much again as the longest gap that was seen."""
    heart = started(timeout=10_000)
    heart.heard(10, events=True)
    heart.marked(10)
    heart.heard(110, events=True)
    heart.marked(110)
    assert heart.deadline == 110 + 150


def test_R18_until_the_first_bookmark_of_a_watch_there_is_twice_the_time() -> None:
    """A healthy idle server leaves it out now and then: 121 s were seen. From then on they come every minute."""
    heart = Heartbeat()
    heart.begin(0, 600)
    assert heart.deadline == 130
    heart.heard(121, events=True)
    heart.marked(121)
    assert heart.deadline == 121 + 75
    heart.begin(200, 600)
    assert heart.deadline == 330


def test_a_watch_with_events_or_a_short_one_was_not_silent() -> None:
    """Silence takes as long as a living watch could have kept still."""
    heart = started()
    assert not heart.was_silent(69)
    assert heart.was_silent(70)
    heart.heard(60, events=False)
    assert heart.was_silent(70)
    heart.heard(65, events=True)
    assert not heart.was_silent(200)


def test_a_silence_that_kept_nothing_back_is_this_servers_way() -> None:
    """Its watches may then be silent for as long as they were asked to last; until it is found to have kept something."""
    heart = started()
    heart.learn(is_silent=True)
    heart.begin(140, 600)
    assert heart.deadline == 140 + 600 + 10
    heart.learn(is_silent=False)
    assert heart.deadline == 140 + 70


def test_a_server_that_sent_bookmarks_once_is_held_to_it() -> None:
    """What was learnt outlives the round that taught it."""
    heart = started()
    heart.heard(10, events=True)
    heart.marked(10)
    heart.learn(is_silent=True)
    assert not heart.may_be_silent
    heart.begin(1000, 600)
    assert heart.deadline == 1070


@given(
    st.floats(1, 100),
    st.lists(st.tuples(st.floats(0, 200), st.sampled_from(["bytes", "event", "bookmark", "end"])), max_size=30),
)
def test_the_deadline_is_always_ahead_of_the_last_byte_and_never_beyond_the_end(
    limit: float, happenings: list[tuple[float, str]]
) -> None:
    """So nobody is cut off while speaking, and nobody waits for ever."""
    heart = Heartbeat(limit)
    now, begun, spoke = 0.0, 0.0, 0.0
    heart.begin(now, 300)
    for passed, what in happenings:
        now += passed
        if what == "end":
            heart.learn(is_silent=True)
            heart.begin(now, 300)
            begun = spoke = now
        else:
            heart.heard(now, events=what != "bytes")
            if what == "bookmark":
                heart.marked(now)
            spoke = now if what != "bytes" else spoke
        assert heart.deadline <= begun + 310
        assert heart.deadline >= min(spoke + limit, begun + 310)


async def test_a_limit_of_less_than_a_second_is_kept_as_well(autojump_clock: MockClock) -> None:
    """A watch on which something comes sooner than that goes on; one that is silent for longer does not."""
    source = ScriptedListWatcher(page(at=5))
    async with open_watch(source, config=steady(silence_limit=0.4)) as store:
        for version in range(6, 26):
            await trio.sleep(0.3)
            source.stream.send(Added(thing(f"n{version}", version)))
        assert source.verbs() == ["list", "watch"]
        await trio.sleep(1.6)
        assert source.verbs().count("watch") > 1
        assert len(store) == 20


def test_a_gap_of_the_limit_is_a_rare_bookmark() -> None:
    """A server that needs all of the limit would be cut off at the first one that is a moment late."""
    heart = started(timeout=10_000)
    heart.marked(0)
    heart.heard(70, events=True)
    heart.marked(70)
    assert heart.deadline == 70 + 105


def test_between_two_watches_no_gap_is_learnt() -> None:
    """Nobody listened in between."""
    heart = started(timeout=10_000)
    heart.marked(10)
    heart.begin(500, 10_000)
    heart.heard(510, events=True)
    heart.marked(510)
    assert heart.deadline == 510 + 70


def test_while_we_do_not_listen_no_gap_is_learnt() -> None:
    """A slow subscriber of ours says nothing about the server."""
    heart = started(timeout=10_000)
    heart.marked(10)
    heart.held()
    heart.heard(510, events=True)
    heart.marked(510)
    assert heart.deadline == 510 + 70


def test_silence_is_counted_from_the_beginning_of_the_watch() -> None:
    """Whenever that was."""
    heart = started(now=1000)
    assert not heart.was_silent(1069)
    assert heart.was_silent(1070)
