"""How manifests become objects of the fake."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

from trio_k8swatch._errors import ApiError, ConfigError
from trio_k8swatch._http import ApiClient, open_client
from trio_k8swatch.connect import to

from .manifests import Manifest

if TYPE_CHECKING:
    from trio_k8swatch.testing import FakeApiServer

__all__ = ["load"]

# What others need to be there: everything else keeps its order.
_FIRST: Final = ("Namespace", "CustomResourceDefinition")


async def load(fake: FakeApiServer, manifests: Sequence[Manifest]) -> None:
    """Put the objects into `fake`, definitions and namespaces before what needs them.

    They are created as a client would create them, defaults and checks included; a namespace that nobody describes is
    made. What has a uid comes from a cluster, and is taken over as it is, with its status. Raises ConfigError with the
    server's own words, and the place, for what it refuses.
    """
    # Nothing leaves this process; a token may be sent to oneself without TLS.
    async with open_client(to("http://127.0.0.1", token=fake.token), transport=fake.transport()) as client:
        for manifest in sorted(manifests, key=_rank):
            await _put(fake, client, manifest)


def _rank(manifest: Manifest) -> int:
    kind = manifest.obj["kind"]
    return _FIRST.index(kind) if kind in _FIRST else len(_FIRST)


async def _put(fake: FakeApiServer, client: ApiClient, manifest: Manifest) -> None:
    obj, where = manifest.obj, manifest.where
    kind = fake.registry.by_kind(obj["apiVersion"], obj["kind"])
    if kind is None:
        why = f"the fake serves no kind {obj['apiVersion']} {obj['kind']}: give its CustomResourceDefinition too"
        raise ConfigError(f"{where}: {why}")
    if "uid" in obj["metadata"]:
        _take_over(fake, manifest)
        return
    namespace: Any = (obj["metadata"].get("namespace") or "default") if kind.namespaced else None
    if isinstance(namespace, str) and fake.get("namespaces", namespace) is None:
        fake.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}})
    collection = client.resource(obj["apiVersion"], kind.plural, namespace=namespace)
    try:
        await collection.create(obj)
    except ApiError as error:
        raise ConfigError(f"{where}: {error}") from error


def _take_over(fake: FakeApiServer, manifest: Manifest) -> None:
    metadata = manifest.obj["metadata"]
    version: object = metadata.get("resourceVersion") or "0"
    if not isinstance(version, str) or not version.isdecimal():
        raise ConfigError(f"{manifest.where}: the resourceVersion of this {manifest.obj['kind']} is not a number")
    if not isinstance(metadata.get("name"), str):
        raise ConfigError(f"{manifest.where}: this {manifest.obj['kind']} has a uid, and no metadata.name")
    fake.load(manifest.obj)
