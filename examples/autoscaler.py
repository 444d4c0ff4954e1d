"""A tiny autoscaler of virtual machines: how many CPUs each should have, from what its pod uses.

Two collections, two streams: a pod may be seen before the VirtualMachine that owns it, however old that is. Nothing is
guessed then: a list that begins now tells whether it exists.
"""

from __future__ import annotations

from math import ceil

import msgspec
import trio

from trio_k8swatch import ApiClient, ObjectMeta, Store, open_client, open_watch

GROUP_VERSION = "vm.neon.tech/v1"
USAGE_ANNOTATION = "autoscaling.example.com/cpus-in-use"
TARGET_LOAD = 0.8


class Cpus(msgspec.Struct, frozen=True, gc=False):
    """Between which limits the machine may be scaled, and where it is."""

    min: int
    use: int
    max: int


class Guest(msgspec.Struct, frozen=True, gc=False):
    """What runs inside."""

    cpus: Cpus


class VirtualMachineSpec(msgspec.Struct, frozen=True, gc=False):
    """What was asked for."""

    guest: Guest


class VirtualMachine(msgspec.Struct, frozen=True, gc=False):
    """The owner of a pod."""

    metadata: ObjectMeta
    spec: VirtualMachineSpec


class Pod(msgspec.Struct, frozen=True, gc=False):
    """The pod that a virtual machine runs in."""

    metadata: ObjectMeta


class Decision(msgspec.Struct, frozen=True):
    """Give `machine` so many CPUs."""

    machine: str
    cpus: int


def owner_uid(pod: Pod) -> str | None:
    """The virtual machine that the pod says it belongs to."""
    return next((owner.uid for owner in pod.metadata.owner_references if owner.kind == "VirtualMachine"), None)


async def owner_of(pod: Pod, machines: Store[VirtualMachine]) -> VirtualMachine | None:
    """The machine of a pod; None if there is none, or no more. It is listed anew if we have not heard of it yet."""
    uid = owner_uid(pod)
    if uid is None:
        return None
    if uid not in machines:
        # A thousand pods that ask at once share one list.
        await machines.relist()
    return machines.get(uid)


def decide(pod: Pod, machine: VirtualMachine) -> Decision | None:
    """What is to change, if anything."""
    cpus = machine.spec.guest.cpus
    in_use = float(pod.metadata.annotations.get(USAGE_ANNOTATION, cpus.use * TARGET_LOAD))
    wanted = min(cpus.max, max(cpus.min, ceil(in_use / TARGET_LOAD)))
    return None if wanted == cpus.use else Decision(machine.metadata.name, wanted)


async def decisions(pods: Store[Pod], machines: Store[VirtualMachine], send: trio.MemorySendChannel[Decision]) -> None:
    """Look at each pod that came or changed; a slow look costs nobody else anything, and skips to the newest state."""
    async with send, pods.subscribe() as changes:
        async for change in changes:
            if change.type == "DELETED":
                continue
            machine = await owner_of(change.object, machines)
            if machine is not None and (decision := decide(change.object, machine)) is not None:
                await send.send(decision)


async def autoscale(client: ApiClient, send: trio.MemorySendChannel[Decision], namespace: str | None = None) -> None:
    """Decide until cancelled."""
    scaled = client.resource(GROUP_VERSION, "virtualmachines", namespace=namespace, type=VirtualMachine)
    async with (
        open_watch(scaled) as machines,
        open_watch(client.resource("v1", "pods", namespace=namespace, type=Pod)) as pods,
    ):
        await decisions(pods, machines, send)


async def scale(client: ApiClient, decision: Decision, namespace: str) -> None:
    """Do it. Only the one field is sent, so whatever else others change meanwhile stays."""
    machines = client.resource(GROUP_VERSION, "virtualmachines", namespace=namespace, type=VirtualMachine)
    await machines.patch(decision.machine, {"spec": {"guest": {"cpus": {"use": decision.cpus}}}})


async def main() -> None:
    """Scale the machines of the namespace that kubectl would use."""
    send, receive = trio.open_memory_channel[Decision](0)
    async with open_client() as client, trio.open_nursery() as nursery:
        nursery.start_soon(autoscale, client, send, client.connection.namespace)
        async for decision in receive:
            await scale(client, decision, client.connection.namespace)
            print(f"{decision.machine}: {decision.cpus} CPUs")


if __name__ == "__main__":
    trio.run(main)
