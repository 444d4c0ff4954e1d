"""One fault: when it strikes, and the few things it may do."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from types import TracebackType
from typing import Literal, Protocol, Self, TypeAlias, TypedDict

from trio_k8swatch.testing._clock import Clock
from trio_k8swatch.testing._http.messages import Request, Response
from trio_k8swatch.testing._http.response_player import Filter
from trio_k8swatch.testing._request_log import Call

On: TypeAlias = Literal["any", "list", "watch", "read", "write", "get"]


class WhenOptions(TypedDict, total=False):
    """The keywords that every fault takes. They are explained at `When`."""

    on: On
    resource: str | None
    namespace: str | None
    times: int | None
    after: int
    for_seconds: float


@dataclass(frozen=True, slots=True)
class When:
    """Which calls a fault is about, and how often it strikes.

    `on` is the kind of call (`read`: get, list and watch), `resource` a plural or `plural.group`, `namespace` that of
    the path (empty for a call over all namespaces). The first `after` calls of that kind are spared, then the fault
    strikes `times` times (None: without end). `for_seconds`: only so long from now.
    """

    on: On = "any"
    resource: str | None = None
    namespace: str | None = None
    times: int | None = None
    after: int = 0
    for_seconds: float = math.inf

    def matches(self, call: Call) -> bool:
        """Whether a call is of the kind meant."""
        if self.namespace not in {None, call.namespace}:
            return False
        if self.resource is not None and self.resource not in {call.resource, call.resource.partition(".")[0]}:
            return False
        return _is_on(self.on, call.verb)


def _is_on(on: On, verb: str) -> bool:
    match on:
        case "any":
            return True
        case "read":
            return verb in {"get", "list", "watch"}
        case "write":
            return verb in {"create", "update", "patch", "delete", "deletecollection"}
        case _:
            return verb == on


class Strike(Protocol):
    """How an effect asks whether it may act."""

    def __call__(self) -> bool:
        """Act once; False if it may not."""
        ...

    @property
    def over(self) -> bool:
        """Whether the fault has been removed: what it holds back must go on."""
        ...


class Effect:
    """What a fault does; each effect overrides the hooks it needs.

    A hook calls `strike` at the moment it acts; where that answers False, the fault is spent and must not act.
    """

    async def before(self, request: Request, strike: Strike) -> Request | Response:
        """Before the server looks at the request: pass it on, or answer in its place; wait, or raise `Dropped`."""
        return request

    def after(self, response: Response, strike: Strike) -> Response:
        """Change a finished answer."""
        return response

    def filter(self, strike: Strike) -> Filter | None:
        """Something to put between the server and one stream."""
        return None


@dataclass(slots=True, eq=False)
class Fault:
    """An active fault. `hits` counts its strikes. As a context manager it is removed at the end of the block."""

    name: str
    when: When
    effect: Effect
    clock: Clock
    on_remove: Callable[[], None] = field(repr=False, default=lambda: None)
    hits: int = 0
    over: bool = False
    _seen: int = 0
    _until: float = math.inf

    def __post_init__(self) -> None:
        self._until = self.clock.now() + self.when.for_seconds

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.remove()

    def remove(self) -> None:
        """No more strikes, on open streams neither. What is frozen stays so: what is lost on the wire is lost."""
        self.over = True
        self.on_remove()

    @property
    def spent(self) -> bool:
        """Whether it will never strike again."""
        exhausted = self.when.times is not None and self.hits >= self.when.times
        return self.over or exhausted or self.clock.now() > self._until

    def meets(self, call: Call) -> bool:
        """Whether this call is one it is about, and not one of the first that are spared. Ask once for each call."""
        if self.spent or not self.when.matches(call):
            return False
        self._seen += 1
        return self._seen > self.when.after

    def __call__(self) -> bool:
        """Strike once, if it still may."""
        if self.spent:
            return False
        self.hits += 1
        return True
