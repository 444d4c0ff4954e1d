"""Whose event or item some bytes are is found before they are decoded, and never in the wrong place."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest

from trio_k8swatch import DynamicObject, PartialObjectMetadata, ProtocolError
from trio_k8swatch._wire import Lines, UidFilter, decoder_for


def asked(*answers: bool) -> tuple[UidFilter, list[str]]:
    """A filter that says no, and what it was asked about."""
    seen: list[str] = []

    def keep(uid: bytes) -> bool:
        seen.append(uid.decode())
        return bool(answers and answers[0])

    return UidFilter(keep), seen


def line(**obj: Any) -> bytes:
    return json.dumps({"type": "ADDED", "object": obj}, separators=(",", ":")).encode()


OWNER = [{"uid": "owner", "name": "o"}]


@pytest.mark.parametrize(
    "text",
    [
        line(
            kind="Pod",
            apiVersion="v1",
            metadata={"name": "a", "namespace": "b", "uid": "own", "ownerReferences": OWNER},
        ),
        line(apiVersion="v1", kind="Pod", metadata={"name": "a", "generateName": "a-", "namespace": "b", "uid": "own"}),
        # As custom resources come: in alphabetical order, with the owner's uid first.
        line(apiVersion="x/v1", kind="X", metadata={"name": "a", "ownerReferences": OWNER, "uid": "own"}),
        line(apiVersion="x/v1", data={"metadata": {"name": "n", "uid": "evil"}}, kind="X", metadata={"uid": "own"}),
        line(kind="Pod", metadata={"name": 'quo"te', "uid": "own"}),
        b'{"type": "ADDED", "object": {"metadata": {"labels": {"uid": "evil"}, "uid": "own"}}}',
    ],
)
def test_the_uid_of_an_event_is_its_objects_own(text: bytes) -> None:
    """Not its owner's, nor one that somebody has written into another field."""
    keep, seen = asked()
    assert not keep.keeps_line(b"before\n" + text + b"\nafter", 7, 7 + len(text))
    assert seen == ["own"]


@pytest.mark.parametrize(
    "text", [b'{"type":"BOOKMARK","object":{"metadata":{"uid":"x"}}}', b'{"type":"ERROR","object":{}}', b"{"]
)
def test_what_is_not_about_one_object_is_decoded(text: bytes) -> None:
    """Bookmarks, errors, and what makes no sense: whoever reads it says so."""
    keep, seen = asked()
    assert keep.keeps_line(text, 0, len(text))
    assert seen == []


def test_an_item_that_was_cut_wrongly_is_none() -> None:
    """It would be left out, or taken, in the place of another."""
    keep, _ = asked(True)
    assert keep.keeps_item(b'{"metadata":{"uid":"own"}}')
    with pytest.raises(msgspec.MsgspecError):
        keep.keeps_item(b'{"metadata":{"uid":"own"}')


@pytest.mark.parametrize("type_", [DynamicObject, PartialObjectMetadata, dict])
@pytest.mark.parametrize("piece", [1, 7, 100_000])
def test_lists_are_without_what_is_left_out(type_: Any, piece: int) -> None:
    """However they arrive, and whatever stands inside of their objects."""
    nested = [{"metadata": {"name": f"inner-{n}", "uid": f"inner-{n}"}} for n in range(3)]
    items = [
        {"metadata": {"name": f"n{n}", "uid": f"u{n}", "resourceVersion": "1"}, "spec": {"of": nested}}
        for n in range(20)
    ]
    body = {"kind": "XList", "apiVersion": "x/v1", "metadata": {"resourceVersion": "5"}, "items": items}
    text = json.dumps(body, separators=(",", ":")).encode()
    decoder = decoder_for(type_, "x/v1")
    reader = decoder.page_decoder(UidFilter(lambda uid: uid.endswith(b"3") or uid.startswith(b"inner")))
    found: list[Any] = []
    for begin in range(0, len(text), piece):
        if part := reader.feed(text[begin : begin + piece]):
            found += part.items
    found += reader.finish().items
    assert [decoder.metadata(obj).uid for obj in found] == ["u3", "u13"]


def test_watches_are_without_what_is_left_out() -> None:
    """The others are decoded as always, and so is what is wrong with them."""
    decoder = decoder_for(PartialObjectMetadata, "v1")
    text = b"\n".join(
        line(kind="Pod", apiVersion="v1", metadata={"name": f"n{n}", "namespace": "a", "uid": f"u{n}"})
        for n in range(4)
    )
    keep = UidFilter(lambda uid: uid in {b"u1", b"u3"})
    events = list(decoder.events(Lines(text, 0, len(text)), keep))
    assert [event.object.metadata.name for event in events] == ["n1", "n3"]  # type: ignore[union-attr]
    with pytest.raises(ProtocolError):
        list(decoder.events(Lines(b"{nonsense", 0, 9), keep))
