"""Git repositories as objects: a Deployment and a Service for each, and data outside the cluster that goes last.

The children are owned, so Kubernetes collects them; what is outside has to be removed by us, and a finalizer keeps the
object until that is done.
"""

from __future__ import annotations

from typing import Any, Protocol

import msgspec
import trio

from trio_k8swatch import ApiClient, ObjectMeta, open_client, open_watch
from trio_k8swatch.controller import Key, TerminalError, by_owner, generation_changed, run_controller, watch
from trio_k8swatch.lease import open_lease

GROUP_VERSION, KIND = "git.example.com/v1", "Repository"
FINALIZER = "git.example.com/storage"
MANAGER = "repository-operator"


class RepositorySpec(msgspec.Struct, frozen=True):
    """What was asked for."""

    size: str
    replicas: int = 1


class Repository(msgspec.Struct, frozen=True):
    """One repository."""

    metadata: ObjectMeta
    spec: RepositorySpec


class Owned(msgspec.Struct, frozen=True):
    """What we need of a child: whose it is, and that it is there."""

    metadata: ObjectMeta


class Storage(Protocol):
    """Where the data is. Both may be called again for what is done already."""

    async def reserve(self, uid: str, size: str) -> None:
        """Make sure that there is room."""
        ...

    async def erase(self, uid: str) -> None:
        """Make sure that nothing is left."""
        ...


def children(repository: Repository) -> list[dict[str, Any]]:
    """The objects that a repository consists of, in full."""
    meta, labels = repository.metadata, {"repository": repository.metadata.name}
    owner = {"apiVersion": GROUP_VERSION, "kind": KIND, "name": meta.name, "uid": meta.uid, "controller": True}
    metadata = {"name": meta.name, "labels": labels, "ownerReferences": [owner]}
    pod = {"containers": [{"name": "git", "image": "git:1", "env": [{"name": "VOLUME", "value": meta.uid}]}]}
    return [
        {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": metadata,
            "spec": {
                "replicas": repository.spec.replicas,
                "selector": {"matchLabels": labels},
                "template": {"metadata": {"labels": labels}, "spec": pod},
            },
        },
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": metadata,
            "spec": {"selector": labels, "ports": [{"port": 9418}]},
        },
    ]


async def operate(client: ApiClient, storage: Storage, namespace: str | None = None) -> None:
    """Bring it about until cancelled."""
    repositories = client.resource(GROUP_VERSION, "repositories", namespace=namespace, type=Repository)
    deployments = client.resource("apps/v1", "deployments", namespace=namespace, type=Owned)
    services = client.resource("v1", "services", namespace=namespace, type=Owned)
    writers = {"Deployment": deployments, "Service": services}

    async with (
        open_watch(repositories) as wanted,
        open_watch(deployments) as running,
        open_watch(services) as serving,
    ):

        async def reconcile(key: Key) -> None:
            repository = wanted.by_name(*key)
            if repository is None:
                return
            if repository.metadata.deletion_timestamp is not None:
                await storage.erase(repository.metadata.uid)
                await repositories.remove_finalizer(repository, FINALIZER)
                return
            if repository.spec.replicas < 0:
                raise TerminalError(f"spec.replicas is {repository.spec.replicas}: needs 0 or more")
            # First the finalizer, then what it is for: never data that nobody would erase.
            if FINALIZER not in repository.metadata.finalizers:
                await repositories.add_finalizer(repository, FINALIZER)
            await storage.reserve(repository.metadata.uid, repository.spec.size)
            for child in children(repository):
                await writers[child["kind"]].apply(child, namespace=key.namespace, field_manager=MANAGER, force=True)

        await run_controller(
            reconcile,
            watch(wanted, where=generation_changed),
            watch(running, keys=by_owner(KIND, controller=True), where=generation_changed),
            watch(serving, keys=by_owner(KIND, controller=True)),
            workers=4,
            name=MANAGER,
        )


class PrintedStorage:
    """Says what it would do."""

    async def reserve(self, uid: str, size: str) -> None:
        """As `Storage`."""
        print(f"reserve {size} for {uid}")

    async def erase(self, uid: str) -> None:
        """As `Storage`."""
        print(f"erase {uid}")


async def main() -> None:
    """In the namespace that kubectl would use, as the only one who does."""
    async with open_client() as client:
        namespace = client.connection.namespace
        async with open_lease(client, MANAGER, namespace=namespace):
            await operate(client, PrintedStorage(), namespace)


if __name__ == "__main__":
    trio.run(main)
