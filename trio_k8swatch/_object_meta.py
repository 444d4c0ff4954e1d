"""The little that must be known of a Kubernetes object, whatever its type.

An object here is anything with metadata: a msgspec struct, a dataclass, an attrs class, a plain dict, or a `DynamicObject`.
What a type does not name is never decoded, so it costs neither time nor memory.
"""

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import Any, Protocol, TypeAlias, cast, runtime_checkable

import msgspec

from ._errors import ProtocolError

__all__ = [
    "DynamicObject",
    "ListMeta",
    "Metadata",
    "MetadataOf",
    "ObjectMeta",
    "OwnerReference",
    "PartialObjectMetadata",
    "key_of",
    "metadata_from",
    "metadata_of",
]


@runtime_checkable
class Metadata(Protocol):
    """The four facts that a watch needs of every object."""

    @property
    def name(self) -> str:
        """Unique in its namespace at any one time."""
        ...

    @property
    def namespace(self) -> str:
        """Empty for objects that belong to the whole cluster."""
        ...

    @property
    def uid(self) -> str:
        """Never used twice; empty on some aggregated APIs."""
        ...

    @property
    def resource_version(self) -> str:
        """Changes with every write to the object."""
        ...


MetadataOf: TypeAlias = Callable[[Any], Metadata]
"""How to get at an object's metadata."""


class OwnerReference(msgspec.Struct, frozen=True, rename="camel", gc=False):
    """The object that this one belongs to (`meta/v1.OwnerReference`)."""

    api_version: str = ""
    kind: str = ""
    name: str = ""
    uid: str = ""
    controller: bool | None = None
    block_owner_deletion: bool | None = None


class ObjectMeta(msgspec.Struct, frozen=True, rename="camel", gc=False):
    """`meta/v1.ObjectMeta` in Python names, without managedFields, which nobody reads and which are a third of the bytes.

    A creation time that is no RFC 3339 time is None, a deletion time the beginning of the epoch.

    Treat the mappings as read-only: the store hands out the very object that it holds.
    """

    name: str = ""
    namespace: str = ""
    uid: str = ""
    resource_version: str = ""
    # Of `{}` msgspec makes a new dict each time, much faster than by a default_factory.
    labels: Mapping[str, str] = {}
    annotations: Mapping[str, str] = {}
    owner_references: tuple[OwnerReference, ...] = ()
    finalizers: tuple[str, ...] = ()
    creation_timestamp: datetime | None = None
    deletion_timestamp: datetime | None = None
    generation: int | None = None
    generate_name: str = ""


class ListMeta(msgspec.Struct, frozen=True, rename={"continue_token": "continue"}):
    """`meta/v1.ListMeta`: at which version a list was read, and where its next page begins."""

    resource_version: str = msgspec.field(default="", name="resourceVersion")
    continue_token: str | None = None
    remaining_item_count: int | None = msgspec.field(default=None, name="remainingItemCount")
    shard_info: Mapping[str, str] | None = msgspec.field(default=None, name="shardInfo")
    """Of a server that filters by `ListOptions.shard_selector`: which `selector` it has filtered by."""


class PartialObjectMetadata(msgspec.Struct, frozen=True, rename="camel", gc=False):
    """Only the metadata. Asked for by this type, the server itself leaves out the rest."""

    metadata: ObjectMeta


class DynamicObject(msgspec.Struct, frozen=True, gc=False):
    """Any object, all of its fields: the JSON bytes are kept, and decoded when something in them is asked for.

    `obj["spec"]["nodeName"]` decodes `spec` anew at each call; keep the result if you need it twice. What comes out is
    yours: changing it changes nothing in the store.
    """

    metadata: ObjectMeta
    raw: bytes
    """The JSON text, without insignificant parts removed or added, except kind and apiVersion, which lists leave out."""

    def __getitem__(self, key: str) -> Any:
        """The field `key` at the top of the object; KeyError if it has none."""
        return msgspec.json.decode(self._fields()[key])

    def get(self, key: str, default: Any = None) -> Any:
        """The field `key` at the top of the object, or `default`."""
        field = self._fields().get(key)
        return default if field is None else msgspec.json.decode(field)

    def __contains__(self, key: object) -> bool:
        return key in self._fields()

    def __iter__(self) -> Iterator[str]:
        return iter(self._fields())

    def to_dict(self) -> dict[str, Any]:
        """The whole object as plain dicts and lists, new at each call."""
        return cast("dict[str, Any]", msgspec.json.decode(self.raw))

    @property
    def kind(self) -> str:
        """For example `Pod`."""
        return cast("str", self.get("kind", ""))

    @property
    def api_version(self) -> str:
        """For example `v1` or `apps/v1`."""
        return cast("str", self.get("apiVersion", ""))

    def _fields(self) -> dict[str, msgspec.Raw]:
        return msgspec.json.decode(self.raw, type=dict[str, msgspec.Raw])

    def __repr__(self) -> str:
        # A Secret is an object too: never its contents.
        meta = self.metadata
        return f"<DynamicObject {meta.namespace}/{meta.name} resourceVersion={meta.resource_version}>"


def metadata_of(obj: Any) -> Metadata:
    """The metadata of an object of any type that this library decodes itself: by attribute, or by key for dicts.

    Raises ProtocolError for a dict without metadata that can be used.
    """
    try:
        metadata: Metadata = obj.metadata
    except AttributeError:
        pass
    else:
        return metadata
    try:
        fields = obj["metadata"]
    except (LookupError, TypeError) as error:
        raise ProtocolError(f"an object without metadata that can be used: {error!r}") from error
    return metadata_from(fields)


def metadata_from(fields: Any) -> ObjectMeta:
    """Metadata from its fields by their names in JSON; ProtocolError if that is no dict, or the four that are needed no strings.

    What else does not fit is left out: a dict keeps its own nulls and odd times, and they are nobody's business here.
    """
    try:
        return msgspec.convert(fields, ObjectMeta)
    except msgspec.ValidationError as error:
        try:
            needed = {name: fields.get(name) for name in ("name", "namespace", "uid", "resourceVersion")}
            return msgspec.convert({name: value for name, value in needed.items() if value is not None}, ObjectMeta)
        except (AttributeError, msgspec.ValidationError):
            raise ProtocolError(f"an object without metadata that can be used: {error!r}") from error


def key_of(metadata: Metadata) -> str:
    """What the store files an object under: its uid, or `namespace/name` where the server gives no uid.

    A uid has no slash in it, so the two never meet.
    """
    return metadata.uid or f"{metadata.namespace}/{metadata.name}"
