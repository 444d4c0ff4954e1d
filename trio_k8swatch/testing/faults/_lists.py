"""Faults of lists: answers of status 200 that are not what was asked for."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from typing import Unpack, cast

from trio_k8swatch.testing._http.answers import JSON
from trio_k8swatch.testing._http.messages import Request, Response, answer
from trio_k8swatch.testing._http.request_info import parse
from trio_k8swatch.testing._json import Object, decode, encode
from trio_k8swatch.testing._printers.rendering import Whole
from trio_k8swatch.testing._storage.continue_tokens import Continue
from trio_k8swatch.testing._storage.lists import Page

from ._base import FaultBase
from ._fault import Fault, WhenOptions
from ._responses import AlteredBody, Instead, Rewritten


class ListFaults(FaultBase):
    """What may be wrong with a list that arrives intact."""

    def rewrite_lists(self, change: Callable[[Object], Object], **when: Unpack[WhenOptions]) -> Fault:
        """A list as `change` makes it, the whole list object in and out. Once."""
        return self._once("rewrite_lists", AlteredBody(_on_json(change)), "list", when)

    def ignore_limit(self, **when: Unpack[WhenOptions]) -> Fault:
        """The server sends everything whatever the limit, until removed."""

        def without(request: Request) -> Request:
            return request.without_parameters("limit")

        return self._lasting("ignore_limit", Rewritten(without), "list", when)

    def empty_pages(self, **when: Unpack[WhenOptions]) -> Fault:
        """A page of a list has no items, but a token with which it goes on; the items come later. Once."""

        def empty(request: Request) -> Response:
            kind = parse(request, self._server.registry).kind
            version = self._server.storage.resource_version
            token = request.parameter("continue") or Continue(version, "").token()
            page = Page((), version, token)
            return answer(200, JSON, Whole(kind).page(page))

        return self._once("empty_pages", Instead(empty), "list", when)

    def items_null(self, **when: Unpack[WhenOptions]) -> Fault:
        """An empty list says `"items":null`, as some servers do, until removed."""

        def nothing(listing: Object) -> Object:
            return listing if listing["items"] else {**listing, "items": None}

        return self._lasting("items_null", AlteredBody(_on_json(nothing)), "list", when)

    def items_missing(self, **when: Unpack[WhenOptions]) -> Fault:
        """An empty list has no field `items` at all, until removed."""

        def nothing(listing: Object) -> Object:
            return listing if listing["items"] else {key: value for key, value in listing.items() if key != "items"}

        return self._lasting("items_missing", AlteredBody(_on_json(nothing)), "list", when)

    def list_resource_version(self, version: str = "", **when: Unpack[WhenOptions]) -> Fault:
        """A list says another resourceVersion than it has: none, "0". Once."""

        def renumber(listing: Object) -> Object:
            return {**listing, "metadata": {**listing["metadata"], "resourceVersion": version}}

        return self.rewrite_lists(renumber, **when)

    def list_of_wrong_kind(self, kind: str = "Table", **when: Unpack[WhenOptions]) -> Fault:
        """A list of another kind than was asked for. Once."""
        return self.rewrite_lists(lambda listing: {**listing, "kind": kind}, **when)

    def not_json(self, **when: Unpack[WhenOptions]) -> Fault:
        """A list with status 200 whose body is a web page. Once."""
        page = b"<html><body>Please log in.</body></html>"
        return self._once("not_json", AlteredBody(lambda _, __: page), "list", when)

    def broken_gzip(self, **when: Unpack[WhenOptions]) -> Fault:
        """A compressed list is damaged in its middle. Once; lists that are not compressed are left alone."""

        def damage(response: Response, content: bytes) -> bytes | None:
            if response.header("Content-Encoding") != "gzip":
                return None
            middle = len(content) // 2
            return (
                content[:middle] + bytes(255 - byte for byte in content[middle : middle + 64]) + content[middle + 64 :]
            )

        return self._once("broken_gzip", AlteredBody(damage), "list", when)


def _on_json(change: Callable[[Object], Object]) -> Callable[[Response, bytes], bytes | None]:
    def changed(response: Response, content: bytes) -> bytes | None:
        compressed = response.header("Content-Encoding") == "gzip"
        before = cast("Object", decode(gzip.decompress(content) if compressed else content))
        after = change(before)
        if after is before:
            return None
        data = encode(after) + b"\n"
        return gzip.compress(data, mtime=0) if compressed else data

    return changed
