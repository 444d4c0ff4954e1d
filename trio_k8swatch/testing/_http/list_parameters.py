"""The parameters of lists and watches, checked as the API server checks them."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Final

from trio_k8swatch.testing._api.resource_types import ResourceType
from trio_k8swatch.testing._json import Object
from trio_k8swatch.testing._storage.selectors import Predicate, both, field_selector, label_selector, parsed_fields
from trio_k8swatch.testing._storage.shard_selector import shard_selector

from .messages import Request
from .statuses import Refused, bad_request, invalid_with

_MATCH: Final = "resourceVersionMatch"


@dataclass(frozen=True, slots=True)
class ListOptions:
    """What the client asked for. `resource_version` is as sent, `version` its number, 0 for none."""

    resource_version: str
    match: str
    selector: Predicate | None
    limit: int
    continue_token: str
    timeout_seconds: int
    bookmarks: bool
    send_initial_events: bool | None
    shard_selector: str = ""
    """As it was applied; empty for a server that does not know it, and ignores it."""

    @property
    def version(self) -> int:
        """The resourceVersion as a number."""
        return int(self.resource_version or "0")

    @property
    def exact(self) -> bool:
        """Whether exactly that state is wanted: said so, or implied by a limit, as in the days before the match."""
        return self.match == "Exact" or (not self.match and self.limit > 0 and self.version > 0)

    @classmethod
    def parse(cls, request: Request, kind: ResourceType, *, watch: bool, shards: bool = False) -> ListOptions:
        """From the query. Raises 400, 422 or, for the resourceVersion of a watch, 500, as the real server does."""
        limit, timeout = _integer(request, "limit"), _integer(request, "timeoutSeconds")
        shard = request.parameter("shardSelector") if shards else ""
        has_initial_events = any(name == "sendInitialEvents" for name, _ in request.query)
        options = cls(
            resource_version=request.parameter("resourceVersion"),
            match=request.parameter(_MATCH),
            selector=None,
            limit=max(0, limit),
            continue_token=request.parameter("continue"),
            timeout_seconds=max(0, timeout),
            bookmarks=request.flag("allowWatchBookmarks"),
            send_initial_events=request.flag("sendInitialEvents") if has_initial_events else None,
            shard_selector=shard,
        )
        # What a selector says is read after what the options are, whatever else is wrong with it.
        by_label = label_selector(request.parameter("labelSelector"))
        parsed = parsed_fields(request.parameter("fieldSelector"))
        if watch:
            _check_watch(options)
        else:
            _check_list(options)
        by_field = field_selector(parsed, kind)
        options = replace(options, selector=both(both(by_label, by_field), shard_selector(shard)))
        _check_version(options, watch=watch)
        if not watch and options.resource_version == "0":
            # The watch cache answers these, and it knows no pages.
            return replace(options, limit=0)
        return options


def _check_list(options: ListOptions) -> None:
    found: list[Object] = []
    match = options.match
    if match:
        if not options.resource_version:
            found.append(_forbidden(_MATCH, "resourceVersionMatch is forbidden unless resourceVersion is provided"))
        if options.continue_token:
            found.append(_forbidden(_MATCH, "resourceVersionMatch is forbidden when continue is provided"))
        if match not in {"Exact", "NotOlderThan"}:
            found.append(_unsupported(match, '"Exact", "NotOlderThan", ""'))
        if match == "Exact" and options.resource_version == "0":
            why = 'resourceVersionMatch "Exact" is forbidden for resourceVersion "0"'
            found.append(_forbidden(_MATCH, why))
    if options.send_initial_events is not None:
        found.append(_forbidden("sendInitialEvents", "sendInitialEvents is forbidden for list"))
    _refuse(found)
    if options.continue_token and options.resource_version:
        raise bad_request("specifying resource version is not allowed when using continue")


def _check_watch(options: ListOptions) -> None:
    found: list[Object] = []
    match, initial = options.match, options.send_initial_events
    if initial is None and not match and options.resource_version in {"", "0"}:
        # What such a watch of old means.
        initial, match = True, "NotOlderThan"
    if initial is None:
        if match:
            why = "resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided"
            found.append(_forbidden(_MATCH, why))
    elif match != "NotOlderThan":
        why = "sendInitialEvents requires setting resourceVersionMatch to NotOlderThan"
        found.append(_forbidden(_MATCH, why))
    if match and match != "NotOlderThan":
        found.append(_unsupported(match, '"NotOlderThan"'))
    if match and options.continue_token:
        found.append(_forbidden(_MATCH, "resourceVersionMatch is forbidden when continue is provided"))
    _refuse(found)


def _check_version(options: ListOptions, *, watch: bool) -> None:
    text = options.resource_version
    # Larger than Go's uint64 only where the cluster was begun at such a version, as KEP-5504 allows.
    if re.fullmatch(r"[0-9]{0,40}", text):
        return
    why = f'resourceVersion: Invalid value: "{text}": strconv.ParseUint: parsing "{text}": invalid syntax'
    if watch:
        # Only a list wraps this one into a 400.
        raise Refused(500, "", why)
    raise bad_request(f"invalid resource version: {why}")


def _integer(request: Request, name: str) -> int:
    text = request.parameter(name)
    if not re.fullmatch(r"[+-]?[0-9]+|", text):
        raise bad_request(f'strconv.ParseInt: parsing "{text}": invalid syntax')
    value = int(text or "0")
    if not -(1 << 63) <= value < 1 << 63:
        raise bad_request(f'strconv.ParseInt: parsing "{text}": value out of range')
    return value


def _forbidden(field: str, why: str) -> Object:
    return {"reason": "FieldValueForbidden", "message": f"Forbidden: {why}", "field": field}


def _unsupported(match: str, supported: str) -> Object:
    message = f'Unsupported value: "{match}": supported values: {supported}'
    return {"reason": "FieldValueNotSupported", "message": message, "field": _MATCH}


def _refuse(found: list[Object]) -> None:
    if found:
        raise invalid_with("ListOptions", "meta.k8s.io", "", found)
