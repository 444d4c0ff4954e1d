"""The autoscaler scales what needs it, once, in any weather, against the fake API server in virtual time."""

from __future__ import annotations

from typing import Any

import pytest
import trio
from examples_helper import example
from replicas import WEATHER, Replica, controlling

from trio_k8swatch.testing import FakeApiServer
from trio_k8swatch.testing.builders import pod

AUTOSCALER = example("autoscaler")


def machine(name: str, **cpus: int) -> dict[str, Any]:
    return {
        "apiVersion": "vm.neon.tech/v1",
        "kind": "VirtualMachine",
        "metadata": {"name": name, "namespace": "default"},
        "spec": {"guest": {"cpus": {"min": 1, "use": 2, "max": 8} | cpus}, "image": "unknown to the program"},
    }


@pytest.fixture
def fake() -> FakeApiServer:
    fake = FakeApiServer()
    fake.register("vm.neon.tech/v1", "VirtualMachine")
    return fake


def run_in(fake: FakeApiServer, name: str, in_use: str) -> None:
    """A pod of this machine which uses so much."""
    owner = next(obj for obj in fake.objects("virtualmachines") if obj["metadata"]["name"] == name)
    owned = pod(f"{name}-pod", owner=owner)
    owned["metadata"]["annotations"] = {AUTOSCALER.USAGE_ANNOTATION: in_use}
    fake.create(owned)


def use(fake: FakeApiServer, name: str, in_use: str) -> None:
    fake.patch("pods", f"{name}-pod", {"metadata": {"annotations": {AUTOSCALER.USAGE_ANNOTATION: in_use}}})


def cpus(fake: FakeApiServer) -> dict[str, int]:
    return {obj["metadata"]["name"]: obj["spec"]["guest"]["cpus"]["use"] for obj in fake.objects("virtualmachines")}


def patches(fake: FakeApiServer) -> int:
    return len(fake.requests.of("patch"))


@pytest.mark.parametrize(("in_use", "given"), [("3.2", 4), ("0.1", 1), ("100", 8), ("1.6", 2)])
async def test_it_scales_within_the_limits(autojump_clock, fake, in_use: str, given: int) -> None:
    """What a pod uses becomes the CPUs of the machine that owns it; no other field is touched."""
    fake.create(machine("vm"))
    run_in(fake, "vm", "1.6")
    fake.create(pod("somebody-else"))
    async with controlling(fake, AUTOSCALER.autoscale):
        await trio.sleep(10)
        use(fake, "vm", in_use)
        await trio.sleep(1)

    [scaled] = fake.objects("virtualmachines")
    assert scaled["spec"] == machine("vm", use=given)["spec"]
    assert patches(fake) == (given != 2)


async def test_a_pod_that_is_seen_before_its_machine_waits_for_it(autojump_clock, fake) -> None:
    """Two watches are two streams; whichever arrives last finds both."""
    async with controlling(fake, AUTOSCALER.autoscale):
        await trio.sleep(1)
        fake.faults.half_open(resource="virtualmachines", for_seconds=60)
        fake.create(machine("vm"))
        run_in(fake, "vm", "3.2")
        await trio.sleep(300)
        assert cpus(fake) == {"vm": 4}


@pytest.mark.parametrize("strike", WEATHER)
async def test_it_makes_up_for_what_it_missed(autojump_clock, fake, strike) -> None:
    """An outage, lost history, writes that fail: in the end every machine is right, by one write that succeeded."""
    for name in ("a", "b"):
        fake.create(machine(name))
        run_in(fake, name, "1.6")
    async with controlling(fake, AUTOSCALER.autoscale):
        await trio.sleep(1)
        strike(fake)
        use(fake, "a", "3.2")
        fake.delete("virtualmachines", "b")
        fake.create(machine("c"))
        run_in(fake, "c", "6")
        await trio.sleep(600)
        assert cpus(fake) == {"a": 4, "c": 8}

    assert len([call for call in fake.requests.of("patch") if call.status == 200]) == 2


async def test_another_replica_goes_on_when_the_leader_crashes(autojump_clock, fake, nursery) -> None:
    """Within the lease and a retry, and never two at a time."""
    fake.create(machine("vm"))
    run_in(fake, "vm", "1.6")
    replicas = [Replica(fake, name) for name in ("one", "two")]
    for replica in replicas:
        nursery.start_soon(replica.run, AUTOSCALER.autoscale)
    await trio.sleep(5)
    [leader] = [replica for replica in replicas if replica.leads]
    leader.crash()
    use(fake, "vm", "3.2")
    await trio.sleep(1)
    assert cpus(fake) == {"vm": 2}
    await trio.sleep(20)
    assert cpus(fake) == {"vm": 4}
    nursery.cancel_scope.cancel()
