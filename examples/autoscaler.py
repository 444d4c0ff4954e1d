"""A tiny autoscaler of virtual machines: how many CPUs each should have, from what its pods use.

Two collections, two streams: a pod may be seen before the VirtualMachine that owns it, however old that is. Either change
leads to the machine's key, so whichever arrives last finds both.
"""

from __future__ import annotations

from math import ceil

import msgspec
import trio

from trio_k8swatch import ApiClient, IndexedStore, KeyIndex, ObjectMeta, open_client, open_watch
from trio_k8swatch.controller import Key, by_owner, changed, run_controller, watch
from trio_k8swatch.lease import open_lease

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
    """The pod that a virtual machine runs in; while the machine migrates there are two."""

    metadata: ObjectMeta


def owner_uids(pod: Pod) -> list[str]:
    """The virtual machines that the pod says it belongs to."""
    return [owner.uid for owner in pod.metadata.owner_references if owner.kind == "VirtualMachine"]


def wanted_cpus(cpus: Cpus, pods: tuple[Pod, ...]) -> int:
    """How many CPUs the machine should have: as it is, if no pod says what it uses."""
    said = [pod.metadata.annotations.get(USAGE_ANNOTATION) for pod in pods]
    in_use = max((float(use) for use in said if use is not None), default=cpus.use * TARGET_LOAD)
    return min(cpus.max, max(cpus.min, ceil(in_use / TARGET_LOAD)))


async def autoscale(client: ApiClient, namespace: str | None = None) -> None:
    """Scale until cancelled."""
    scaled = client.resource(GROUP_VERSION, "virtualmachines", namespace=namespace, type=VirtualMachine)
    async with (
        open_watch(scaled) as machines,
        open_watch(client.resource("v1", "pods", namespace=namespace, type=Pod)) as pods,
    ):
        by_machine = IndexedStore(pods, KeyIndex(owner_uids))

        async def reconcile(key: Key) -> None:
            machine = machines.by_name(*key)
            if machine is None:
                return
            cpus = wanted_cpus(machine.spec.guest.cpus, by_machine.index.get(machine.metadata.uid))
            if cpus != machine.spec.guest.cpus.use:
                # Only the one field is sent, and never to a namesake.
                patch = {"metadata": {"uid": machine.metadata.uid}, "spec": {"guest": {"cpus": {"use": cpus}}}}
                await scaled.patch(key.name, patch, namespace=key.namespace)
                print(f"{key}: {cpus} CPUs")

        await run_controller(
            reconcile,
            watch(machines, where=changed("spec.guest.cpus")),
            watch(pods, keys=by_owner("VirtualMachine"), where=changed("metadata.annotations")),
            workers=4,
            name="autoscaler",
        )


async def main() -> None:
    """Scale the machines of the namespace that kubectl would use, as the only one who does."""
    async with open_client() as client:
        namespace = client.connection.namespace
        async with open_lease(client, "autoscaler", namespace=namespace):
            await autoscale(client, namespace)


if __name__ == "__main__":
    trio.run(main)
