"""Read, change, write: what happens between the attempts, and with what is no object."""

from itertools import pairwise

import pytest
import trio
from faults.harness import Longest

from trio_k8swatch import ConfigError, Conflict, ProtocolError, Status
from trio_k8swatch._http.writes import update as module
from trio_k8swatch._http.writes.update import again_on_conflict, update


def conflict():
    return Conflict("it has changed", status=Status(code=409))


async def read():
    return b'{"n":1}'


async def write(text):
    return text


async def test_attempts_are_made_with_growing_pauses(autojump_clock, monkeypatch):
    """Short at first, a second at most, so many in all."""
    monkeypatch.setattr(module, "Random", lambda: Longest(1))
    times = []

    async def attempt():
        times.append(trio.current_time())
        raise conflict()

    with pytest.raises(Conflict):
        await again_on_conflict(attempt, attempts=11)
    pauses = [later - earlier for earlier, later in pairwise(times)]
    assert len(times) == 11
    assert pauses == pytest.approx(PAUSES)


PAUSES = [0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.0, 1.0, 1.0]


async def test_one_attempt_is_enough_if_it_succeeds_and_all_there_is_if_that_was_asked_for():
    assert await again_on_conflict(read, attempts=1) == b'{"n":1}'

    async def attempt():
        raise conflict()

    with pytest.raises(Conflict):
        await again_on_conflict(attempt, attempts=1)


@pytest.mark.parametrize("attempts", [0, -1])
async def test_no_attempt_at_all_is_refused(attempts):
    with pytest.raises(ConfigError, match="one is the least"):
        await again_on_conflict(read, attempts=attempts)


@pytest.mark.parametrize("answer", [b"[1]", b"3", b"", b"{", b"null"])
async def test_what_is_no_object_is_not_given_to_the_caller(answer):
    async def broken():
        return answer

    with pytest.raises(ProtocolError, match="no object"):
        await update(broken, lambda obj: pytest.fail(f"called with {obj}"), write, attempts=1)


@pytest.mark.parametrize("returned", ["text", 3, [1]])
async def test_a_change_returns_an_object_or_nothing(returned):
    with pytest.raises(ConfigError, match="it has to return a dict"):
        await update(read, lambda _: returned, write, attempts=1)
