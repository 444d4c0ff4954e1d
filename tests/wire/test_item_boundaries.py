"""Where items begin and end in the bytes of a list: right for lists as servers write them, and no answer for others.

What follows from a wrong answer is in test_page_decoder.
"""

from __future__ import annotations

import json

import pytest

from trio_k8swatch._wire.item_boundaries import MAX_OPENING_BYTES, ItemCutter, opening_of

HEAD = b'{"kind":"PodList","apiVersion":"v1","metadata":{"resourceVersion":"7"},"items":['
BEGINNING = b'{"metadata":{'
ITEMS = [b'{"metadata":{"name":"a"},"x":[{"metadata":1}]}', b'{"metadata":{}}', b'{"metadata":{"name":"c","uid":"u"}}']


def test_a_list_opens_with_its_head_and_what_each_item_begins_with() -> None:
    """As soon as the metadata of the first item begins, and not before."""
    body = HEAD + b",".join(ITEMS)
    whole = len(HEAD + BEGINNING)
    assert all(opening_of(body[:size]) is None for size in range(whole))
    assert all(opening_of(body[:size]) == (HEAD, BEGINNING) for size in range(whole, len(body)))
    assert opening_of(bytearray(body)) == (HEAD, BEGINNING)


def test_items_may_say_their_kind_first() -> None:
    """In up to 300 bytes, with which the metadata is to have begun."""
    usual = b'{"kind":"Pod","apiVersion":"v1","metadata":{'
    assert opening_of(HEAD + usual + b'"name":"a"}') == (HEAD, usual)
    for size in (300, 301):
        long = b'{"kind":"' + b"x" * (size - 23) + b'","metadata":{'
        assert len(long) == size
        assert opening_of(HEAD + long) == ((HEAD, long) if size == 300 else None)


@pytest.mark.parametrize(
    "items",
    [b"]}", b" ", b' {"metadata":{', b"[", b'{"spec":{', b'{"kind":"' + b"x" * 300 + b'","metadata":{'],
    ids=["empty", "blank", "spaced", "nested", "no metadata", "long"],
)
def test_what_no_server_writes_is_not_guessed_at(items: bytes) -> None:
    assert opening_of(HEAD + items) is None
    assert opening_of(HEAD.replace(b"items", b"things") + ITEMS[0]) is None
    assert opening_of(b'{"abcd":' + ITEMS[0]) is None


def test_the_head_may_be_as_long_as_a_continue_token() -> None:
    """No limit of its own: whoever feeds has one."""
    head = HEAD.replace(b'"7"', b'"7","continue":"%b"' % (b"c" * MAX_OPENING_BYTES))
    assert opening_of(head + ITEMS[0]) == (head, BEGINNING)


@pytest.mark.parametrize("part_bytes", range(1, 120))
def test_items_are_cut_off_as_soon_as_the_next_begins(part_bytes: int) -> None:
    """In parts of any size: an array is what came of whole items, `rest` the others, and nothing comes twice or gets lost."""
    text = b",".join(ITEMS * 3)
    cutter = ItemCutter(BEGINNING)
    found: list[bytes] = []
    for begin in range(0, len(text), part_bytes):
        array = cutter.feed(text[begin : begin + part_bytes])
        items = cutter.items(array, b"{") if array else []
        assert array == (b"[%b]" % b",".join(items) if items else b"")
        found += items
        assert cutter.held_bytes == len(cutter.rest)
        assert b",".join([*found, cutter.rest]) == text[: begin + part_bytes]
    assert found == (ITEMS * 3)[: len(found)]
    # In parts that have room for a boundary and more, most items are found before the end.
    assert len(found) >= (6 if part_bytes > 60 else 0)


def test_each_item_is_cut_out_by_itself() -> None:
    """With the kind that lists leave out in the place of its opening brace."""
    cutter = ItemCutter(BEGINNING)
    prefix = b'{"kind":"Pod","apiVersion":"v1",'
    for items in (ITEMS, ITEMS[:1], ITEMS[::-1]):
        made = cutter.items(b"[%b]" % b",".join(items), prefix)
        assert made == [prefix + item[1:] for item in items]
        assert [json.loads(one)["kind"] for one in made] == ["Pod"] * len(items)
