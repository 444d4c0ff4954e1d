"""Assertions that explain themselves: what the client did, and what it should have."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from itertools import pairwise
from typing import Any, Final

from ._http.request_info import Verb
from ._json import Object, is_object
from ._request_log import Call, RequestLog
from ._server import FakeApiServer

_SHOWN: Final = 12


def assert_calls(
    fake: FakeApiServer,
    verb: Verb | None = None,
    resource: str | None = None,
    *,
    times: int | None = None,
    at_least: int | None = None,
    at_most: int | None = None,
    since: float = 0.0,
) -> RequestLog:
    """The client made so many calls of that kind since then (seconds of `fake.now`). Returns them."""
    __tracebackhide__ = True
    found = fake.requests.of(verb, resource, since=since)
    low = times if times is not None else (at_least or 0)
    high = times if times is not None else at_most
    if len(found) < low or (high is not None and len(found) > high):
        wanted = _range(low, high)
        raise AssertionError(
            f"expected {wanted} {_what(verb, resource)}, but the client asked {_how_often(found)}\n{_listed(found)}"
        )
    return found


def assert_paced(
    fake: FakeApiServer, verb: Verb | None = None, resource: str | None = None, *, seconds: float, since: float = 0.0
) -> None:
    """No two calls of that kind came closer together than so many seconds."""
    __tracebackhide__ = True
    found = fake.requests.of(verb, resource, since=since)
    gaps = [(later.time - earlier.time, earlier, later) for earlier, later in pairwise(found)]
    if gaps and min(gaps, key=lambda gap: gap[0])[0] < seconds:
        gap, earlier, later = min(gaps, key=lambda gap: gap[0])
        raise AssertionError(
            f"expected at least {seconds:g} s between {_what(verb, resource)}, but the client asked at "
            f"{earlier.time:.3f} s and again {gap:.3f} s later, at {later.time:.3f} s ({_how_often(found)} in all)"
        )


def assert_same_objects(
    fake: FakeApiServer, resource: str, objects: Iterable[Any], *, namespace: str | None = None
) -> None:
    """The client's objects are the server's: the same, each at its last resourceVersion.

    `objects` may be dicts, or anything with `.metadata.name`, `.namespace`, `.uid` and `.resource_version`.
    """
    __tracebackhide__ = True
    truth = {_identity(one): _version(one) for one in fake.objects(resource, namespace=namespace)}
    given = [(_identity(one), _version(one)) for one in objects]
    known = dict(given)
    lines = [f"{_name(key)}: the client does not have it" for key in truth if key not in known]
    lines += [f"{_name(key)}: the server does not have it (any more)" for key in known if key not in truth]
    lines += [
        f"{_name(key)}: the client is at {known[key]}, the server at {version}"
        for key, version in truth.items()
        if key in known and known[key] != version
    ]
    lines += [f"{_name(key)}: {count} times" for key, count in Counter(key for key, _ in given).items() if count > 1]
    if lines:
        shown = "\n  ".join(lines[:_SHOWN] + ([f"… and {len(lines) - _SHOWN} more"] if len(lines) > _SHOWN else []))
        raise AssertionError(f"the client's picture of {resource} is not the server's:\n  {shown}")


def assert_nothing_open(fake: FakeApiServer) -> None:
    """No response is still being read: the client has cleaned up behind it."""
    __tracebackhide__ = True
    open_calls = RequestLog(fake.open_calls)
    if len(open_calls):
        raise AssertionError(f"{len(open_calls)} responses were never closed:\n{_listed(open_calls)}")


def _range(low: int, high: int | None) -> str:
    if low == high:
        return f"exactly {low}"
    if high is None:
        return f"at least {low}"
    return f"at most {high}" if low == 0 else f"{low} to {high}"


def _what(verb: str | None, resource: str | None) -> str:
    calls = f"{verb} calls" if verb else "calls"
    return f"{calls} for {resource}" if resource else calls


def _how_often(found: RequestLog) -> str:
    if len(found) < 2:
        return "once" if len(found) else "not at all"
    return f"{len(found)} times in {found[-1].time - found[0].time:.3g} s"


def _listed(found: RequestLog) -> str:
    calls: list[Call] = list(found)
    lines = repr(RequestLog(calls[:_SHOWN]))
    return lines + (f"\n… and {len(calls) - _SHOWN} more" if len(calls) > _SHOWN else "")


def _identity(obj: Any) -> tuple[str, str, str]:
    metadata = _metadata(obj)
    return metadata.get("namespace") or "", metadata["name"], metadata.get("uid") or ""


def _version(obj: Any) -> str:
    return _metadata(obj).get("resourceVersion") or ""


def _metadata(obj: Any) -> Object:
    if is_object(obj):
        found: Object = obj["metadata"]
        return found
    metadata = obj.metadata
    names = {"name": "name", "namespace": "namespace", "uid": "uid", "resourceVersion": "resource_version"}
    return {wire: getattr(metadata, name, None) for wire, name in names.items()}


def _name(key: tuple[str, str, str]) -> str:
    namespace, name, uid = key
    return f"{namespace}/{name} ({uid})" if namespace else f"{name} ({uid})"
