"""Bytes to lines, and what an event says about itself."""

from __future__ import annotations

import msgspec
import pytest
from core_helpers import broken
from hypothesis import example, given
from hypothesis import strategies as st

from trio_k8swatch import ProtocolError
from trio_k8swatch._wire.event_types import Bookmark, bookmark_at
from trio_k8swatch._wire.lines import LineSplitter

# Every character at which text readers cut, and those that JSON text is made of.
texts = st.text(alphabet='a{}"\\ \n\r\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029é\U0001f600', max_size=60)


@st.composite
def chunkings(draw: st.DrawFn) -> list[bytes]:
    """A stream of bytes, cut anywhere: inside characters and at newlines too."""
    data = draw(texts).encode()
    cuts = sorted(draw(st.lists(st.integers(0, len(data)), max_size=8)))
    return [data[a:b] for a, b in zip([0, *cuts], [*cuts, len(data)], strict=True)]


def lines_of(chunks: list[bytes], splitter: LineSplitter | None = None) -> list[bytes]:
    splitter = splitter or LineSplitter()
    whole: list[bytes] = []
    for chunk in chunks:
        for buffer, begin, stop in splitter.feed(chunk):
            part = buffer[begin:stop]
            whole.extend(part.removesuffix(b"\n").split(b"\n"))
    return whole


@given(chunkings())
@example([b"a\n", b"b\n"])
@example([b"a", b"\n", b"\n"])
@example([b"a\x0bb\n"])
def test_lines_are_what_stands_between_newlines_however_the_stream_is_cut(chunks: list[bytes]) -> None:
    """And nothing else is a newline; what is unfinished is not handed out."""
    assert lines_of(chunks) == b"".join(chunks).split(b"\n")[:-1]


def test_the_law_of_lines_fails_for_a_splitter_that_cuts_as_text_readers_do() -> None:
    """What httpx's `aiter_lines` and `str.splitlines` do."""
    real = LineSplitter.feed

    def feed(self: LineSplitter, chunk: bytes) -> object:
        return real(self, chunk.replace(b"\x0b", b"\n"))

    with broken(LineSplitter, feed=feed), pytest.raises(AssertionError):
        test_lines_are_what_stands_between_newlines_however_the_stream_is_cut()


def test_the_law_of_lines_fails_for_a_splitter_that_forgets_what_began() -> None:
    """A line that comes in two chunks."""
    real = LineSplitter.feed

    def feed(self: LineSplitter, chunk: bytes) -> object:
        self._begun.clear()
        return real(self, chunk)

    with broken(LineSplitter, feed=feed), pytest.raises(AssertionError):
        test_lines_are_what_stands_between_newlines_however_the_stream_is_cut()


def test_an_endless_line_is_refused() -> None:
    """Before it fills the memory, and after the lines before it were handed out."""
    splitter = LineSplitter(limit_bytes=10)
    assert lines_of([b"ok\n" + b"x" * 11], splitter) == [b"ok"]
    with pytest.raises(ProtocolError, match="over 10 bytes"):
        splitter.feed(b"x")


def test_a_line_at_the_limit_is_no_endless_line() -> None:
    """Ten bytes are not more than ten."""
    splitter = LineSplitter(limit_bytes=10)
    assert lines_of([b"x" * 10, b"\n"], splitter) == [b"x" * 10]


def test_a_bookmark_says_its_version() -> None:
    """One from a foreign client as much as one from the wire."""
    assert bookmark_at("7").resource_version == "7"
    assert not bookmark_at("7").ends_initial_events


@pytest.mark.parametrize("obj", ["null", "{}", '{"metadata":null}', '{"metadata":{}}'])
def test_a_bookmark_may_say_nothing(obj: str) -> None:
    """Then it has no version and ends no list."""
    mark = msgspec.json.decode(f'{{"type":"BOOKMARK","object":{obj}}}', type=Bookmark)
    assert mark.resource_version == ""
    assert not mark.ends_initial_events


@pytest.mark.parametrize(
    ("annotations", "ends"),
    [
        ('{"k8s.io/initial-events-end":"true"}', True),
        ('{"k8s.io/initial-events-end":"false"}', False),
        ('{"k8s.io/initial-events-end":""}', False),
        ('{"other":"true"}', False),
        ("{}", False),
        ("null", False),
    ],
)
def test_E8_only_the_value_true_ends_the_initial_events(annotations: str, *, ends: bool) -> None:
    """The annotation's presence alone says nothing."""
    text = f'{{"type":"BOOKMARK","object":{{"metadata":{{"resourceVersion":"3","annotations":{annotations}}}}}}}'
    assert msgspec.json.decode(text, type=Bookmark).ends_initial_events is ends
