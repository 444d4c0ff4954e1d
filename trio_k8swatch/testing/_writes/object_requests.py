"""Requests about one object, and requests that change something: from the request to the rules, and back."""

from __future__ import annotations

from typing import Any, cast

from trio_k8swatch.testing._http.answers import JSON, json_answer
from trio_k8swatch.testing._http.list_parameters import ListOptions
from trio_k8swatch.testing._http.messages import Request, Response, answer
from trio_k8swatch.testing._http.request_body import (
    APPLY_PATCH,
    JSON_PATCH,
    STRATEGIC_PATCH,
    sent_object,
    sent_patch,
    write_of,
)
from trio_k8swatch.testing._http.request_info import Target
from trio_k8swatch.testing._http.statuses import Refused, bad_request, not_imitated
from trio_k8swatch.testing._json import Object
from trio_k8swatch.testing._printers.rendering import Rendering
from trio_k8swatch.testing._storage.history import Revision
from trio_k8swatch.testing._storage.lists import Page, in_order

from .deletion import DeleteOptions, Deleter
from .patches import json_patch, merge_patch, strategic_merge_patch
from .subresources import bind, evict, scale_of, set_scale
from .write_rules import Write, Writer

# These resources answer a delete with the object that is gone, all others with a Status.
_RETURN_DELETED = frozenset(
    {"persistentvolumeclaims", "persistentvolumes", "pods", "podtemplates", "resourcequotas", "serviceaccounts"}
    | {"services"}
)


class Writes:
    """Answers everything but lists and watches."""

    def __init__(self, writer: Writer, deleter: Deleter) -> None:
        self._writer = writer
        self._deleter = deleter

    def respond(self, request: Request, target: Target, rendering: Rendering) -> Response:  # noqa: PLR0911 - a table
        """The answer. Raises `Refused` where the server says no."""
        write = write_of(request, target.subresource)
        match target.verb, target.subresource:
            case "get", "" | "status":
                return _object(200, rendering, self._writer.existing(target))
            case "create", "":
                return _object(201, rendering, self._writer.create(target, sent_object(request), write))
            case "update", "" | "status":
                return _object(200, rendering, self._writer.replace(target, sent_object(request), write))
            case "patch", "" | "status":
                revision, created = self._patch(request, target, write)
                return _object(201 if created else 200, rendering, revision)
            case "delete", "":
                return self._delete(request, target, rendering)
            case "deletecollection", "":
                return self._delete_collection(request, target, rendering)
            case _:
                return self._special(request, target, write)

    def _patch(self, request: Request, target: Target, write: Write) -> tuple[Revision, bool]:
        kind, patch = sent_patch(request, custom=target.kind.custom)
        if kind == APPLY_PATCH:
            if not request.parameter("fieldManager"):
                raise bad_request(
                    "PatchOptions.meta.k8s.io is invalid: fieldManager: Required value: is required for apply patch"
                )
            return self._writer.apply(target, patch, write, force=request.flag("force"))
        old = self._writer.existing(target).object
        return self._writer.replace(target, _patched(kind, old, patch), write), False

    def _delete(self, request: Request, target: Target, rendering: Rendering) -> Response:
        revision, gone = self._deleter.delete(target, DeleteOptions.parse(request))
        if not gone or target.kind.qualified in _RETURN_DELETED:
            return _object(200, rendering, revision)
        details: Object = {"name": target.name}
        if target.kind.group:
            details["group"] = target.kind.group
        details |= {"kind": target.kind.plural, "uid": revision.object["metadata"]["uid"]}
        return json_answer(200, {**_SUCCESS, "details": details})

    def _delete_collection(self, request: Request, target: Target, rendering: Rendering) -> Response:
        options = ListOptions.parse(request, target.kind, watch=False)
        how = DeleteOptions.parse(request)
        storage = self._writer.storage
        chosen = in_order(storage[target.kind.qualified].current, target, options.selector)
        states: list[Revision] = []
        for key, _ in chosen:
            # One may have gone together with another.
            if key in storage[target.kind.qualified].current:
                states.append(self._deleter.delete(Target("delete", target.kind, *key), how)[0])
        return answer(200, JSON, rendering.page(Page(states, storage.resource_version)))

    def _special(self, request: Request, target: Target, write: Write) -> Response:
        match target.verb, target.subresource:
            case "get", "scale":
                return json_answer(200, scale_of(self._writer.existing(target)))
            case "update" | "patch", "scale":
                scale = scale_of(self._writer.existing(target))
                if target.verb == "patch":
                    kind, patch = sent_patch(request, custom=False)
                    if kind == APPLY_PATCH:
                        raise not_imitated("server-side apply of a Scale")
                    scale = _patched(kind, scale, patch)
                else:
                    scale = sent_object(request)
                return json_answer(200, scale_of(set_scale(self._writer, target, scale, write)))
            case "create", "binding":
                bind(self._writer, target, sent_object(request))
                return json_answer(201, {**_SUCCESS, "code": 201})
            case "create", "eviction":
                evict(self._writer, self._deleter, target, sent_object(request))
                return json_answer(201, {**_SUCCESS, "code": 201})
            case _:
                raise not_imitated(f"{request.method} on {target.kind.qualified}/{target.subresource}")


_SUCCESS: Object = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success"}


def _patched(kind: str, old: Object, patch: Any) -> Object:
    if kind == JSON_PATCH:
        try:
            return json_patch(old, patch)
        except ValueError as error:
            raise Refused(
                422, "Invalid", f"the server rejected our request due to an error in our request: {error}"
            ) from None
    if kind == STRATEGIC_PATCH:
        return strategic_merge_patch(old, patch)
    return cast("Object", merge_patch(old, patch))


def _object(status: int, rendering: Rendering, revision: Revision) -> Response:
    return answer(status, JSON, [rendering.one(revision) + b"\n"])
