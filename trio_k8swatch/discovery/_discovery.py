"""The resources that a server serves, from its discovery API."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, Protocol

import msgspec
import trio

from trio_k8swatch._errors import K8sWatchError, NotFound, NotWatchable, ProtocolError

from ._rest_mapper import ServedResource, resolve

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

__all__ = ["Gets", "discover", "find_resource"]

_AGGREGATED: Final = "application/json;g=apidiscovery.k8s.io;v={};as=APIGroupDiscoveryList"
# Best first. A server that knows neither v2 nor v2beta1 answers in the older form.
ACCEPT: Final = ",".join([_AGGREGATED.format("v2"), _AGGREGATED.format("v2beta1"), "application/json"])
# What becomes a path: anything else (`../../api/v1/secrets?`) would ask for something that nobody meant.
_GROUP_VERSION: Final = re.compile(r"([a-z0-9]([-a-z0-9.]*[a-z0-9])?/)?[a-z0-9]([-a-z0-9]*[a-z0-9])?")
# Requests at once in the older form, which needs one for each group and version.
_PARALLEL_REQUESTS: Final = 8


class Gets(Protocol):
    """What discovery needs of a client."""

    async def get(self, path: str, *, accept: str) -> bytes: ...


async def find_resource(client: Gets, argument: str) -> ServedResource:
    """What RESOURCE stands for on this server; `ConfigError` with near matches if it stands for nothing."""
    return resolve(argument, await discover(client))


async def discover(client: Gets) -> list[ServedResource]:
    """All that the server serves, in its order of preference: two requests, or one more for each group and version.

    Groups whose own server does not answer are left out, as they are in aggregated discovery, and so is what has no name
    that could stand in a path.
    """
    served: list[ServedResource] = []
    for root in ("/api", "/apis"):
        try:
            document = _decode(await client.get(root, accept=ACCEPT), root)
        except (NotFound, NotWatchable):
            continue
        served += (resource for resource in _served(document) if _GROUP_VERSION.fullmatch(resource.api_version))
        served += await _each(
            client, [f"{root}/{each}" for each in _group_versions(document) if _GROUP_VERSION.fullmatch(each)]
        )
    return served


async def _each(client: Gets, paths: Sequence[str]) -> list[ServedResource]:
    answers: dict[str, list[ServedResource]] = {}
    failures: list[K8sWatchError] = []
    limiter = trio.CapacityLimiter(_PARALLEL_REQUESTS)

    async def ask(path: str) -> None:
        try:
            async with limiter:
                answers[path] = list(_served(_decode(await client.get(path, accept="application/json"), path)))
        except K8sWatchError as error:
            failures.append(error)

    async with trio.open_nursery() as nursery:
        for path in paths:
            nursery.start_soon(ask, path)
    if failures and not answers:
        raise failures[0]
    return [resource for path in paths for resource in answers.get(path, [])]


class _ResponseKind(msgspec.Struct, frozen=True):
    kind: str = ""


class _Resource(msgspec.Struct, frozen=True, rename="camel"):
    resource: str
    response_kind: _ResponseKind | None = None
    scope: str = "Cluster"
    singular_resource: str = ""
    short_names: tuple[str, ...] | None = None
    verbs: tuple[str, ...] | None = None


class _Version(msgspec.Struct, frozen=True):
    version: str
    resources: tuple[_Resource, ...] | None = None


class _Metadata(msgspec.Struct, frozen=True):
    name: str = ""


class _Group(msgspec.Struct, frozen=True):
    metadata: _Metadata = _Metadata()
    versions: tuple[_Version, ...] | None = None


class _Aggregated(msgspec.Struct, frozen=True, tag_field="kind", tag="APIGroupDiscoveryList"):
    """`apidiscovery.k8s.io/v2` and `v2beta1`: everything below /api or /apis."""

    items: tuple[_Group, ...] | None = None


class _CoreVersions(msgspec.Struct, frozen=True, tag_field="kind", tag="APIVersions"):
    """The older form of /api."""

    versions: tuple[str, ...] = ()


class _GroupVersion(msgspec.Struct, frozen=True, rename="camel"):
    group_version: str = ""


class _OlderGroup(msgspec.Struct, frozen=True, rename="camel"):
    versions: tuple[_GroupVersion, ...] | None = None
    preferred_version: _GroupVersion = _GroupVersion()


class _OlderGroups(msgspec.Struct, frozen=True, tag_field="kind", tag="APIGroupList"):
    """The older form of /apis."""

    groups: tuple[_OlderGroup, ...] | None = None


class _OlderResource(msgspec.Struct, frozen=True, rename="camel"):
    name: str
    kind: str
    namespaced: bool = False
    singular_name: str = ""
    short_names: tuple[str, ...] | None = None
    verbs: tuple[str, ...] | None = None


class _OlderResources(msgspec.Struct, frozen=True, rename="camel", tag_field="kind", tag="APIResourceList"):
    """The older form of one group and version."""

    group_version: str
    resources: tuple[_OlderResource, ...] | None = None


_Document = _Aggregated | _CoreVersions | _OlderGroups | _OlderResources


def _decode(body: bytes, path: str) -> _Document:
    try:
        document: _Document = msgspec.json.decode(body, type=_Document)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ProtocolError(f"GET {path}: the answer is not a discovery document") from error
    return document


def _served(document: _Document) -> Iterator[ServedResource]:
    """The resources that stand in `document` itself, without their subresources."""
    match document:
        case _Aggregated(items=groups):
            for group in groups or ():
                for version in group.versions or ():
                    for resource in version.resources or ():
                        yield _from_aggregated(group.metadata.name, version.version, resource)
        case _OlderResources(group_version=api_version, resources=resources):
            for older in resources or ():
                if "/" not in older.name:
                    yield _from_older(api_version, older)
        case _:
            return


def _group_versions(document: _Document) -> list[str]:
    """What has to be asked for one by one, because `document` only names it."""
    match document:
        case _CoreVersions(versions=versions):
            return list(versions)
        case _OlderGroups(groups=groups):
            return [name for group in groups or () for name in _by_preference(group)]
        case _:
            return []


def _by_preference(group: _OlderGroup) -> list[str]:
    names = [version.group_version for version in group.versions or ()]
    return sorted(names, key=lambda name: name != group.preferred_version.group_version)


def _from_aggregated(group: str, version: str, resource: _Resource) -> ServedResource:
    return ServedResource(
        api_version=f"{group}/{version}" if group else version,
        plural=resource.resource,
        kind=resource.response_kind.kind if resource.response_kind is not None else "",
        namespaced=resource.scope == "Namespaced",
        singular=resource.singular_resource,
        short_names=resource.short_names or (),
        verbs=resource.verbs or (),
    )


def _from_older(api_version: str, resource: _OlderResource) -> ServedResource:
    return ServedResource(
        api_version=api_version,
        plural=resource.name,
        kind=resource.kind,
        namespaced=resource.namespaced,
        singular=resource.singular_name,
        short_names=resource.short_names or (),
        verbs=resource.verbs or (),
    )
