"""Never two leaders, and a new one soon, whatever happens to candidates, clocks and network."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import pytest
import trio

from trio_k8swatch import ApiError, ConfigError, Status, Unavailable
from trio_k8swatch.lease import LeaseLost
from trio_k8swatch.lease._election import LeaseTimes, Observation, Spec
from trio_k8swatch.lease._leases import Stored
from trio_k8swatch.lease._open import Clock, _Candidate, open_stored_lease

TIMES = LeaseTimes(lease_seconds=15, renew_seconds=10, retry_seconds=2)
HISTORIES = int(os.environ.get("TRIO_K8SWATCH_LEASE_HISTORIES", "150"))


class Server:
    """A lease on a server, behind a network that is slow, loses requests and answers, and falls apart."""

    def __init__(self, rng: Random, *, troubled: bool = True) -> None:
        self.stored: Stored | None = None
        self.cut_off: set[str] = set()
        self._rng, self._troubled, self._version = rng, troubled, 0

    async def travel(self, who: str) -> None:
        await trio.sleep(self._rng.choice([0.01, 0.05, 0.5, 3.0, 12.0]) if self._troubled else 0.01)
        if who in self.cut_off or (self._troubled and self._rng.random() < 0.1):
            await trio.sleep(self._rng.choice([0.1, 8.0]))
            raise Unavailable("lost")

    async def arrive(self, spec: Spec, version: str | None) -> Stored:
        if version != (self.stored.version if self.stored else None):
            raise ApiError("conflict", status=Status(code=409))
        self._version += 1
        self.stored = Stored(spec, str(self._version))
        return self.stored


class Line:
    """One candidate's way to the server."""

    def __init__(self, server: Server, who: str) -> None:
        self._server, self._who = server, who
        self.is_dead = False

    async def read(self) -> Stored | None:
        await self._server.travel(self._who)
        stored = self._server.stored
        await self._server.travel(self._who)
        return stored

    async def write(self, spec: Spec, version: str | None) -> Stored:
        if self.is_dead:
            raise Unavailable("dead")
        await self._server.travel(self._who)
        written = await self._server.arrive(spec, version)
        await self._server.travel(self._who)
        return written


class Drifting(Clock):
    """A clock that began anywhere and runs up to a sixth too fast or too slow; the date jumps with each look at it."""

    def __init__(self, rng: Random) -> None:
        self._dates = Random(rng.random())
        self._offset, self._rate = rng.uniform(-1e6, 1e6), rng.uniform(0.85, 1.15)

    def now(self) -> float:
        return self._offset + trio.current_time() * self._rate

    def utc(self) -> datetime:
        return datetime(2026, 11, 29, tzinfo=UTC) + timedelta(seconds=self._dates.uniform(-1e6, 1e6))

    def deadline(self, when: float) -> float:
        return (when - self._offset) / self._rate

    async def sleep(self, seconds: float) -> None:
        await trio.sleep(seconds / self._rate)


class Reign:
    """Who leads when."""

    def __init__(self) -> None:
        self.leaders: set[str] = set()
        self.terms: list[tuple[str, float]] = []
        self.overlaps: list[set[str]] = []

    async def lead(self, who: str) -> None:
        self.leaders.add(who)
        self.terms.append((who, trio.current_time()))
        if len(self.leaders) > 1:
            self.overlaps.append({*self.leaders})
        try:
            await trio.sleep_forever()
        finally:
            self.leaders.discard(who)


async def stand(server: Server, who: str, reign: Reign, rng: Random, line: Line | None = None) -> None:
    """A candidate that stands again whenever it loses."""
    clock = Drifting(rng)
    term = 0
    while True:
        term += 1
        try:
            async with open_stored_lease(line or Line(server, who), f"{who}-{term}", TIMES, clock, rng):
                await reign.lead(who)
        except LeaseLost:
            continue


async def crashing(server: Server, who: str, reign: Reign, rng: Random) -> None:
    """A candidate whose process is killed now and then: nothing is released."""
    while True:
        line = Line(server, who)
        async with trio.open_nursery() as process:
            process.start_soon(stand, server, who, reign, rng, line)
            await trio.sleep(rng.uniform(5, 120))
            line.is_dead = True
            process.cancel_scope.cancel()


async def history(seed: int) -> Reign:
    rng = Random(seed)
    server, reign = Server(rng), Reign()
    with trio.move_on_after(rng.uniform(120, 300)):
        async with trio.open_nursery() as nursery:
            names = [f"candidate-{number}" for number in range(rng.choice([2, 5]))]
            for who in names:
                nursery.start_soon(rng.choice([stand, crashing]), server, who, reign, rng)
            while True:
                await trio.sleep(rng.uniform(1, 40))
                server.cut_off = {who for who in names if rng.random() < 0.3}
    return reign


async def overlaps(histories: int) -> list[int]:
    """The seeds of histories with two leaders at a time."""
    return [seed for seed in range(histories) if (await history(seed)).overlaps]


async def test_never_two_leaders(autojump_clock) -> None:
    """In any history; and in most of them somebody leads, else this would show nothing."""
    terms = 0
    for seed in range(HISTORIES):
        reign = await history(seed)
        assert reign.overlaps == [], f"seed {seed}"
        terms += len(reign.terms)
    assert terms > HISTORIES


def trusts_no_time(self: Observation, identity: str, fallback_seconds: float) -> float:
    return self.since


def half_the_time(self: Observation, identity: str, fallback_seconds: float) -> float:
    return self.since + fallback_seconds / 2


def compares_dates(self: Observation, identity: str, fallback_seconds: float) -> float:
    """As if the dates of two machines could be compared."""
    renewed = datetime.fromisoformat(self.spec.renew_time or "2000-01-01T00:00:00+00:00")
    age = datetime(2026, 11, 29, tzinfo=UTC) - renewed
    return self.since if age.total_seconds() > fallback_seconds else self.since + fallback_seconds


async def leads_until_told(self: Any, before: Spec, version: str | None, began: float) -> bool:
    leads = await _WRITE(self, before, version, began)
    self.leading.deadline = float("inf")
    return leads


_WRITE = _Candidate._write


@pytest.mark.parametrize(
    ("owner", "name", "mutant"),
    [
        (Observation, "may_be_taken_at", trusts_no_time),
        (Observation, "may_be_taken_at", half_the_time),
        (Observation, "may_be_taken_at", compares_dates),
        (_Candidate, "_write", leads_until_told),
    ],
)
async def test_a_rule_that_is_broken_shows_two_leaders(autojump_clock, monkeypatch, owner, name, mutant) -> None:
    """Within a few hundred histories, mostly."""
    monkeypatch.setattr(owner, name, mutant)
    for seed in range(2000):
        if (await history(seed)).overlaps:
            return
    pytest.fail("nobody noticed")


@pytest.mark.parametrize("candidates", [2, 5])
async def test_a_new_leader_within_the_lease_and_a_retry(autojump_clock, nursery, candidates: int) -> None:
    """When the old one is cut off and the others are not."""
    rng = Random(candidates)
    server, reign = Server(rng, troubled=False), Reign()

    async def steady(who: str) -> None:
        while True:
            try:
                async with open_stored_lease(Line(server, who), who, TIMES, Clock(), rng):
                    await reign.lead(who)
            except LeaseLost:
                continue

    for number in range(candidates):
        nursery.start_soon(steady, f"candidate-{number}")
    await trio.sleep(30)
    (first,) = reign.leaders
    server.cut_off = {first}
    cut_at = trio.current_time()
    await trio.sleep(60)

    assert len(reign.terms) == 2
    assert reign.terms[1][0] != first
    assert reign.terms[1][1] - cut_at < TIMES.lease_seconds + 2 * TIMES.retry_seconds * 1.2
    nursery.cancel_scope.cancel()


async def test_leaving_releases_at_once(autojump_clock) -> None:
    """The next does not wait for the lease to run out."""
    server = Server(Random(1), troubled=False)
    async with open_stored_lease(Line(server, "a"), "a", TIMES, Clock(), Random(1)):
        assert server.stored is not None
        assert server.stored.spec.holder_identity == "a"
    began = trio.current_time()
    async with open_stored_lease(Line(server, "b"), "b", TIMES, Clock(), Random(1)):
        assert trio.current_time() - began < 1
        assert server.stored.spec.lease_transitions == 1


async def test_a_leader_that_cannot_renew_is_cancelled_and_told(autojump_clock) -> None:
    """Before anyone else may lead."""
    server = Server(Random(1), troubled=False)
    with pytest.raises(LeaseLost, match="a no longer leads: the lease was not renewed in time: lost"):
        async with open_stored_lease(Line(server, "a"), "a", TIMES, Clock(), Random(1)):
            began = trio.current_time()
            server.cut_off = {"a"}
            await trio.sleep_forever()
    assert trio.current_time() - began <= TIMES.renew_seconds + 0.1


async def test_a_leader_whose_lease_was_taken_is_cancelled_at_its_next_renewal(autojump_clock) -> None:
    """Whoever took it, and however."""
    server = Server(Random(1), troubled=False)
    with pytest.raises(LeaseLost, match="held by b"):
        async with open_stored_lease(Line(server, "a"), "a", TIMES, Clock(), Random(1)):
            server.stored = Stored(Spec(holder_identity="b"), "99")
            await trio.sleep_forever()
    assert server.stored == Stored(Spec(holder_identity="b"), "99")


async def test_an_error_of_the_block_leaves_as_it_is(autojump_clock) -> None:
    """And the lease is released."""
    server = Server(Random(1), troubled=False)
    with pytest.raises(ValueError, match="mine"):
        async with open_stored_lease(Line(server, "a"), "a", TIMES, Clock(), Random(1)):
            raise ValueError("mine")
    assert server.stored is not None
    assert server.stored.spec.holder_identity == ""


@pytest.mark.parametrize("times", [(15, 15, 2), (15, 10, 10), (15, 10, 0), (1e9, 10, 2)])
def test_times_that_would_not_be_safe_are_refused(times: tuple[float, float, float]) -> None:
    with pytest.raises(ConfigError, match="lease_seconds"):
        LeaseTimes(*times)
