"""How objects of one type are read from the wire."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final, Generic, TypeVar, cast

import msgspec

from trio_k8swatch._errors import ConfigError, ProtocolError
from trio_k8swatch._object_meta import DynamicObject, MetadataOf, ObjectMeta, PartialObjectMetadata, metadata_of

from .dropped_fields import DroppedFields
from .event_types import OBJECT_EVENT_OF, OBJECT_EVENTS, Added, Bookmark, Deleted, Failure, Modified, WatchEvent
from .expected_kind import Kinds
from .lines import Lines
from .managed_fields import read_and_cut
from .metadata_access import fields_of, is_mapping, metadata_accessor
from .nulls import tolerating_nulls
from .page_decoder import BROKEN, PageDecoder
from .uid_filter import UidFilter

__all__ = ["Decoder", "decoder_for"]

T = TypeVar("T")

_BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"
_CLOSING_BRACE: Final = ord("}")

_TYPE_BEGINS: Final = len('{"type":"')
_BEGINNINGS: Final = {
    ord(event.type[0]): (OBJECT_EVENT_OF[event.type], len(f'{{"type":"{event.type}","object":'))
    for event in OBJECT_EVENTS
}
"""By the first letter of its type: an event, and where its object begins in a trusted line."""


class _Kind(msgspec.Struct, frozen=True, rename="camel"):
    kind: str = ""
    api_version: str = ""


class _Name(msgspec.Struct, frozen=True):
    name: str = ""
    namespace: str | None = ""


class _Named(msgspec.Struct, frozen=True):
    metadata: _Name = _Name()


class _AnyEvent(msgspec.Struct, frozen=True):
    type: str
    object: msgspec.Raw


class Decoder(ABC, Generic[T]):
    """Reads events and pages of one type. All errors are `ProtocolError`, and quote no contents."""

    accept_list: str = "application/json"
    accept_watch: str = "application/json"

    def __init__(self, api_version: str) -> None:
        self._kinds = Kinds(api_version)
        self.metadata: MetadataOf = metadata_of
        """How to get at the metadata of an object."""

    def events(self, lines: Lines, keep: UidFilter | None = None) -> Iterator[WatchEvent[T]]:
        """The events of some lines, each decoded only when it is asked for, and not at all if `keep` leaves it out."""
        buffer, begin, stop = lines
        view = memoryview(buffer)
        trusted, decode = self._kinds.trusted, self._decode_trusted
        while begin < stop:
            end = buffer.find(b"\n", begin, stop)
            if end < 0:
                end = stop
            if keep is not None and not keep.keeps_line(buffer, begin, end):
                begin = end + 1
                continue
            if buffer.startswith(trusted, begin):
                try:
                    event = decode(view[begin:end])
                except BROKEN:
                    event = self._event(buffer[begin:end])
                yield event
            elif line := buffer[begin:end].strip().removeprefix(_BYTE_ORDER_MARK):
                self._look_closer(line)
                trusted = self._kinds.trusted
                yield self._event(line)
            begin = end + 1

    @abstractmethod
    def page_decoder(self, keep: UidFilter | None = None) -> PageDecoder[T]:
        """What reads one body of a list, without the items that `keep` leaves out."""

    def object(self, text: bytes, doing: str) -> T:
        """The one object that `text` is. `doing` is what it answers."""
        try:
            return self._object(text.strip())
        except BROKEN as error:
            raise ProtocolError(f"cannot {doing}: the answer does not have the expected form: {error}") from error

    @abstractmethod
    def _object(self, raw: bytes) -> T:
        """One object; one of `BROKEN` if it does not fit."""

    @abstractmethod
    def _event(self, line: bytes) -> WatchEvent[T]:
        """An event in whatever form."""

    _decode_trusted: Callable[[memoryview], WatchEvent[T]]
    """The event in a line that begins as one which was found right; one of `BROKEN` leaves it to `_event`."""

    def _look_closer(self, line: bytes) -> None:
        """Raise ProtocolError if `line` is no event, or is about an object of another kind."""
        try:
            event = msgspec.json.decode(line, type=_AnyEvent)
            if event.type in OBJECT_EVENT_OF:
                obj = msgspec.json.decode(event.object, type=_Kind)
                self._kinds.check(obj.kind, obj.api_version)
                self._kinds.trust(line, obj.kind, obj.api_version)
        except BROKEN as error:
            raise ProtocolError(f"a line of the watch ({len(line)} bytes) is not an event: {error}") from error


class _TypedDecoder(Decoder[T]):
    """Decodes straight into the user's type: the fields that it does not name are skipped as bytes."""

    def __init__(self, type_: Any, api_version: str) -> None:
        super().__init__(api_version)
        event = cast("Any", Added)[type_] | cast("Any", Modified)[type_] | cast("Any", Deleted)[type_]
        self._decode: Callable[[bytes | memoryview], WatchEvent[T]]
        self._decode = self._decode_trusted = msgspec.json.Decoder(event | Bookmark | Failure).decode
        self._decode_item: Callable[[bytes], T] = msgspec.json.Decoder(type_).decode
        # A type that wants its kind gets it: items of lists, which lack it, are completed first and decoded then.
        wants_kind = not {"kind", "apiVersion"}.isdisjoint(fields_of(type_)) or is_mapping(type_)
        self._decode_array: Callable[[bytes], list[T]] | None
        self._decode_array = None if wants_kind else msgspec.json.Decoder(cast("Any", list)[type_]).decode

    def page_decoder(self, keep: UidFilter | None = None) -> PageDecoder[T]:
        return PageDecoder(self._kinds, self._decode_item, self._decode_array, keep)

    def _object(self, raw: bytes) -> T:
        return tolerating_nulls(self._decode_item, raw)

    def _event(self, line: bytes) -> WatchEvent[T]:
        try:
            return tolerating_nulls(self._decode, line)
        except BROKEN as error:
            raise _unreadable(line, error) from error


class _MappingDecoder(_TypedDecoder[Any]):
    """Decodes into dicts, all fields but the dropped ones."""

    def __init__(self, type_: Any, api_version: str, drop: DroppedFields) -> None:
        super().__init__(type_, api_version)
        if drop:
            decode, decode_item = self._decode, self._decode_item

            def without(line: bytes | memoryview) -> WatchEvent[Any]:
                event = decode(line)
                drop.remove(event.object)
                return event

            def item_without(raw: bytes) -> Any:
                obj = decode_item(raw)
                drop.remove(obj)
                return obj

            self._decode = self._decode_trusted = without
            self._decode_item = item_without


class _MetadataDecoder(_TypedDecoder[PartialObjectMetadata]):
    """The server itself leaves out all but the metadata; one that cannot sends everything, and we skip the rest."""

    accept_list = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,application/json"
    accept_watch = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1,application/json"

    def __init__(self, api_version: str) -> None:
        super().__init__(PartialObjectMetadata, api_version)
        self._kinds = Kinds("meta.k8s.io/v1", api_version)


class _DynamicHead(msgspec.Struct, frozen=True, gc=False):
    metadata: ObjectMeta


class _DynamicDecoder(Decoder[DynamicObject]):
    """Decodes the metadata and keeps the object's bytes, copied so that they hold on to nothing larger."""

    def __init__(self, api_version: str, drop: DroppedFields) -> None:
        super().__init__(api_version)
        self._drop = drop or None
        self._decode_trusted = self._trusted_event
        self._decode_head = msgspec.json.Decoder(_DynamicHead).decode
        self._decode_any = msgspec.json.Decoder(
            Added[msgspec.Raw] | Modified[msgspec.Raw] | Deleted[msgspec.Raw] | Bookmark | Failure
        ).decode

    def page_decoder(self, keep: UidFilter | None = None) -> PageDecoder[DynamicObject]:
        return PageDecoder(self._kinds, self._object, None, keep)

    def _event(self, line: bytes) -> WatchEvent[DynamicObject]:
        try:
            event = self._decode_any(line)
            if isinstance(event, (Bookmark, Failure)):
                return event
            return OBJECT_EVENT_OF[event.type](self._object(bytes(event.object)))
        except BROKEN as error:
            raise _unreadable(line, error) from error

    def _trusted_event(self, line: memoryview) -> WatchEvent[DynamicObject]:
        # The line is `{"type":"…","object":` + object + `}`: its beginning is known, its end is looked at, and what is in
        # between is decoded by itself, so that a second "object" or whatever else comes behind the first is no part of it.
        event, begin = _BEGINNINGS[line[_TYPE_BEGINS]]
        raw = bytes(line[begin:-1])
        if not raw.endswith(b"}") or line[-1] != _CLOSING_BRACE:
            return self._event(bytes(line))
        if self._drop is not None:
            return event(self._without(raw, self._drop))
        _require_utf8(raw)
        return event(DynamicObject(self._decode_head(raw).metadata, raw))

    def _object(self, raw: bytes) -> DynamicObject:
        if self._drop is not None:
            return self._without(raw, self._drop)
        _require_utf8(raw)
        return DynamicObject(tolerating_nulls(self._decode_head, raw).metadata, raw)

    def _without(self, raw: bytes, drop: DroppedFields) -> DynamicObject:
        if drop.only_managed_fields and (found := read_and_cut(raw)) is not None:
            metadata, raw = found
        else:
            raw = drop.cut(raw)
            metadata = tolerating_nulls(self._decode_head, raw).metadata
        _require_utf8(raw)
        return DynamicObject(metadata, raw)


def _require_utf8(raw: bytes) -> None:
    """What is kept undecoded must not fail its reader later (F45)."""
    if not raw.isascii():
        raw.decode()


def _unreadable(line: bytes, error: Exception) -> ProtocolError:
    """Names the object that does not fit its type, if it can be found in there."""
    try:
        meta = msgspec.json.decode(msgspec.json.decode(line, type=_AnyEvent).object, type=_Named).metadata
    except BROKEN:
        meta = _Name()
    whose = f" of {meta.namespace}/{meta.name}" if meta.name else ""
    return ProtocolError(f"an event{whose} does not have the expected form: {error}")


def decoder_for(type_: type[T], api_version: str, drop: Iterable[str] = ()) -> Decoder[T]:
    """How to read objects of `type_`, without the fields in `drop`.

    Raises ConfigError, naming what is missing, for a type that cannot be watched, and for fields that cannot be dropped.
    """
    dropped = DroppedFields(drop)
    decoder = _decoder_for(type_, api_version, dropped)
    decoder.accept_list = _asking_to_drop(decoder.accept_list, dropped)
    decoder.accept_watch = _asking_to_drop(decoder.accept_watch, dropped)
    return decoder


def _decoder_for(type_: Any, api_version: str, drop: DroppedFields) -> Decoder[Any]:
    if type_ is DynamicObject:
        return _DynamicDecoder(api_version, drop)
    if type_ is PartialObjectMetadata:
        return _MetadataDecoder(api_version)
    try:
        if is_mapping(type_):
            decoder: _TypedDecoder[Any] = _MappingDecoder(type_, api_version, drop)
        else:
            decoder = _TypedDecoder[Any](type_, api_version)
            _refuse_fields_of(type_, drop)
        if not isinstance(msgspec.inspect.type_info(type_), msgspec.inspect.DictType):
            decoder.metadata = metadata_accessor(type_)
    except TypeError as error:
        name = getattr(type_, "__name__", repr(type_))
        raise ConfigError(f"type={name} cannot be decoded from JSON: {error}") from error
    return decoder


def _refuse_fields_of(type_: Any, drop: DroppedFields) -> None:
    """Whether a server leaves them out must not decide what a type has in them."""
    for path in drop.paths:
        inner = type_
        for name in path.split("."):
            field = fields_of(inner).get(name) if isinstance(inner, type) else None
            inner = None if field is None else getattr(field.type, "cls", field)
            if inner is None:
                break
        else:
            raise ConfigError(f"drop={path!r}: type={type_.__name__} names that field")


def _asking_to_drop(accept: str, drop: DroppedFields) -> str:
    return ",".join(f"{one}{drop.media_type_parameter}" for one in accept.split(","))
