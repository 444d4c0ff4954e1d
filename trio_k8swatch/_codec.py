"""How objects of one type are read from the wire, and whether what arrives is of the kind that was asked for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, Generic, Protocol, TypeVar, cast

import msgspec

from ._errors import ConfigError, ProtocolError
from ._objects import DynamicObject, ListMeta, ObjectMeta, PartialObjectMetadata
from ._wire import Added, Bookmark, Deleted, Failure, Modified, Page, WatchEvent

__all__ = ["Codec", "codec_for"]

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)

_META_API: Final = "meta.k8s.io/"
_JSON: Final = "application/json"
_METADATA_ONLY: Final = "application/json;as={};g=meta.k8s.io;v=v1"
_OBJECT_EVENTS: Final = (Added, Modified, Deleted)

_BROKEN: Final = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)
"""What msgspec raises for bytes that are not JSON, not UTF-8, not of the type, or nested a million deep."""


class Codec(Protocol[T_co]):
    """Reads events and pages of one type. All errors are `ProtocolError`, and quote no contents."""

    @property
    def accept_list(self) -> str:
        """The media type to ask for in a list."""
        ...

    @property
    def accept_watch(self) -> str:
        """The media type to ask for in a watch."""
        ...

    def event(self, line: bytes) -> WatchEvent[T_co]:
        """One line of a watch."""
        ...

    def page(self, body: bytes) -> Page[T_co]:
        """One body of a list."""
        ...


class _TypeMeta(msgspec.Struct, frozen=True, rename="camel"):
    kind: str = ""
    api_version: str = ""
    metadata: ObjectMeta = ObjectMeta()


class _AnyEvent(msgspec.Struct, frozen=True):
    type: str
    object: msgspec.Raw


class _PageHead(msgspec.Struct, frozen=True, rename="camel"):
    kind: str = ""
    api_version: str = ""


class _PageOf(_PageHead, Generic[T], frozen=True):
    metadata: ListMeta = ListMeta()
    items: list[T] | None = None


class _Kinds:
    """The kind that a collection's objects have: whatever came first, and nothing else from then on.

    Lists of built-in kinds leave kind and apiVersion out of their items (kubernetes#98925), so they are remembered here.
    Events whose text begins as one that was found right are right: that spares a second look at each of them.
    """

    def __init__(self, api_version: str) -> None:
        self._api_version = api_version
        self._kind = ""
        self.trusted: tuple[bytes, ...] = ()

    def check(self, kind: str, api_version: str) -> None:
        """Raise ProtocolError if this is not the kind that was asked for. Objects that do not say are believed."""
        if api_version and api_version != self._api_version:
            raise ProtocolError(f"asked for objects of {self._api_version}, the server sent {kind} of {api_version}")
        if kind and self._kind and kind != self._kind:
            raise ProtocolError(f"asked for {self._kind} of {self._api_version}, the server sent {kind}")
        self._kind = self._kind or kind

    def check_list(self, head: _PageHead) -> None:
        """The same for a list: `PodList` holds `Pod`s."""
        if head.kind and not head.kind.endswith("List"):
            raise ProtocolError(f"asked for a list of {self._api_version}, the server sent a {head.kind}")
        self.check(head.kind.removesuffix("List"), head.api_version)

    def trust(self, line: bytes, kind: str, api_version: str) -> None:
        """`line` was found right: what begins like it needs no second look."""
        if not (kind and api_version):
            return
        orders = (
            f'"kind":"{kind}","apiVersion":"{api_version}",',
            f'"apiVersion":"{api_version}","kind":"{kind}",',
        )
        starts = tuple(
            f'{{"type":"{event.type}","object":{{{order}'.encode() for event in _OBJECT_EVENTS for order in orders
        )
        if line.startswith(starts):
            # The two orders of fields are those of built-in kinds and of custom resources; a server keeps to one of them.
            order = 0 if line.startswith(starts[0::2]) else 1
            self.trusted = starts[order::2]

    @property
    def prefix(self) -> bytes:
        """What an item of a list lacks at its beginning: `{"kind":"Pod","apiVersion":"v1",`."""
        if not self._kind:
            return b""
        return msgspec.json.encode({"kind": self._kind, "apiVersion": self._api_version})[:-1] + b","


class _CheckedCodec(Generic[T]):
    """What both ways of keeping objects have in common: the second look at lines that do not begin as expected."""

    accept_list = _JSON
    accept_watch = _JSON

    def __init__(self, api_version: str) -> None:
        self._kinds = _Kinds(api_version)

    def _look_closer(self, line: bytes) -> bytes:
        """`line` without its byte order mark; raises ProtocolError if it holds an object of another kind."""
        line = line.removeprefix(b"\xef\xbb\xbf")
        try:
            outer = msgspec.json.decode(line, type=_AnyEvent)
            if outer.type not in {"ADDED", "MODIFIED", "DELETED"}:
                return line
            inner = msgspec.json.decode(outer.object, type=_TypeMeta)
        except _BROKEN as error:
            raise ProtocolError(f"a line of the watch ({len(line)} bytes) is not an event: {error}") from error
        self._kinds.check(inner.kind, inner.api_version)
        self._kinds.trust(line, inner.kind, inner.api_version)
        return line


def _unreadable(line: bytes, error: Exception) -> ProtocolError:
    """Names the object that does not fit its type, if it can be found in there."""
    try:
        meta = msgspec.json.decode(msgspec.json.decode(line, type=_AnyEvent).object, type=_TypeMeta).metadata
        who = f" of {meta.namespace}/{meta.name}" if meta.name else ""
    except _BROKEN:
        who = ""
    return ProtocolError(f"an event{who} does not have the expected form: {error}")


class _TypedCodec(_CheckedCodec[T]):
    """Decodes straight into the user's type: fields that it does not name are skipped as bytes."""

    def __init__(self, type_: type[T], api_version: str) -> None:
        super().__init__(api_version)
        union = (
            cast("Any", Added)[type_] | cast("Any", Modified)[type_] | cast("Any", Deleted)[type_] | Bookmark | Failure
        )
        self._decode: Callable[[bytes], WatchEvent[T]] = msgspec.json.Decoder(union).decode
        # A type that wants its kind gets it, though a list's items lack it: they are completed first, then decoded.
        self._wants_kind = type_ is dict or bool({"kind", "apiVersion"} & set(_fields(type_)))
        self._decode_item: Callable[[bytes], T] = msgspec.json.Decoder(type_).decode
        self._decode_page = msgspec.json.Decoder(cast("type[_PageOf[T]]", cast("Any", _PageOf)[type_])).decode

    def event(self, line: bytes) -> WatchEvent[T]:
        if not line.startswith(self._kinds.trusted):
            line = self._look_closer(line)
        try:
            return self._decode(line)
        except _BROKEN as error:
            raise _unreadable(line, error) from error

    def page(self, body: bytes) -> Page[T]:
        if self._wants_kind:
            return _completed_page(body, self._kinds, lambda raw: self._decode_item(raw))
        try:
            page = self._decode_page(body)
        except _BROKEN as error:
            raise _not_a_list(body, error) from error
        self._kinds.check_list(page)
        return Page(page.items or [], page.metadata)


class _MetadataCodec(_TypedCodec[T]):
    """PartialObjectMetadata: the server leaves out all but the metadata."""

    accept_list = _METADATA_ONLY.format("PartialObjectMetadataList")
    accept_watch = _METADATA_ONLY.format("PartialObjectMetadata")

    def __init__(self, type_: type[T]) -> None:
        super().__init__(type_, _META_API + "v1")


class _DynamicLine(msgspec.Struct, frozen=True, forbid_unknown_fields=True, gc=False):
    type: str
    object: _DynamicHead


class _DynamicHead(msgspec.Struct, frozen=True, gc=False):
    metadata: ObjectMeta


class _DynamicCodec(_CheckedCodec[DynamicObject]):
    """Decodes the metadata and keeps the object's bytes, copied so that they hold on to nothing larger."""

    def __init__(self, api_version: str) -> None:
        super().__init__(api_version)
        self._decode = msgspec.json.Decoder(_DynamicLine).decode
        self._decode_any = msgspec.json.Decoder(
            Added[msgspec.Raw] | Modified[msgspec.Raw] | Deleted[msgspec.Raw] | Bookmark | Failure
        ).decode
        self._decode_head = msgspec.json.Decoder(_DynamicHead).decode

    def event(self, line: bytes) -> WatchEvent[DynamicObject]:
        if line.startswith(self._kinds.trusted) and line.endswith(b"}}"):
            try:
                if not line.isascii():
                    line.decode()
                head = self._decode(line)
            except _BROKEN as error:
                raise _unreadable(line, error) from error
            event = _EVENT_OF[head.type]
            # The text is `{"type":"…","object":` + the object + `}`: both ends were looked at, the middle was decoded.
            return event(DynamicObject(head.object.metadata, line[_OBJECT_STARTS[head.type] : -1]))
        return self._any_event(self._look_closer(line))

    def _any_event(self, line: bytes) -> WatchEvent[DynamicObject]:
        try:
            event = self._decode_any(line)
            if isinstance(event, (Bookmark, Failure)):
                return event
            return _EVENT_OF[event.type](self._object(bytes(event.object)))
        except _BROKEN as error:
            raise _unreadable(line, error) from error

    def page(self, body: bytes) -> Page[DynamicObject]:
        return _completed_page(body, self._kinds, self._object)

    def _object(self, raw: bytes) -> DynamicObject:
        if not raw.isascii():
            raw.decode()
        return DynamicObject(self._decode_head(raw).metadata, raw)


_EVENT_OF: Final[dict[str, Callable[[Any], Added[Any] | Modified[Any] | Deleted[Any]]]] = {
    event.type: event for event in _OBJECT_EVENTS
}
_OBJECT_STARTS: Final = {event.type: len(f'{{"type":"{event.type}","object":') for event in _OBJECT_EVENTS}


def _completed_page(body: bytes, kinds: _Kinds, item: Callable[[bytes], T]) -> Page[T]:
    """A page whose items are given the kind and apiVersion that lists leave out, then read by `item`."""
    try:
        page = msgspec.json.decode(body, type=_PageOf[msgspec.Raw])
        kinds.check_list(page)
        prefix = kinds.prefix
        items = [item(_complete(bytes(raw), prefix)) for raw in page.items or ()]
    except _BROKEN as error:
        raise _not_a_list(body, error) from error
    return Page(items, page.metadata)


def _complete(raw: bytes, prefix: bytes) -> bytes:
    if not prefix or raw.startswith((b'{"kind":', b'{"apiVersion":')):
        return raw
    head = msgspec.json.decode(raw, type=_TypeMeta) if b'"apiVersion"' in raw[:64] or b'"kind"' in raw[:64] else None
    return raw if head and head.kind and head.api_version else prefix + raw[1:]


def _not_a_list(body: bytes, error: Exception) -> ProtocolError:
    return ProtocolError(f"the body of a list ({len(body)} bytes) is not a Kubernetes list: {error}")


def codec_for(type_: type[T], api_version: str) -> Codec[T]:
    """How to read objects of `type_`. Raises ConfigError, naming what is missing, for a type that cannot be watched."""
    if type_ is DynamicObject:
        return cast("Codec[T]", _DynamicCodec(api_version))
    if type_ is PartialObjectMetadata:
        return _MetadataCodec(type_)
    if type_ is not dict:
        _require_metadata(type_)
    try:
        return _TypedCodec(cast("type[T]", dict[str, Any]) if type_ is dict else type_, api_version)
    except TypeError as error:
        raise ConfigError(f"type={type_.__name__} cannot be decoded from JSON: {error}") from error


def _fields(type_: Any) -> dict[str, msgspec.inspect.Field]:
    """The fields of a struct, dataclass or attrs class by their names in JSON; empty for anything else."""
    info = msgspec.inspect.type_info(type_)
    return {field.encode_name: field for field in getattr(info, "fields", ())}


def _require_metadata(type_: Any) -> None:
    """Raise ConfigError unless the type has the metadata that a watch cannot do without."""
    try:
        fields = _fields(type_)
    except TypeError as error:
        raise ConfigError(f"type={type_!r} cannot be decoded from JSON: {error}") from error
    advice = "declare `metadata: ObjectMeta` (from trio_k8swatch), or use DynamicObject or dict"
    if "metadata" not in fields:
        raise ConfigError(f"type={type_.__name__} has no field `metadata`: {advice}")
    info = fields["metadata"].type
    has = {field.name: field.encode_name for field in getattr(info, "fields", ())}
    needs = {"name": "name", "namespace": "namespace", "uid": "uid", "resource_version": "resourceVersion"}
    missing = [f"{name} (in JSON: {wire})" for name, wire in needs.items() if has.get(name) != wire]
    if missing and not isinstance(info, msgspec.inspect.DictType):
        raise ConfigError(f"the metadata of type={type_.__name__} lacks {', '.join(missing)}: {advice}")
