"""Faults of what a watch says: events that are wrong, missing, or too many."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Unpack, cast

from trio_k8swatch.testing._http.answers import refusal
from trio_k8swatch.testing._http.messages import Request
from trio_k8swatch.testing._http.response_player import Filter
from trio_k8swatch.testing._http.response_steps import End, Line, Step
from trio_k8swatch.testing._http.statuses import Refused, expired
from trio_k8swatch.testing._json import Object, decode, encode
from trio_k8swatch.testing._storage.watches import INITIAL_EVENTS_END

from ._base import FaultBase
from ._fault import Fault, Strike, WhenOptions
from ._filters import EVENTS, AfterEvents, Delay, EachLine, OnStream, Swap
from ._responses import Instead, Rewritten

BOM: Final = b"\xef\xbb\xbf"


class EventFaults(FaultBase):
    """What may be wrong in a stream that arrives intact."""

    def gone(self, *, as_status: bool = False, after_events: int = 0, **when: Unpack[WhenOptions]) -> Fault:
        """A watch learns that its history is lost: an ERROR event with code 410, or HTTP 410 `as_status`. Once."""
        version = self._server.storage.resource_version
        refused = expired(f"too old resource version: {version} ({version})")
        if as_status:
            return self._once("gone", Instead(lambda _: refusal(refused)), "watch", when)
        return self._error("gone", refused, after_events, when)

    def error_event(
        self,
        code: int = 500,
        reason: str = "InternalError",
        message: str = "injected by FakeApiServer",
        *,
        retry_after_seconds: int | None = None,
        after_events: int = 0,
        **when: Unpack[WhenOptions],
    ) -> Fault:
        """An ERROR event with such a Status, then the end of the watch. Once."""
        refused = Refused(code, reason, message, retry_after_seconds=retry_after_seconds)
        return self._error("error_event", refused, after_events, when)

    def send_event(self, kind: str, obj: object, *, after_events: int = 0, **when: Unpack[WhenOptions]) -> Fault:
        """One more event, with whatever type and object: an unknown type, a Table, an ERROR without a Status. Once."""
        return self.send_bytes(encode({"type": kind, "object": obj}) + b"\n", after_events=after_events, **when)

    def send_bytes(self, data: bytes, *, after_events: int = 0, **when: Unpack[WhenOptions]) -> Fault:
        """These bytes between two events. Once."""
        effect = OnStream(lambda strike: AfterEvents(after_events, [Line("", data)], strike, ends=False))
        return self._once("send_bytes", effect, "watch", when)

    def garbage(self, *, after_events: int = 0, **when: Unpack[WhenOptions]) -> Fault:
        """A line that is not JSON. Once."""
        return self.send_bytes(b"upstream connect error or disconnect/reset\n", after_events=after_events, **when)

    def blank_lines(self, **when: Unpack[WhenOptions]) -> Fault:
        """An empty line before each event, until removed."""
        return self._each_line("blank_lines", lambda line: [Line("", b"\n"), line], when)

    def crlf(self, **when: Unpack[WhenOptions]) -> Fault:
        """Lines end in CR LF, until removed."""
        return self._each_line("crlf", lambda line: [Line(line.type, line.data[:-1] + b"\r\n")], when)

    def bom(self, **when: Unpack[WhenOptions]) -> Fault:
        """A byte order mark before the next event. Once."""
        effect = OnStream(lambda strike: EachLine(lambda line: [Line(line.type, BOM + line.data)], strike))
        return self._once("bom", effect, "watch", when)

    def bad_utf8(self, **when: Unpack[WhenOptions]) -> Fault:
        """A string of the next event holds bytes that are no UTF-8. Once."""

        def spoil(line: Line) -> list[Step] | None:
            return [Line(line.type, line.data.replace(b'"name":"', b'"name":"\xff\xfe', 1))]

        return self._once("bad_utf8", OnStream(lambda strike: EachLine(spoil, strike)), "watch", when)

    def huge_line(self, size: int = 30 * 1024 * 1024, **when: Unpack[WhenOptions]) -> Fault:
        """The next event carries an annotation of that many bytes. Once."""

        def inflate(event: Object) -> Object:
            event["object"]["metadata"].setdefault("annotations", {})["example.com/huge"] = "x" * size
            return event

        return self.rewrite_events(inflate, **when)

    def unknown_type(self, kind: str = "FROB", **when: Unpack[WhenOptions]) -> Fault:
        """The next event has a type that nobody knows. Once."""
        return self.rewrite_events(lambda event: {**event, "type": kind}, **when)

    def without_resource_version(self, **when: Unpack[WhenOptions]) -> Fault:
        """The next event's object has no resourceVersion. Once."""
        return self.rewrite_events(_without("resourceVersion"), **when)

    def bookmark_without_resource_version(self, **when: Unpack[WhenOptions]) -> Fault:
        """A BOOKMARK whose object has empty metadata. Once."""
        return self.send_event("BOOKMARK", {"kind": "Pod", "apiVersion": "v1", "metadata": {}}, **when)

    def rewrite_events(self, change: Callable[[Object], Object], **when: Unpack[WhenOptions]) -> Fault:
        """ADDED, MODIFIED and DELETED events as `change` makes them, `{"type":…, "object":…}` in and out. Once."""

        def rewrite(line: Line) -> list[Step] | None:
            if line.type not in EVENTS:
                return None
            event = change(cast("Object", decode(line.data)))
            return [Line(str(event.get("type", "")), encode(event) + b"\n")]

        return self._once("rewrite_events", OnStream(lambda strike: EachLine(rewrite, strike)), "watch", when)

    def wrong_kind(self, kind: str = "Table", **when: Unpack[WhenOptions]) -> Fault:
        """The next event's object is of another kind than was asked for. Once."""

        def change(event: Object) -> Object:
            return {**event, "object": {**event["object"], "kind": kind, "apiVersion": "meta.k8s.io/v1"}}

        return self.rewrite_events(change, **when)

    def error_without_status(self, **when: Unpack[WhenOptions]) -> Fault:
        """An ERROR event whose object says nothing. Once."""
        return self.send_event("ERROR", {}, **when)

    def out_of_order(self, **when: Unpack[WhenOptions]) -> Fault:
        """The next event comes after the one that follows it. Once."""
        return self._once("out_of_order", OnStream(Swap), "watch", when)

    def drop_events(self, **when: Unpack[WhenOptions]) -> Fault:
        """An event is lost, although the stream goes on. Once."""
        effect = OnStream(lambda strike: EachLine(lambda line: [] if line.type in EVENTS else None, strike))
        return self._once("drop_events", effect, "watch", when)

    def duplicate_events(self, **when: Unpack[WhenOptions]) -> Fault:
        """Each event comes twice, until removed."""
        return self._each_line("duplicate_events", lambda line: [line, line], when)

    def replay(self, events: int = 3, **when: Unpack[WhenOptions]) -> Fault:
        """A new watch begins with events before its resourceVersion again, until removed."""

        def earlier(request: Request) -> Request:
            version = request.parameter("resourceVersion")
            if not version.isdigit() or version == "0":
                return request
            return request.with_parameter("resourceVersion", str(self._server.step_back(request, events)))

        return self._lasting("replay", Rewritten(earlier), "watch", when)

    def lag(self, seconds: float = 5.0, **when: Unpack[WhenOptions]) -> Fault:
        """Everything on a watch comes so much later, until removed."""
        effect = OnStream(lambda strike: Delay(seconds, strike, self._now))
        return self._lasting("lag", effect, "watch", when)

    def no_bookmarks(self, **when: Unpack[WhenOptions]) -> Fault:
        """No BOOKMARK is ever sent, until removed."""
        return self._each_line("no_bookmarks", lambda line: [] if line.type == "BOOKMARK" else None, when)

    def never_ends_initial_events(self, **when: Unpack[WhenOptions]) -> Fault:
        """The BOOKMARK that ends the initial events is never sent, until removed."""
        return self._each_line("never_ends_initial_events", lambda line: [] if _ends_initial(line) else None, when)

    def initial_events_end_false(self, **when: Unpack[WhenOptions]) -> Fault:
        """The BOOKMARK that ends the initial events says "false", until removed."""

        def deny(line: Line) -> list[Step] | None:
            return [Line(line.type, line.data.replace(b'"true"', b'"false"'))] if _ends_initial(line) else None

        return self._each_line("initial_events_end_false", deny, when)

    def ignores_watch_list(self, **when: Unpack[WhenOptions]) -> Fault:
        """A server that does not know `sendInitialEvents` and skips it, until removed: a plain watch."""

        def without(request: Request) -> Request:
            return request.without_parameters("sendInitialEvents", "resourceVersionMatch")

        return self._lasting("ignores_watch_list", _OldServer(without), "watch", when)

    def _error(self, name: str, refused: Refused, after_events: int, when: WhenOptions) -> Fault:
        line = Line("ERROR", encode({"type": "ERROR", "object": refused.body}) + b"\n")
        effect = OnStream(lambda strike: AfterEvents(after_events, [line, End()], strike, ends=True))
        return self._once(name, effect, "watch", when)

    def _each_line(self, name: str, change: Callable[[Line], list[Step] | None], when: WhenOptions) -> Fault:
        return self._lasting(name, OnStream(lambda strike: EachLine(change, strike)), "watch", when)


class _OldServer(Rewritten):
    """Skips what it does not know, and says nothing of what came later."""

    def filter(self, strike: Strike) -> Filter:
        return EachLine(lambda line: [] if _ends_initial(line) else None, strike)


def _ends_initial(line: Line) -> bool:
    return line.type == "BOOKMARK" and INITIAL_EVENTS_END.encode() in line.data


def _without(field: str) -> Callable[[Object], Object]:
    def change(event: Object) -> Object:
        event["object"]["metadata"].pop(field, None)
        return event

    return change
