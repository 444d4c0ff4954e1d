"""Replicas of a shard in a world of virtual time: their clocks, their network, and what happens to them.

Nothing here waits: events are on a heap, and time goes from one to the next. A replica is what `open_shard` is, without
objects: it sees Leases by a watch that may lag or stand still, writes its own by requests that may be lost before or after
they were done, and asks `Member` what to do.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from random import Random
from unittest.mock import patch

from trio_k8swatch.lease._election import LeaseTimes
from trio_k8swatch.shard import _membership
from trio_k8swatch.shard._balance import balanced
from trio_k8swatch.shard._membership import Claim, Member
from trio_k8swatch.shard._slots import Scores, bits

TIMES = LeaseTimes(lease_seconds=15, renew_seconds=10, retry_seconds=2)


@dataclass
class World:
    """The API server with its Leases, the network, and a record of who serves what."""

    rng: Random
    slots: int
    member: type[Member] = Member
    trouble: float = 1.0
    now: float = 0.0
    version: int = 0
    leases: dict[str, Claim] = field(default_factory=dict)
    replicas: dict[str, Replica] = field(default_factory=dict)
    owners: dict[int, str] = field(default_factory=dict)
    orphan_since: dict[int, float] = field(default_factory=dict)
    overlaps: list[tuple[float, int, str, str]] = field(default_factory=list)
    deleted: list[tuple[int, str, Claim]] = field(default_factory=list)
    deleted_by_hand: int = 0
    quiet_since: float = 0.0
    worst_orphan: float = 0.0
    worst_in_trouble: float = 0.0
    _shares: dict[frozenset[tuple[str, int]], dict[str, int]] = field(default_factory=dict)
    _events: list[tuple[float, int, Callable[[], None]]] = field(default_factory=list)
    _count: int = 0

    def __post_init__(self) -> None:
        self.scores = Scores(self.slots)
        self.orphan_since = dict.fromkeys(range(self.slots), 0.0)

    def at(self, when: float, what: Callable[[], None]) -> None:
        self._count += 1
        heapq.heappush(self._events, (max(when, self.now), self._count, what))

    def run_until(self, end: float) -> None:
        while self._events and self._events[0][0] <= end:
            self.now, _, what = heapq.heappop(self._events)
            what()
        self.now = end
        self.note_orphans()

    # The server

    def write(
        self, who: str, slots: int, reserved: int, version: str | None, *, has_left: bool = False
    ) -> Claim | None:
        """A renewal arrives; None if it was overtaken."""
        stored = self.leases.get(who)
        if stored is not None and stored.version != version:
            return None
        self.version += 1
        self.leases[who] = claim = Claim(slots, str(self.version), TIMES.lease_seconds, reserved, has_left)
        self._changed()
        return claim

    def delete(self, who: str) -> None:
        self.version += 1
        self.deleted.append((self.version, who, self.leases.pop(who)))
        self._changed()

    def balanced(self, claims: Mapping[str, int], scores: Scores) -> dict[str, int]:
        """As the function of that name, for all replicas that see the same."""
        key = frozenset(claims.items())
        if key not in self._shares:
            self._shares[key] = balanced(claims, scores)
        return self._shares[key]

    def _changed(self) -> None:
        state = dict(self.leases)
        for replica in self.replicas.values():
            replica.watch_brings(state, self.version)

    # Who serves

    def serves(self, who: str, slots: int) -> None:
        for slot in bits(slots):
            other = self.owners.get(slot)
            if other is not None and other != who:
                self.overlaps.append((self.now, slot, other, who))
            self.owners[slot] = who
            began = self.orphan_since.pop(slot, None)
            if began is not None:
                self._note_orphan(began)

    def serves_no_more(self, who: str, slots: int) -> None:
        for slot in bits(slots):
            if self.owners.get(slot) == who:
                del self.owners[slot]
                self.orphan_since[slot] = self.now

    def _note_orphan(self, began: float) -> None:
        everyone = self.replicas.values()
        if any(one.is_stalled for one in everyone) or all(one.is_paused or one.is_cut_off for one in everyone):
            # One does not see what it is to serve, or none can.
            self.quiet_since = self.now
        self.worst_orphan = max(self.worst_orphan, self.now - max(began, self.quiet_since))

    def note_orphans(self) -> None:
        if self.replicas:
            for began in self.orphan_since.values():
                self._note_orphan(began)

    def disturbed(self) -> None:
        """From here on counts how long something has no owner."""
        self.note_orphans()
        self.quiet_since = self.now

    def latency(self) -> float:
        return self.rng.choice([0.005, 0.02, 0.1, 0.5, 1.5]) if self.trouble else 0.02

    def is_lost(self) -> bool:
        return self.rng.random() < 0.08 * self.trouble


class Replica:
    """One process."""

    def __init__(self, world: World, who: str) -> None:
        self.world = world
        self.who = who
        rng = world.rng
        self._offset, self._rate = rng.uniform(-1e6, 1e6), rng.uniform(0.87, 1.13) if world.trouble else 1.0
        self.member = world.member(who, TIMES, world.scores)
        self.is_dead = self.is_paused = self.is_cut_off = self.is_stalled = False
        self._version: str | None = None
        self._seen_version = -1
        self._coming: tuple[dict[str, Claim], int] | None = None
        self._is_writing = self._is_looking = False
        self._tick = 0
        self._waiting: list[Callable[[], None]] = []
        world.disturbed()
        world.replicas[who] = self
        self._look()

    @property
    def clock(self) -> float:
        return self._offset + self.world.now * self._rate

    def _real(self, when: float) -> float:
        return (when - self._offset) / self._rate

    def _soon(self, what: Callable[[], None]) -> None:
        """Do it when the process runs."""
        if self.is_dead:
            return
        if self.is_paused:
            self._waiting.append(what)
        else:
            what()

    # What happens to it

    def watch_brings(self, state: dict[str, Claim], version: int) -> None:
        """In order, after a while; one that is cut off sees it when it is back."""
        world = self.world
        if self.is_cut_off or self.is_stalled:
            return
        is_coming, self._coming = self._coming is not None, (state, version)
        if not is_coming:
            # What happens until it comes comes with it.
            world.at(world.now + world.latency(), self._watch_arrives)

    def _watch_arrives(self) -> None:
        assert self._coming is not None
        (state, version), self._coming = self._coming, None
        self._soon(lambda: self._watch_shows(state, version))

    def _watch_shows(self, state: dict[str, Claim], version: int) -> None:
        for deleted_at, who, claim in self.world.deleted:
            if self._seen_version < deleted_at <= version:
                self.member.deleted(who, claim, self.clock)
        self._saw(state, version)

    def crash(self) -> None:
        self.world.disturbed()
        self.is_dead = True
        del self.world.replicas[self.who]
        self.world.serves_no_more(self.who, self.member.serving)

    def leave(self) -> None:
        """In order: serve nothing, take the claim back, delete the Lease."""
        self.crash()
        if self.world.leases.get(self.who) and not self.is_cut_off and not self.is_paused:
            reserved = self.member.reserved
            version = self.world.leases[self.who].version
            claim = self.world.write(self.who, 0, reserved, version, has_left=True)
            assert claim is not None
            if not reserved:
                self.world.at(self.world.now + 0.05, lambda: self.world.delete(self.who))

    def lose_lease(self) -> None:
        """Somebody deletes it; never the last one."""
        if self.who in self.world.leases and len(self.world.leases) > 1:
            self.world.deleted_by_hand += 1
            self.world.delete(self.who)

    def pause(self) -> None:
        """What it serves is not served while it stands still."""
        self.world.disturbed()
        self.is_paused = True
        self.world.serves_no_more(self.who, self.member.serving)

    def resume(self) -> None:
        if self.is_dead:
            return
        self.world.disturbed()
        before = self.member.serving
        # The deadline is the first thing that is looked at.
        self._stop_what_is_late()
        self.is_paused = False
        self.world.serves(self.who, self.member.serving & before)
        waiting, self._waiting = self._waiting, []
        for what in waiting:
            self._soon(what)
        self._go_on()

    def cut_off(self) -> None:
        self.world.disturbed()
        self.is_cut_off = True

    def stall(self) -> None:
        """Its watch brings nothing, while its requests are answered."""
        self.is_stalled = True

    def reconnect(self) -> None:
        if not self.is_dead:
            self.world.disturbed()
        self.is_cut_off = self.is_stalled = False
        if not self.is_dead:
            self.watch_brings(dict(self.world.leases), self.world.version)

    # What it does

    def _saw(self, state: dict[str, Claim], version: int) -> None:
        if version >= self._seen_version:
            self._seen_version = version
            self.member.saw(state, self.clock)
            self._go_on()

    def _stop_what_is_late(self) -> None:
        if self.clock >= self.member.next_to_stop_at():
            self._apply()

    def _apply(self):
        before = self.member.serving
        step = self.member.step(self.clock)
        self.world.serves_no_more(self.who, before & step.drop)
        if not self.is_paused:
            self.world.serves(self.who, step.gain)
        return step

    def _go_on(self) -> None:
        if self.is_dead or self.is_paused:
            return
        step = self._apply()
        if step.write is not None and not self._is_writing:
            self._write(*step.write)
        if step.look and not self._is_looking:
            self._look()
        self._tick += 1
        tick = self._tick
        # A process has other things to do, too.
        late = self.world.rng.choice([0.0, 0.0, 0.3]) if self.world.trouble else 0.0

        def wake() -> None:
            if tick == self._tick:
                self._soon(self._go_on)

        busy = self._is_writing and step.next_at <= self.clock
        self.world.at(max(self._real(step.next_at), self.world.now + (0.2 if busy else 0.001)) + late, wake)

    def _write(self, slots: int, reserved: int) -> None:
        world, began = self.world, self.clock
        self._is_writing = True
        arrives = world.now + world.latency()
        asked, answered = not (self.is_cut_off or world.is_lost()), not world.is_lost()
        done: list[Claim | None] = []

        def arrive() -> None:
            if asked:
                done.append(world.write(self.who, slots, reserved, self._version))

        def answer() -> None:
            self._is_writing = False
            if done and answered and not self.is_cut_off:
                claim = done[0]
                if claim is not None:
                    self._version = claim.version
                    self.member.wrote(slots, reserved, claim.version, began)
                else:
                    self._reread()
            else:
                self.member.failed(self.clock)
                self._reread()
            self._go_on()

        world.at(arrives, arrive)
        back = arrives + world.latency() if asked and answered else arrives + 4.0
        world.at(back, lambda: self._soon(answer))

    def _reread(self) -> None:
        """What the Lease is now, so that the next write can be over it."""
        self.member.failed(self.clock)
        if not self.is_cut_off:
            stored = self.world.leases.get(self.who)
            self._version = stored.version if stored else None

    def _look(self) -> None:
        world, began = self.world, self.clock
        self._is_looking = True
        state: list[tuple[dict[str, Claim], int]] = []
        asked, answered = not (self.is_cut_off or world.is_lost()), not world.is_lost()
        arrives = world.now + world.latency()

        def arrive() -> None:
            if asked:
                state.append((dict(world.leases), world.version))

        def answer() -> None:
            self._is_looking = False
            if state and answered and not self.is_cut_off:
                leases, version = state[0]
                if version >= self._seen_version:
                    self._seen_version = version
                    self.member.saw(leases, self.clock)
                # Else the watch has brought something newer meanwhile.
                self.member.looked(began)
            if self._seen_version < 0:
                # Without a first list nothing begins.
                world.at(world.now + 1, lambda: self._soon(self._look))
            self._go_on()

        world.at(arrives, arrive)
        world.at(arrives + world.latency(), lambda: self._soon(answer))


def history(
    seed: int, *, least: int = 1, most: int = 8, slots: int = 32, member: type[Member] = Member, seconds: float = 250
) -> World:
    """Replicas come, crash, leave, stand still, are cut off or see nothing, one thing after the other; then all is quiet."""
    rng = Random(seed)
    world = World(rng, slots, member)
    with patch.object(_membership, "balanced", world.balanced):
        for n in range(rng.randint(least, most)):
            world.at(rng.uniform(0, 5), partial(Replica, world, f"replica-{n}"))
        world.run_until(5)
        while world.now < seconds:
            world.run_until(world.now + rng.choice([0.5, 3, 10, 30, 60]))
            _happens(world, rng)
        if not world.replicas:
            Replica(world, "replica-last")
        world.run_until(world.now + 45)
        world.trouble = 0
        world.disturbed()
        world.worst_in_trouble, world.worst_orphan = world.worst_orphan, 0.0
        world.run_until(world.now + 45)
    return world


def _happens(world: World, rng: Random) -> None:
    """One thing, which may last a while."""
    later = world.now + rng.choice([1, 5, 12, 20, 40])
    one = rng.choice([*world.replicas.values()]) if world.replicas else None
    match rng.randrange(10):
        case choice if choice == 0 or one is None:
            Replica(world, f"replica-at-{world.now:.3f}")
        case 1:
            one.crash()
        case 2:
            one.leave()
        case 3 | 4 if not one.is_paused:
            one.pause()
            world.at(later, one.resume)
        case 5:
            one.stall()
            world.at(later, one.reconnect)
        case 6:
            one.lose_lease()
        case 7:
            # By hand, and at the worst moment.
            one.cut_off()
            one.lose_lease()
            Replica(world, f"replica-at-{world.now:.3f}")
            world.at(later, one.reconnect)
        case _:
            one.cut_off()
            world.at(later, one.reconnect)
