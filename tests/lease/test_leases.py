"""Leases on the API server: the fake answers as a server does, and each candidate has a line of its own."""

from __future__ import annotations

from itertools import pairwise
from random import Random

import pytest
import trio
from replicas import Replica

from trio_k8swatch import ApiClient, ConfigError, Forbidden, NotFound, open_client
from trio_k8swatch.lease import LeaseLost, open_lease
from trio_k8swatch.testing import FakeApiServer


async def lead_for_ever(client: ApiClient) -> None:
    await trio.sleep_forever()


def leaders(replicas: list[Replica]) -> list[str]:
    return [replica.name for replica in replicas if replica.leads]


async def test_the_lease_says_who_leads(autojump_clock) -> None:
    """As `kubectl get lease` shows it: holder, duration, times, and how often it changed hands; free after the block."""
    fake = FakeApiServer()
    async with open_client(transport=fake.transport()) as client:
        for holder in ("one", "two"):
            async with open_lease(client, "controller", namespace="default", identity=holder):
                [lease] = fake.objects("leases")
                assert lease["spec"]["holderIdentity"] == holder
                assert lease["spec"]["leaseDurationSeconds"] == 15
                assert lease["spec"]["acquireTime"] == lease["spec"]["renewTime"]
                await trio.sleep(5)
                [lease] = fake.objects("leases")
                assert lease["spec"]["leaseTransitions"] == (holder == "two")
    assert fake.objects("leases")[0]["spec"]["holderIdentity"] == ""
    assert fake.open_calls == []


@pytest.mark.parametrize("candidates", [2, 5])
async def test_one_of_many_leads_and_the_next_follows_a_crash(autojump_clock, nursery, candidates: int) -> None:
    """Within the lease and a retry, until nobody is left."""
    fake = FakeApiServer()
    replicas = [Replica(fake, f"replica-{number}") for number in range(candidates)]
    for replica in replicas:
        nursery.start_soon(replica.run, lead_for_ever)
    await trio.sleep(5)
    for _ in range(candidates - 1):
        [leader] = [replica for replica in replicas if replica.leads]
        leader.crash()
        await trio.sleep(15 + 2 * 2.4)
        assert len(leaders(replicas)) == 1
        assert not leader.leads
    nursery.cancel_scope.cancel()


async def test_whoever_is_cut_off_stops_before_the_next_begins(autojump_clock, nursery) -> None:
    """A partition between the leader and the server."""
    fake = FakeApiServer()
    replicas = [Replica(fake, name) for name in ("one", "two")]
    for replica in replicas:
        nursery.start_soon(replica.run, lead_for_ever)
    await trio.sleep(5)
    [old] = [replica for replica in replicas if replica.leads]
    [new] = [replica for replica in replicas if not replica.leads]
    old.line.is_cut = True
    cut = trio.current_time()
    await trio.sleep(11)
    assert leaders(replicas) == []
    await trio.sleep(9)
    assert leaders(replicas) == [new.name]
    assert cut + 7 < old.terms[0][1] <= cut + 10
    nursery.cancel_scope.cancel()


async def test_slow_renewals_cost_nobody_the_lease(autojump_clock) -> None:
    """A server that takes three seconds over each request, as with a slow disk, is no reason to stop."""
    fake = FakeApiServer()
    async with open_client(transport=fake.transport()) as client:
        async with open_lease(client, "controller", namespace="default"):
            for _ in range(20):
                fake.faults.hang(3, on="write", resource="leases")
                await trio.sleep(30)


async def test_a_renewal_whose_answer_was_lost_is_no_rival(autojump_clock) -> None:
    """The lease has another version than it was seen at, and is ours."""
    fake = FakeApiServer()
    async with open_client(transport=fake.transport()) as client:
        async with open_lease(client, "controller", namespace="default", identity="one"):
            await trio.sleep(1)
            fake.patch("leases", "controller", {"metadata": {"labels": {"touched": "yes"}}})
            await trio.sleep(60)
        assert fake.objects("leases")[0]["spec"]["holderIdentity"] == ""


async def test_a_lease_that_is_deleted_ends_the_block(autojump_clock) -> None:
    """Somebody else may make a new one at once."""
    fake = FakeApiServer()
    async with open_client(transport=fake.transport()) as client:
        with pytest.raises(LeaseLost, match="nobody"):
            async with open_lease(client, "controller", namespace="default"):
                fake.delete("leases", "controller")
                await trio.sleep_forever()


@pytest.mark.parametrize(("code", "error"), [(403, Forbidden), (404, NotFound)])
async def test_a_refusal_that_will_not_pass_is_raised_at_once(autojump_clock, code: int, error: type) -> None:
    """No right to write leases; no such namespace."""
    fake = FakeApiServer()
    fake.faults.status(code, on="write", resource="leases")
    async with open_client(transport=fake.transport()) as client:
        with pytest.raises(error):
            async with open_lease(client, "controller", namespace="default"):
                pytest.fail("it leads")


@pytest.mark.parametrize("name", ["", "a/b", ".."])
async def test_a_lease_needs_a_name(name: str) -> None:
    """One that is a part of a path."""
    fake = FakeApiServer()
    async with open_client(transport=fake.transport()) as client:
        with pytest.raises(ConfigError, match="needs a name"):
            open_lease(client, name, namespace="default")


@pytest.mark.parametrize("seed", range(2))
async def test_never_two_leaders_in_bad_weather(autojump_clock, seed: int) -> None:
    """Five processes that crash, lose their line and come back, and a server that fails, hangs and restarts."""
    rng, fake = Random(seed), FakeApiServer()
    replicas = [Replica(fake, f"replica-{number}") for number in range(5)]

    async def live(replica: Replica) -> None:
        while True:
            await replica.run(lead_for_ever)
            replica.process, replica.line.is_cut = trio.CancelScope(), False

    async with trio.open_nursery() as nursery:
        for replica in replicas:
            nursery.start_soon(live, replica)
        for _ in range(15):
            await trio.sleep(rng.uniform(5, 60))
            replica = rng.choice(replicas)
            rng.choice(
                [
                    replica.crash,
                    lambda replica=replica: setattr(replica.line, "is_cut", not replica.line.is_cut),
                    lambda: fake.faults.hang(rng.uniform(1, 20), on="write", resource="leases", times=3),
                    lambda: fake.faults.outage(seconds=rng.uniform(1, 30)),
                    lambda: fake.faults.status(503, on="any", resource="leases", times=4),
                ]
            )()
        nursery.cancel_scope.cancel()

    terms = sorted(term for replica in replicas for term in replica.terms)
    assert len(terms) > 2
    assert all(before[1] <= after[0] for before, after in pairwise(terms))
