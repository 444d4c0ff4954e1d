"""Lists as they come: in any form that JSON has, in any parts."""

from __future__ import annotations

import itertools
import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trio_k8swatch import DynamicObject, ObjectMeta, ProtocolError
from trio_k8swatch._object_meta import metadata_of
from trio_k8swatch._wire.event_types import Page
from trio_k8swatch._wire.object_decoder import decoder_for


class Thing(msgspec.Struct, frozen=True):
    metadata: ObjectMeta


class KindThing(msgspec.Struct, frozen=True):
    metadata: ObjectMeta
    kind: str = ""


TYPES: list[Any] = [Thing, KindThing, DynamicObject, dict]


def read(type_: Any, *parts: bytes) -> list[Page[Any]]:
    reader = decoder_for(type_, "v1").page_decoder()
    pages = [*map(reader.feed, parts), reader.finish()]
    return [page for page in pages if page is not None]


def uids(pages: list[Page[Any]]) -> list[str]:
    return [metadata_of(item).uid for page in pages for item in page.items]


def item(uid: int) -> str:
    return f'{{"metadata":{{"uid":"{uid}"}}}}'


HEAD = '{"kind":"PodList","apiVersion":"v1","metadata":{"resourceVersion":"7"},"items":['


@pytest.mark.parametrize("type_", TYPES)
@pytest.mark.parametrize(
    "end",
    [
        f"{item(1)},{item(2)}\n]}}",
        f"{item(1)},\n{item(2)}\n]}}",
        f"{item(1)},{item(2)} ] }}",
        f"{item(1)} ,{item(2)}]}}",
        f'{item(1)},{item(2)}],"more":[{{}}] }}',
        f'{item(1)},{item(2)}],"more":[{{}} ]}}',
    ],
)
def test_an_end_that_is_written_otherwise_loses_nothing(type_: Any, end: str) -> None:
    """A line for each item, for example. What is not found where it is expected is looked for."""
    pages = read(type_, (HEAD + end).encode())
    assert uids(pages) == ["1", "2"]
    assert pages[-1].metadata.resource_version == "7"


@pytest.mark.parametrize("type_", TYPES)
@pytest.mark.parametrize("end", [",null]}", ",5]}", "", "]", "]}}", ",]}", '],"kind":"PodList"'])
def test_an_end_that_is_none_is_an_error(type_: Any, end: str) -> None:
    """And not the end of a shorter list."""
    with pytest.raises(ProtocolError):
        read(type_, (HEAD + item(1) + "," + item(2) + end).encode())


@pytest.mark.parametrize("type_", TYPES)
def test_null_at_the_head_of_a_list_is_as_good_as_absent(type_: Any) -> None:
    """As everywhere in Kubernetes."""
    text = f'{{"kind":null,"apiVersion":null,"metadata":null,"items":[{item(1)}]}}'
    assert uids(read(type_, text.encode())) == ["1"]


@pytest.mark.parametrize("type_", TYPES)
def test_a_name_that_only_ends_like_items_is_another(type_: Any) -> None:
    """Names are JSON strings, and may hold anything."""
    text = f'{{"a\\"items":[{item(1)},{item(2)}],"items":[{item(3)}]}}'
    assert uids(read(type_, text.encode())) == ["3"]


# Laws

names = st.sampled_from(["a", "items", "metadata", "kind", "b"])
texts = st.sampled_from(['},{"metadata":{', "x]", "}]", '"items":[{"metadata":{', "é", ""])
values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(0, 9), texts),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(names, inner, max_size=3)),
    max_leaves=6,
)
fields = st.dictionaries(st.sampled_from("abcd"), values, max_size=2)


@st.composite
def lists(draw: st.DrawFn) -> tuple[list[dict[str, Any]], bytes]:
    """Items, and a list of them as a server might write it: fields in any order, white space anywhere."""
    count = draw(st.integers(0, 5))
    items: list[dict[str, Any]] = []
    for uid in range(count):
        before = draw(fields) if draw(st.booleans()) else {}
        items.append({**before, "metadata": {"name": "n", "uid": str(uid)}, **draw(fields)})
    whole = {"kind": "PodList", "apiVersion": "v1", "metadata": {"resourceVersion": "7"}, "items": items}
    order = draw(st.sampled_from([list(whole), sorted(whole), ["items", "metadata", "kind", "apiVersion"]]))
    spaces = draw(st.booleans())

    def space() -> str:
        return draw(st.sampled_from(["", "", "", "", "\n", " "])) if spaces else ""

    def written(value: Any) -> str:
        if isinstance(value, dict):
            inner = (f"{space()}{json.dumps(key)}:{space()}{written(one)}{space()}" for key, one in value.items())
            return "{" + ",".join(inner) + "}"
        if isinstance(value, list):
            return "[" + space() + ",".join(written(one) + space() for one in value) + "]"
        return json.dumps(value, ensure_ascii=False)

    return items, (written({key: whole[key] for key in order}) + space()).encode()


@pytest.mark.parametrize("type_", TYPES)
@given(lists(), st.lists(st.integers(0, 600), max_size=8))
def test_a_list_is_its_items_however_it_is_written_and_cut(
    type_: Any, written: tuple[list[dict[str, Any]], bytes], cuts: list[int]
) -> None:
    """All of them, in order, each as it was, at the version of the list."""
    items, text = written
    ends = sorted(min(cut, len(text)) for cut in cuts)
    pages = read(type_, *(text[begin:end] for begin, end in itertools.pairwise([0, *ends, len(text)])))
    assert uids(pages) == [str(uid) for uid in range(len(items))]
    assert {page.metadata.resource_version for page in pages} == {"7"}
    assert sum(page.body_bytes for page in pages) == len(text)
    if type_ is DynamicObject:
        got = [obj.to_dict() for page in pages for obj in page.items]
        assert [{key: one[key] for key in its} for one, its in zip(got, items, strict=True)] == items


@pytest.mark.parametrize("type_", TYPES)
@pytest.mark.parametrize(
    "endless",
    [
        '{"kind":"PodList","metadata":{"continue":"',
        HEAD + '{"metadata":{"uid":"',
        HEAD + f'{item(1)},{{"metadata":{{"uid":"',
    ],
    ids=["before the items", "a first item", "a later item"],
)
def test_R14_a_list_without_end_is_given_up(type_: Any, endless: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """When far too much of it was kept that cannot be read, and not before."""
    monkeypatch.setattr("trio_k8swatch._wire.page_decoder.MAX_HELD_BYTES", 200_000)
    reader = decoder_for(type_, "v1").page_decoder()
    reader.feed(endless.encode())
    for _ in range(19):
        reader.feed(b"x" * 10_000)
    with pytest.raises(ProtocolError, match="200000 bytes of a list came, and no item"):
        reader.feed(b"x" * 10_000)


def test_R14_items_that_were_decoded_do_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    """A list of any length is read, if its items are."""
    monkeypatch.setattr("trio_k8swatch._wire.page_decoder.MAX_HELD_BYTES", 500)
    parts = [HEAD + item(0), *(f",{item(uid)},{item(uid + 1)}" for uid in range(1, 100, 2)), "]}"]
    assert uids(read(Thing, *(part.encode() for part in parts))) == [str(uid) for uid in range(101)]
