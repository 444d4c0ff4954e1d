"""Objects of every type, from the wire."""

from __future__ import annotations

import itertools
import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypedDict

import attrs
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trio_k8swatch import (
    Added,
    Bookmark,
    ConfigError,
    Deleted,
    DynamicObject,
    Failure,
    Modified,
    ObjectMeta,
    PartialObjectMetadata,
    ProtocolError,
)
from trio_k8swatch._object_meta import key_of, metadata_of
from trio_k8swatch._wire.event_types import Page
from trio_k8swatch._wire.item_boundaries import ItemCutter
from trio_k8swatch._wire.lines import Lines, LineSplitter
from trio_k8swatch._wire.object_decoder import Decoder, decoder_for


class Spec(msgspec.Struct, frozen=True, rename="camel"):
    node_name: str = ""


class Pod(msgspec.Struct, frozen=True):
    metadata: ObjectMeta
    spec: Spec = Spec()


class KindPod(msgspec.Struct, frozen=True, rename="camel"):
    metadata: ObjectMeta
    kind: str
    api_version: str
    spec: Spec = Spec()


@dataclass(frozen=True)
class DataPod:
    metadata: ObjectMeta
    spec: Spec


@attrs.frozen
class AttrsPod:
    metadata: ObjectMeta
    spec: Spec


class TypedPod(TypedDict):
    metadata: ObjectMeta
    spec: dict[str, str]


def node_of(obj: Any) -> str:
    if isinstance(obj, (dict, DynamicObject)):
        return obj["spec"]["nodeName"]
    return obj.spec.node_name


TYPES: list[Any] = [Pod, KindPod, DataPod, AttrsPod, TypedPod, dict, dict[str, Any], DynamicObject]
META: dict[str, Any] = {"name": "a", "namespace": "x", "uid": "u", "resourceVersion": "7"}
POD: dict[str, Any] = {"kind": "Pod", "apiVersion": "v1", "metadata": META, "spec": {"nodeName": "n1"}}


def line(type_: str, obj: Any) -> bytes:
    return json.dumps({"type": type_, "object": obj}, separators=(",", ":")).encode()


def events(decoder: Decoder[Any], *lines: bytes) -> list[Any]:
    buffer = b"\n".join(lines) + b"\n"
    return list(decoder.events(Lines(buffer, 0, len(buffer))))


def page_of(decoder: Decoder[Any], data: bytes) -> Page[Any]:
    reader = decoder.page_decoder()
    first, last = reader.feed(data), reader.finish()
    return last if first is None else Page([*first.items, *last.items], last.metadata)


def body(*items: Any, **more: Any) -> bytes:
    whole = {"kind": "PodList", "apiVersion": "v1", "metadata": {"resourceVersion": "9"}, "items": list(items), **more}
    return json.dumps(whole).encode()


@pytest.mark.parametrize("type_", TYPES, ids=str)
def test_A7_an_object_may_be_of_any_type_with_metadata(type_: Any) -> None:
    """From events in all forms, and from lists, whose items lack kind and apiVersion."""
    decoder = decoder_for(type_, "v1")
    item = {key: POD[key] for key in ("metadata", "spec")}
    page = page_of(decoder, body(item, POD))
    got = [*page.items, *(e.object for e in events(decoder, *[line(t, POD) for t in ("ADDED", "MODIFIED", "DELETED")]))]
    assert [node_of(obj) for obj in got] == ["n1"] * 5
    for obj in got:
        meta = metadata_of(obj)
        assert (meta.name, meta.namespace, meta.uid, meta.resource_version) == ("a", "x", "u", "7")
        assert key_of(meta) == "u"


def test_only_the_metadata_may_be_asked_for() -> None:
    """Then the server is told to leave out the rest, and its events are of its own kind."""
    decoder = decoder_for(PartialObjectMetadata, "apps/v1")
    assert "as=PartialObjectMetadataList" in decoder.accept_list
    assert "as=PartialObjectMetadata;" in decoder.accept_watch
    obj = {"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": META}
    assert events(decoder, line("ADDED", obj))[0].object.metadata.name == "a"
    page = body(obj, kind="PartialObjectMetadataList", apiVersion="meta.k8s.io/v1")
    assert page_of(decoder, page).items[0].metadata.uid == "u"


def test_E5_items_of_a_list_get_the_kind_that_lists_leave_out() -> None:
    """Those that say it themselves keep what they say."""
    page = page_of(
        decoder_for(dict, "v1"), body({"metadata": META}, {"apiVersion": "v1", "kind": "Pod", "metadata": META})
    )
    assert [item["kind"] for item in page.items] == ["Pod", "Pod"]
    assert page_of(decoder_for(KindPod, "v1"), body({"metadata": META})).items[0].kind == "Pod"
    dynamic = page_of(decoder_for(DynamicObject, "v1"), body({"metadata": META})).items[0]
    assert (dynamic.kind, dynamic.api_version) == ("Pod", "v1")


def test_E5_an_item_that_says_its_kind_further_inside_is_found_out() -> None:
    """Fields may come in any order."""
    item = {"spec": {"nodeName": "n1"}, "apiVersion": "v1", "kind": "Pod", "metadata": META}
    only_version = {"spec": {}, "apiVersion": "v1", "metadata": META}
    page = page_of(decoder_for(DynamicObject, "v1"), body(item, only_version))
    assert page.items[0].raw.count(b'"kind"') == 1
    assert page.items[1].kind == "Pod"


def test_a_list_without_kind_completes_nothing() -> None:
    """Some aggregated servers leave it out of the list, too."""
    page = page_of(
        decoder_for(DynamicObject, "v1"), json.dumps({"metadata": {}, "items": [{"metadata": META}]}).encode()
    )
    assert page.items[0].kind == ""


@pytest.mark.parametrize("items", [None, []])
def test_an_empty_list_may_be_null(items: list[Any] | None) -> None:
    """Go has no difference between the two."""
    for type_ in (Pod, dict):
        page = page_of(decoder_for(type_, "v1"), body(items=items) if items is None else body())
        assert page.items == []
        assert page.metadata.resource_version == "9"


@pytest.mark.parametrize("type_", TYPES, ids=str)
@pytest.mark.parametrize(
    "broken_line",
    [
        b"hello",
        b"{}",
        b"[]",
        b'{"type":"ADDED"}',
        b'{"type":"ADDED","object":{"kind":"Pod","apiVersion":"v1","metadata":5}}',
        b'{"type":"ADDED","object":{"kind":"Pod","apiVersion":"v1"}}',
        b'{"type":"ADDED","object":{"kind":"Secret","apiVersion":"v1","metadata":{}}}',
        b'{"type":"ADDED","object":{"kind":"Pod","apiVersion":"v2","metadata":{}}}',
        b'{"type":"GONE","object":{"kind":"Pod","apiVersion":"v1","metadata":{}}}',
        b'{"type":"ADDED","object":{"kind":"Pod","apiVersion":"v1","metadata":{"name":"\xff"}}}',
        b'{"type":"ADDED","object":{"kind":"Pod","apiVersion":"v1","metadata":{"uid":7}}}',
        b'{"type":"ERROR","object":7}',
        b'{"type":"ADDED","object":' + b"[" * 100_000,
    ],
    ids=lambda line: line[:70].decode("latin-1"),
)
@pytest.mark.parametrize("is_trusted", [False, True])
def test_E4_E9_B11_B12_what_is_no_event_is_a_protocol_error(
    type_: Any, broken_line: bytes, *, is_trusted: bool
) -> None:
    """Which makes a relist of it: the Go package lost a wrong type silently, and died of an unknown one."""
    decoder = decoder_for(type_, "v1")
    before = [line("ADDED", POD)] if is_trusted else [line("BOOKMARK", {"kind": "Pod", "apiVersion": "v1"})]
    events(decoder, *before)
    page_of(decoder, body())
    if b"Secret" in broken_line:
        page_of(decoder, body(POD))
        events(decoder, line("MODIFIED", POD))
    with pytest.raises(ProtocolError):
        # The reflector asks for the metadata next: it has to be good for that, too.
        [metadata_of(e.object) for e in events(decoder, broken_line) if not isinstance(e, (Bookmark, Failure))]


def test_an_error_names_the_object_but_quotes_nothing_of_it() -> None:
    """It may be a Secret."""
    decoder = decoder_for(Pod, "v1")
    bad = line("ADDED", {**POD, "spec": {"nodeName": ["hunter2"]}})
    with pytest.raises(ProtocolError, match="an event of x/a does not have the expected form") as caught:
        events(decoder, bad)
    assert "hunter2" not in str(caught.value)
    with pytest.raises(ProtocolError, match="an event of x/a"):
        events(decoder, line("ADDED", POD), bad)


def test_events_before_a_broken_one_are_kept() -> None:
    """They are decoded as they are asked for."""
    decoder = decoder_for(Pod, "v1")
    data = line("ADDED", POD) + b"\nbroken\n"
    stream = decoder.events(Lines(data, 0, len(data)))
    assert next(stream).object.metadata.name == "a"
    with pytest.raises(ProtocolError, match="is not an event"):
        next(stream)


@pytest.mark.parametrize("type_", [Pod, DynamicObject])
def test_bookmarks_and_errors_come_between_events(type_: Any) -> None:
    """They are about no object."""
    decoder = decoder_for(type_, "v1")
    mark = line("BOOKMARK", {"kind": "Pod", "apiVersion": "v1", "metadata": {"resourceVersion": "8"}})
    error = line("ERROR", {"kind": "Status", "apiVersion": "v1", "code": 410, "reason": "Expired", "message": "m"})
    got = events(decoder, line("ADDED", POD), mark, line("DELETED", POD), error)
    assert [type(event) for event in got] == [Added, Bookmark, Deleted, Failure]
    assert got[1].resource_version == "8"
    assert got[3].object.code == 410


@pytest.mark.parametrize("type_", [Pod, DynamicObject, dict])
def test_an_event_may_be_written_in_any_way_that_json_has(type_: Any) -> None:
    """Spaces, carriage returns, a byte order mark, fields in another order, blank lines, and fields that nobody knows."""
    decoder = decoder_for(type_, "v1")
    loose = json.dumps({"object": POD, "type": "MODIFIED"}, indent=1).replace("\n", " ").encode()
    strict = line("ADDED", POD)
    more = strict[:-1] + b',"more":{}}'
    got = events(
        decoder, b"\xef\xbb\xbf" + strict, b"", b"  ", loose, strict + b"\r", strict[:-1] + b" }", more, more, strict
    )
    assert [type(event) for event in got] == [Added, Modified, Added, Added, Added, Added, Added]
    assert {node_of(event.object) for event in got} == {"n1"}
    if type_ is DynamicObject:
        assert all(event.object.to_dict() == POD for event in got)


def test_B22_an_object_holds_on_to_nothing_larger() -> None:
    """Its bytes are its own, not a window into those of a list."""
    decoder = decoder_for(DynamicObject, "v1")
    for obj in [
        *page_of(decoder, body(POD, POD)).items,
        *(e.object for e in events(decoder, line("ADDED", POD), line("ADDED", POD))),
    ]:
        assert type(obj.raw) is bytes
        assert len(obj.raw) < 200


texts = st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=20)


@given(st.dictionaries(texts, st.one_of(texts, st.integers(), st.none(), st.lists(texts, max_size=2)), max_size=4))
def test_a_dynamic_object_has_every_field_that_was_sent(fields: dict[str, Any]) -> None:
    """Through the quick way and through the careful one."""
    obj = {"kind": "Pod", "apiVersion": "v1", "metadata": META, "spec": {}, "data": fields}
    decoder = decoder_for(DynamicObject, "v1")
    raw = json.dumps({"type": "ADDED", "object": obj}, separators=(",", ":"), ensure_ascii=False).encode()
    for event in events(decoder, raw, raw):
        assert event.object.to_dict() == obj
        assert event.object["data"] == fields


class NoMeta(msgspec.Struct):
    name: str


class PoorMeta(msgspec.Struct):
    name: str
    uid: str


class PoorPod(msgspec.Struct):
    metadata: PoorMeta


class RenamedMeta(msgspec.Struct):
    name: str = ""
    namespace: str = ""
    uid: str = ""
    resource_version: str = ""


class RenamedPod(msgspec.Struct):
    metadata: RenamedMeta


class PascalPod(msgspec.Struct, rename="pascal"):
    metadata: ObjectMeta


class Opaque(msgspec.Struct):
    metadata: ObjectMeta
    spec: Spec | RenamedMeta


class PlainClass:
    pass


class PoorTyped(TypedDict):
    name: str


@pytest.mark.parametrize(
    ("type_", "missing"),
    [
        (NoMeta, "NoMeta has no field `metadata`"),
        (PoorPod, r"PoorPod lacks namespace \(in JSON: namespace\), resource_version \(in JSON: resourceVersion\)"),
        (RenamedPod, r"RenamedPod lacks resource_version \(in JSON: resourceVersion\)"),
        (PascalPod, "PascalPod has no field `metadata`"),
        (int, "int has no field `metadata`"),
        (str, "str has no field `metadata`"),
        (PlainClass, "PlainClass"),
        (Opaque, "Opaque cannot be decoded"),
        (list[Pod], "list.* has no field `metadata`"),
        (PoorTyped, "PoorTyped has no field `metadata`"),
        (Any, "Any has no field `metadata`"),
    ],
)
def test_A7_a_type_without_metadata_is_refused_at_once(type_: Any, missing: str) -> None:
    """With a message that says what is missing, before any request is made."""
    with pytest.raises(ConfigError, match=missing):
        decoder_for(type_, "v1")


@pytest.mark.parametrize("type_", [Pod, dict, DynamicObject])
@pytest.mark.parametrize(
    "data", [b"", b"<html>", b'{"items":5}', b'{"items":[5]}', b'{"kind":"Status","apiVersion":"v1"}', b"\xff"]
)
def test_a_body_that_is_no_list_is_a_protocol_error(type_: Any, data: bytes) -> None:
    """Though it came with 200."""
    with pytest.raises(ProtocolError):
        page_of(decoder_for(type_, "v1"), data)


@pytest.mark.parametrize("type_", [DynamicObject, KindPod])
def test_a_list_with_an_item_that_does_not_fit_is_no_list(type_: Any) -> None:
    """However quickly lists are read that do fit."""
    good = {"kind": "PodList", "apiVersion": "v1", "metadata": {"resourceVersion": "9"}, "items": [{"metadata": META}]}
    bad = {**good, "items": [{"metadata": META}, {"metadata": {"name": 5}}]}
    decoder = decoder_for(type_, "v1")
    assert len(page_of(decoder, json.dumps(good, separators=(",", ":")).encode()).items) == 1
    with pytest.raises(ProtocolError, match="does not have the expected form"):
        page_of(decoder, json.dumps(bad, separators=(",", ":")).encode())


@pytest.mark.parametrize("kind", [DynamicObject, dict, PartialObjectMetadata, KindPod])
@pytest.mark.parametrize("looks_like_an_item", [False, True])
@given(st.lists(st.integers(0, 5000), max_size=30))
def test_a_list_may_come_in_any_parts(kind: type, looks_like_an_item: bool, cuts: list[int]) -> None:
    """Whatever the type, and however often something inside of an item looks like the beginning of another."""
    inside = {"metadata" if looks_like_an_item else "other": {"name": "u"}}
    items = [{"metadata": {**META, "uid": str(n)}, "specs": [n, "}]", [inside, inside]]} for n in range(20)]
    version = "meta.k8s.io/v1" if kind is PartialObjectMetadata else "v1"
    head = {"kind": "PodList", "apiVersion": version, "metadata": {"resourceVersion": "7"}}
    whole = msgspec.json.encode({**head, "items": items}) + b"\n"
    reader = decoder_for(kind, "v1").page_decoder()
    ends = sorted(min(cut, len(whole)) for cut in cuts)
    parts = [reader.feed(whole[begin:end]) for begin, end in itertools.pairwise([0, *ends, len(whole)])]
    pages = [part for part in [*parts, reader.finish()] if part is not None]
    got = [item for page in pages for item in page.items]
    assert [metadata_of(item).uid for item in got] == [str(n) for n in range(20)]
    assert {page.metadata.resource_version for page in pages} == {"7"}
    assert sum(page.body_bytes for page in pages) == len(whole)
    if kind is DynamicObject:
        assert [item.to_dict() for item in got] == [{"kind": "Pod", "apiVersion": "v1", **item} for item in items]


@pytest.mark.parametrize("indent", [None, 1])
def test_a_list_may_come_byte_by_byte(indent: int | None) -> None:
    """Compact, as servers send it, or made for people."""
    items = [{"metadata": {**META, "uid": str(n)}} for n in range(5)]
    whole = {"kind": "PodList", "apiVersion": "v1", "metadata": {"resourceVersion": "7"}, "items": items}
    text = json.dumps(whole, indent=indent, separators=(",", ":") if indent is None else None).encode()
    for kind in (DynamicObject, Pod):
        reader = decoder_for(kind, "v1").page_decoder()
        parts = [reader.feed(text[at : at + 1]) for at in range(len(text))]
        pages = [part for part in [*parts, reader.finish()] if part is not None]
        assert [metadata_of(item).uid for page in pages for item in page.items] == ["0", "1", "2", "3", "4"]


def test_an_item_may_be_of_any_size() -> None:
    """Between small ones, as an aggregated server may have it."""
    large = {"metadata": {**META, "uid": "1"}, "data": "x" * (30 * 1024 * 1024)}
    items = [{"metadata": {**META, "uid": "0"}}, large, {"metadata": {**META, "uid": "2"}}]
    whole = msgspec.json.encode({"kind": "PodList", "metadata": {"resourceVersion": "7"}, "items": items})
    reader = decoder_for(DynamicObject, "v1").page_decoder()
    parts = [reader.feed(whole[at : at + 65536]) for at in range(0, len(whole), 65536)]
    got = [item for part in [*parts, reader.finish()] if part is not None for item in part.items]
    assert [len(item.raw) > 1000 for item in got] == [False, True, False]


def test_items_are_decoded_while_they_come() -> None:
    """What is kept of a list that is not complete is its objects, and one more."""
    items = [{"metadata": {**META, "uid": str(n)}, "padding": "x" * 1000} for n in range(20)]
    whole = json.dumps({"kind": "PodList", "apiVersion": "v1", "metadata": {}, "items": items}, separators=(",", ":"))
    cutter = ItemCutter(b'{"metadata":{')
    arrays = [array for at in range(0, len(whole), 100) if (array := cutter.feed(whole[at : at + 100].encode()))]
    assert len(arrays) == 17  # a boundary that two parts share is not looked for
    assert len(cutter.rest) < 1300


@pytest.mark.parametrize("kind", [DynamicObject, Pod])
def test_the_metadata_of_a_list_may_come_last(kind: type) -> None:
    """And items may be the items of something else."""
    decoder = decoder_for(kind, "v1")
    item = '{"metadata":{"uid":"1"}}'
    last = f'{{"apiVersion":"v1","items":[{item},{item}],"kind":"PodList","metadata":{{"resourceVersion":"7"}}}}'
    page = page_of(decoder, last.encode())
    assert (len(page.items), page.metadata.resource_version) == (2, "7")
    assert page.items[1] == page.items[0]
    other = f'{{"kind":"PodList","apiVersion":"v1","metadata":{{"x":{{"items":[{item},{item}]}}}},"items":[{item}]}}'
    assert len(page_of(decoder, other.encode()).items) == 1


class _Own(msgspec.Struct):
    metadata: ObjectMeta


@pytest.mark.parametrize("type_", [DynamicObject, PartialObjectMetadata, _Own, dict], ids=lambda one: one.__name__)
@pytest.mark.parametrize(
    ("odd", "created"),
    [
        ("2026-11-27 06:00:00x", None),
        ("", None),
        ("yesterday", None),
        (5, None),
        ("2026-06-30T23:59:60Z", datetime(2026, 6, 30, 23, 59, 59, tzinfo=UTC)),
    ],
)
def test_R19_an_odd_time_of_one_object_does_not_block_its_collection(type_: Any, odd: Any, created: Any) -> None:
    """In lists and in events, and whatever comes before it."""
    head = '{"kind":"Pod","apiVersion":"v1","metadata":{"name":"%s","uid":"%s","creationTimestamp":%s}}'
    objects = [head % (name, name, json.dumps(time)) for name, time in (("a", "2026-01-01T00:00:00Z"), ("b", odd))]
    decoder = decoder_for(type_, "v1")
    pages = decoder.page_decoder()
    body = f'{{"kind":"PodList","apiVersion":"v1","metadata":{{"resourceVersion":"9"}},"items":[{",".join(objects)}]}}'
    part = pages.feed(body.encode())
    items = [*(part.items if part is not None else ()), *pages.finish().items]
    lines = "".join(f'{{"type":"ADDED","object":{text}}}\n' for text in (*objects, *reversed(objects))).encode()
    events: Any = [event for one in LineSplitter().feed(lines) for event in decoder.events(one)]
    for found in (items, [event.object for event in events[:2]], [event.object for event in reversed(events[2:])]):
        assert [decoder.metadata(obj).name for obj in found] == ["a", "b"]
        if type_ is not dict:
            assert found[1].metadata.creation_timestamp == created


@pytest.mark.parametrize(("odd", "is_deleting"), [("soon", True), (5, True), ("", False), (None, False)])
def test_R19_an_odd_deletion_time_still_says_that_the_object_is_being_deleted(odd: Any, is_deleting: bool) -> None:
    """Since when, nobody knows."""
    text = '{"type":"ADDED","object":{"kind":"Pod","apiVersion":"v1","metadata":{"name":"a","deletionTimestamp":%s}}}\n'
    decoder = decoder_for(PartialObjectMetadata, "v1")
    [event] = [event for one in LineSplitter().feed((text % json.dumps(odd)).encode()) for event in decoder.events(one)]
    meta: ObjectMeta = event.object.metadata  # type: ignore[union-attr]
    assert (meta.deletion_timestamp is not None) is is_deleting


@pytest.mark.parametrize("type_", [Pod, DynamicObject, dict])
@pytest.mark.parametrize("key", ['"object"', '"\\u006fbject"', '"object" '])
def test_R20_of_two_objects_in_one_event_one_is_taken_whole(type_: Any, key: str) -> None:
    """What is kept of it can be read, and its metadata are its own."""
    decoder = decoder_for(type_, "v1")
    other = {**POD, "metadata": {**POD["metadata"], "uid": "other"}}
    twice = line("ADDED", POD)[:-1] + f",{key}:{json.dumps(other)}}}".encode()
    *_, event = events(decoder, line("ADDED", POD), twice)
    assert decoder.metadata(event.object).uid == "other"
    if type_ is DynamicObject:
        assert event.object.to_dict() == other


def test_objects_that_do_not_say_their_kind_are_believed() -> None:
    """Before and after one that does."""
    silent = {key: value for key, value in POD.items() if key not in {"kind", "apiVersion"}}
    decoder = decoder_for(Pod, "v1")
    got = events(decoder, line("ADDED", silent), line("ADDED", POD), line("ADDED", silent))
    assert [event.object.metadata.name for event in got] == ["a", "a", "a"]


@pytest.mark.parametrize(
    ("metadata", "whose"),
    [({"uid": "u"}, ""), ({"uid": "u", "name": "a"}, " of /a"), ({"name": "a", "namespace": "x"}, " of x/a")],
)
def test_an_error_names_the_object_as_far_as_it_has_a_name(metadata: dict[str, str], whose: str) -> None:
    """And invents nothing."""
    bad = line("ADDED", {**POD, "metadata": metadata, "spec": {"nodeName": [1]}})
    with pytest.raises(ProtocolError, match=f"^an event{whose} does not have the expected form: "):
        events(decoder_for(Pod, "v1"), bad)


def test_lines_may_begin_with_a_blank_one() -> None:
    """It is skipped, and what follows are still single lines."""
    decoder = decoder_for(Pod, "v1")
    got = events(decoder, b"", line("ADDED", POD), b"", line("DELETED", POD))
    assert [type(event) for event in got] == [Added, Deleted]


@pytest.mark.parametrize("type_", [*TYPES, PartialObjectMetadata], ids=str)
def test_the_answer_to_a_single_request_is_one_object(type_: Any) -> None:
    """With white space around it or none; what is no such object is named by what was asked."""
    decoder = decoder_for(type_, "v1")
    obj = decoder.object(b" \n" + json.dumps(POD).encode() + b"\n", "get a pod")
    assert metadata_of(obj).name == "a"
    if type_ is not PartialObjectMetadata:
        assert node_of(obj) == "n1"
    with pytest.raises(ProtocolError, match="cannot get a pod: the answer"):
        decoder.object(b"[]", "get a pod")


class OnlyKind(msgspec.Struct, frozen=True):
    metadata: ObjectMeta
    kind: str


class OnlyVersion(msgspec.Struct, frozen=True, rename="camel"):
    metadata: ObjectMeta
    api_version: str


@pytest.mark.parametrize(("type_", "got"), [(OnlyKind, "Pod"), (OnlyVersion, "v1")])
def test_E5_a_type_with_one_of_kind_and_apiVersion_gets_it(type_: Any, got: str) -> None:
    """Items of lists lack both."""
    (obj,) = page_of(decoder_for(type_, "v1"), body({"metadata": META})).items
    assert getattr(obj, "kind", None) == got or obj.api_version == got


MANAGED: dict[str, Any] = {**POD, "metadata": {**META, "managedFields": [{"manager": "m"}]}}


@pytest.mark.parametrize("type_", [dict, dict[str, Any], DynamicObject], ids=str)
def test_fields_are_dropped_from_everything_that_brings_objects(type_: Any) -> None:
    """Lists, first and later events, single answers; what is no object passes."""
    decoder = decoder_for(type_, "v1", ["metadata.managedFields", "spec"])
    mark, failure = (
        b'{"type":"BOOKMARK","object":{"kind":"Pod","apiVersion":"v1","metadata":{"resourceVersion":"8"}}}',
        b'{"type":"ERROR","object":{"kind":"Status","apiVersion":"v1","code":410}}',
    )
    added = line("ADDED", MANAGED)
    got = events(decoder, added, added, mark, failure, added[:-1] + b',"more":{}}')
    assert [type(event) for event in got] == [Added, Added, Bookmark, Failure, Added]
    objects = [event.object for event in got if isinstance(event, Added)]
    objects += page_of(decoder, body(MANAGED)).items
    objects.append(decoder.object(json.dumps(MANAGED).encode(), "get"))
    for obj in objects:
        fields = obj if isinstance(obj, dict) else obj.to_dict()
        assert fields["metadata"] == META
        assert "spec" not in fields


def test_managed_fields_are_dropped_however_they_are_written() -> None:
    """Two slices do for what servers send; anything else is read and written anew."""
    decoder = decoder_for(DynamicObject, "v1", ["metadata.managedFields"])
    usual = line("ADDED", MANAGED)
    odd = usual.replace(b'"managedFields":', b'"managedFields" : ')
    elsewhere = line("ADDED", {**MANAGED, "spec": {**POD["spec"], "managedFields": "mine"}})
    without, *others = [event.object.to_dict() for event in events(decoder, line("ADDED", POD), usual, odd, elsewhere)]
    assert without == POD
    assert others == [POD, POD, {**POD, "spec": {**POD["spec"], "managedFields": "mine"}}]


def test_a_dynamic_object_is_kept_as_it_was_written() -> None:
    """White space in it as well, and none of what is around it."""
    decoder = decoder_for(DynamicObject, "v1")
    raw = json.dumps(POD).encode()
    whole = b'{"type":"ADDED","object":' + raw + b"}"
    for event in events(decoder, line("ADDED", POD), whole, whole, whole[:-1] + b" }", whole + b" "):
        assert event.object.raw in (raw, json.dumps(POD, separators=(",", ":")).encode())


@pytest.mark.parametrize("end", [b",", b"]", b"", b"x}", b"}}"])
def test_a_line_that_begins_well_has_to_end_well(end: bytes) -> None:
    """Also when lines like it have been found right."""
    good = line("ADDED", POD)
    for type_ in (DynamicObject, Pod, dict):
        with pytest.raises(ProtocolError):
            events(decoder_for(type_, "v1"), good, good[:-1] + end)


@pytest.mark.parametrize("drop", [[], ["metadata.managedFields"], ["status", "metadata.managedFields"]], ids=str)
def test_F45_a_dynamic_object_with_bytes_that_are_no_text_is_refused(drop: list[str]) -> None:
    """Wherever they are: whoever reads the field later must not be the one to find out."""
    text = json.dumps({**POD, "data": "GRÜN"}, ensure_ascii=False, separators=(",", ":"))
    bad, good = text.encode("latin-1"), text.encode()
    begin = b'{"type":"ADDED","object":'
    decoder = decoder_for(DynamicObject, "v1", drop)
    assert decoder.object(good, "get")["data"] == "GRÜN"
    assert [event.object["data"] for event in events(decoder, *[begin + good + b"}"] * 2)] == ["GRÜN"] * 2
    for attempt in (
        lambda: decoder.object(bad, "get"),
        lambda: events(decoder, begin + bad + b"}"),
        lambda: events(decoder, begin + good + b"}", begin + bad + b"}"),
        lambda: page_of(decoder, b'{"metadata":{"resourceVersion":"9"},"items":[' + bad + b"]}"),
    ):
        with pytest.raises(ProtocolError):
            attempt()


def test_what_is_accepted_is_said_in_full() -> None:
    """Metadata alone where the server can, anything else from one that cannot; each with what it should leave out."""
    plain = decoder_for(dict, "v1")
    assert (plain.accept_list, plain.accept_watch) == ("application/json",) * 2
    metadata = decoder_for(PartialObjectMetadata, "v1")
    begins, rest = "application/json;as=PartialObjectMetadata", ";g=meta.k8s.io;v=v1,application/json"
    assert (metadata.accept_list, metadata.accept_watch) == (f"{begins}List{rest}", f"{begins}{rest}")
    dropping = decoder_for(PartialObjectMetadata, "v1", ["metadata.managedFields"])
    drop = ";drop=metadata.managedFields"
    assert dropping.accept_watch == f"{begins};g=meta.k8s.io;v=v1{drop},application/json{drop}"


def test_a_type_of_dicts_says_what_is_in_them() -> None:
    """And an object that has something else does not fit."""
    decoder = decoder_for(dict[str, dict[str, Any]], "v1")
    with pytest.raises(ProtocolError):
        events(decoder, line("ADDED", POD))


def test_what_is_in_a_mapping_is_no_field_of_the_type() -> None:
    """So dropping it is not refused, as dropping the mapping is."""
    decoder_for(Pod, "v1", ["metadata.labels.app"])
    with pytest.raises(ConfigError, match="names that field"):
        decoder_for(Pod, "v1", ["metadata.labels"])
