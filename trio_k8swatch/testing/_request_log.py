"""What clients asked this server, in order."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from ._http.messages import Request
from ._http.request_info import Verb, kind_of_call


@dataclass(slots=True)
class Call:
    """One request. `verb` is the kind of call, `resource` the qualified plural (`pods`, `deployments.apps`).

    `time` is in seconds since the server was made; `status` is None until it is answered, and stays None where it
    never was.
    """

    verb: Verb
    resource: str
    namespace: str
    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str] = field(repr=False)
    time: float
    status: int | None = None
    ended: float | None = None

    @classmethod
    def of(cls, request: Request, time: float) -> Call:
        """The entry for a request that has just arrived. Credentials are not kept."""
        verb, resource, namespace = kind_of_call(request)
        headers = {name: value for name, value in request.headers.items() if name != "authorization"}
        return cls(verb, resource, namespace, request.method, request.path, dict(request.query), headers, time)


class RequestLog:
    """All calls, oldest first: a sequence that can be narrowed with `of`.

    With a `limit`, at least so many of the last calls are kept, and at most twice as many.
    """

    def __init__(self, calls: list[Call] | None = None, *, limit: int | None = None) -> None:
        self._calls = [] if calls is None else calls
        self._limit = limit

    def __iter__(self) -> Iterator[Call]:
        return iter(self._calls)

    def __len__(self) -> int:
        return len(self._calls)

    def __getitem__(self, index: int) -> Call:
        return self._calls[index]

    def __repr__(self) -> str:
        return "\n".join(f"{one.time:10.3f} {one.status or '...'} {one.verb} {one.path} {one.query}" for one in self)

    def append(self, call: Call) -> None:
        """Note a call."""
        self._calls.append(call)
        if self._limit is not None and len(self._calls) > 2 * self._limit:
            del self._calls[: -self._limit]

    def clear(self) -> None:
        """Forget all calls."""
        self._calls.clear()

    def of(self, verb: Verb | None = None, resource: str | None = None, *, since: float = 0.0) -> RequestLog:
        """The calls of one kind, on one resource, not earlier than `since`."""
        return RequestLog(
            [
                one
                for one in self._calls
                if verb in {None, one.verb} and resource in {None, one.resource} and one.time >= since
            ]
        )

    @property
    def times(self) -> list[float]:
        """When the calls were made."""
        return [one.time for one in self._calls]
