"""Requests about one object, and requests that change something: from the request to the rules, and back."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final, cast

from trio_k8swatch.testing._api.resource_types import ResourceType
from trio_k8swatch.testing._api.reviews import UNREAD_REVIEWS
from trio_k8swatch.testing._http.answers import JSON, json_answer
from trio_k8swatch.testing._http.compression import compressed
from trio_k8swatch.testing._http.list_parameters import ListOptions
from trio_k8swatch.testing._http.messages import Request, Response, answer
from trio_k8swatch.testing._http.request_body import (
    APPLY_PATCH,
    JSON_PATCH,
    PROTOBUF,
    STRATEGIC_PATCH,
    check_patch_type,
    content_type,
    sent_object,
    sent_patch,
)
from trio_k8swatch.testing._http.request_info import Target
from trio_k8swatch.testing._http.statuses import Refused, bad_request, not_imitated
from trio_k8swatch.testing._http.write_options import WriteOptions
from trio_k8swatch.testing._json import Object, copied
from trio_k8swatch.testing._json_in_go import go_text
from trio_k8swatch.testing._printers.rendering import Rendering
from trio_k8swatch.testing._rules.definition_rules import unseen_rules
from trio_k8swatch.testing._schema import Undecodable, type_of
from trio_k8swatch.testing._storage.history import Revision
from trio_k8swatch.testing._storage.lists import read_page

from .custom_resources import QUALIFIED as DEFINITIONS
from .delete_options import DeleteOptions
from .deletion import Deleter
from .object_reading import applied_object, normal, read_object, read_strictly
from .patches.json_patch import json_patch, merge_patch
from .patches.patched_type import check_patched_type
from .patches.strategic_patch import strategic_merge_patch
from .patches.unusable_patch import conversion_error, patched_text, unusable
from .strategies import content_warnings
from .subresources import bind, evict, read_part, scale_of, set_scale
from .write_mode import Write
from .write_rules import Writer

# These resources answer a delete with the object that is gone, all others with a Status.
_RETURN_DELETED: Final = frozenset(
    {"persistentvolumeclaims", "persistentvolumes", "pods", "podtemplates", "resourcequotas", "serviceaccounts"}
    | {"services", *(f"{name}.storage.k8s.io" for name in ("csidrivers", "csinodes", "storageclasses"))}
    | {"volumeattachments.storage.k8s.io"}
)
_IMMORTAL: Final = frozenset({"default", "kube-public", "kube-system"})


class Writes:
    """Answers everything but lists and watches."""

    def __init__(self, writer: Writer, deleter: Deleter) -> None:
        self._writer = writer
        self._deleter = deleter

    def respond(self, request: Request, target: Target, rendering: Rendering) -> Response:
        """The answer. Raises `Refused` where the server says no."""
        match target.verb, target.subresource:
            case "get", "" | "status":
                return _object(request, 200, rendering, self._writer.existing(target))
            case "delete", "":
                return self._delete(request, target, rendering)
            case "deletecollection", "":
                return self._delete_collection(request, target, rendering)
            case "create" | "update" | "patch", "" | "status":
                return self._write(request, target, rendering)
            case _:
                return self._special(request, target)

    def _write(self, request: Request, target: Target, rendering: Rendering) -> Response:
        options = WriteOptions.parse(request, target.verb)
        write = Write(options.manager, target.subresource, options.dry_run)
        warnings: list[str] = []
        try:
            return self._written(request, target, rendering, options, write, warnings=warnings)
        except Refused as refused:
            # What was read is warned of even where it is not stored.
            refused.warnings += warnings
            raise

    def _written(
        self,
        request: Request,
        target: Target,
        rendering: Rendering,
        options: WriteOptions,
        write: Write,
        *,
        warnings: list[str],
    ) -> Response:
        match target.verb:
            case "create" if target.kind.is_review:
                obj = _read(request, target, options, warnings)
                return json_answer(201, self._writer.answer_review(target.kind, obj, write)).with_warnings(*warnings)
            case "create":
                obj = _read(request, target, options, warnings)
                revision, created = self._writer.create(target, obj, write), True
            case "update":
                obj = _read(request, target, options, warnings)
                revision, created = self._writer.replace(target, obj, write)
            case _:
                revision, created = self._patch(request, target, write, options, warnings)
        if target.kind.qualified == DEFINITIONS:
            warnings += [f"FakeApiServer does not check {word}" for word in unseen_rules(revision.object)]
        warnings += content_warnings(revision.object)
        return _object(request, 201 if created else 200, rendering, revision).with_warnings(*warnings)

    def _patch(
        self, request: Request, target: Target, write: Write, options: WriteOptions, warnings: list[str]
    ) -> tuple[Revision, bool]:
        if content_type(request) != APPLY_PATCH:
            # What is not there is not found before anybody reads the patch.
            self._writer.existing(target)
        kind, patch = sent_patch(request)
        if kind == APPLY_PATCH:
            _check_applied(target.kind, patch)
            applied = applied_object(target.kind, patch)
            return self._writer.apply(target, applied, write, force=options.force)
        old = normal(target.kind, self._writer.existing(target).object)
        patched = _patched(target, kind, old, patch)
        check_patched_type(target, kind, patched, patch)
        try:
            obj, problems = read_strictly(target.kind, patched, options.validation)
        except Undecodable as error:
            if kind == STRATEGIC_PATCH:
                raise unusable(go_text(patch), conversion_error(str(error))) from None
            raise unusable(patched_text(patched, patch), str(error)) from None
        warnings += problems
        return self._writer.replace(target, obj, replace(write, patched=True))

    def _delete(self, request: Request, target: Target, rendering: Rendering) -> Response:
        options = DeleteOptions.parse(request)
        if target.kind.qualified == "namespaces" and target.name in _IMMORTAL:
            details: Object = {"name": target.name, "kind": "namespaces"}
            why = f'namespaces "{target.name}" is forbidden: this namespace may not be deleted'
            raise Refused(403, "Forbidden", why, details=details, by_admission=True)
        revision, gone = self._deleter.delete(target, options)
        if not gone or target.kind.qualified in _RETURN_DELETED:
            return _object(request, 202 if options.waits_for_dependents and not gone else 200, rendering, revision)
        details = {"name": target.name}
        if target.kind.group:
            details["group"] = target.kind.group
        details |= {"kind": target.kind.plural, "uid": revision.object["metadata"]["uid"]}
        return json_answer(200, {**_SUCCESS, "details": details})

    def _delete_collection(self, request: Request, target: Target, rendering: Rendering) -> Response:
        options = ListOptions.parse(request, target.kind, watch=False)
        how = DeleteOptions.parse(request)
        storage = self._writer.storage
        if options.version and not options.match:
            # Deleting a collection reads the store itself, and exactly where the request says.
            options = replace(options, match="Exact")
        page = read_page(storage, target, options, self._writer.clock.now())
        for revision in page.revisions:
            metadata = revision.object["metadata"]
            key = (metadata.get("namespace", ""), metadata["name"])
            # One may have gone together with another.
            if key in storage[target.kind.storage_name].current:
                self._deleter.delete(Target("delete", target.kind, *key), how)
        return answer(200, JSON, rendering.page(page))

    def _special(self, request: Request, target: Target) -> Response:
        options = WriteOptions.parse(request, target.verb) if target.verb != "get" else None
        match target.verb, target.subresource:
            case "get", "scale":
                return json_answer(200, scale_of(target.kind, self._writer.existing(target)))
            case "update" | "patch", "scale" if options is not None:
                scale, warnings = self._sent_scale(request, target, options.validation)
                write = Write(options.manager, "scale", options.dry_run)
                made = set_scale(self._writer, target, scale, write)
                return json_answer(200, scale_of(target.kind, made)).with_warnings(*warnings)
            case "create", "binding" if options is not None:
                sent, warnings = read_part("Binding", sent_object(request, "Binding").object, options.validation)
                bind(self._writer, target, sent, dry_run=options.dry_run)
                return json_answer(201, {**_SUCCESS, "code": 201}).with_warnings(*warnings)
            case "create", "eviction" if options is not None:
                sent, warnings = read_part("Eviction", sent_object(request, "Eviction").object, options.validation)
                evict(self._writer, self._deleter, target, sent, dry_run=options.dry_run)
                return json_answer(201, {**_SUCCESS, "code": 201}).with_warnings(*warnings)
            case _:
                raise not_imitated(f"{request.method} on {target.kind.qualified}/{target.subresource}")

    def _sent_scale(self, request: Request, target: Target, validation: str) -> tuple[Object, list[str]]:
        if target.verb == "update":
            return read_part("Scale", sent_object(request, "Scale").object, validation)
        scale = scale_of(target.kind, self._writer.existing(target))
        check_patch_type(request, custom=False)
        kind, patch = sent_patch(request)
        if kind == APPLY_PATCH:
            raise not_imitated("server-side apply of a Scale")
        return read_part("Scale", _patched(target, kind, scale, patch), validation)


_SUCCESS: Final[Object] = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success"}


def _read(request: Request, target: Target, options: WriteOptions, warnings: list[str]) -> Object:
    if target.kind.plural in UNREAD_REVIEWS and content_type(request) == PROTOBUF:
        # `kubectl auth`: whatever it asks, the answer is the same.
        return copied(UNREAD_REVIEWS[target.kind.plural])
    sent = sent_object(request, target.kind.kind, custom=target.kind.custom)
    obj, problems = read_object(target.kind, sent.object, options.validation, sent.duplicates)
    warnings += problems
    return obj


def _check_applied(kind: ResourceType, patch: Object) -> None:
    version, name = ((value if isinstance(value := patch.get(key), str) else "") for key in ("apiVersion", "kind"))
    if (version, name) != (kind.api_version, kind.kind):
        shown = version if "/" in version else f"/{version}"
        raise bad_request(f"invalid object type: {shown}, Kind={name}")
    metadata: object = patch.get("metadata")
    if isinstance(metadata, dict) and cast("Object", metadata).get("managedFields") is not None:
        raise bad_request("metadata.managedFields must be nil")


def _patched(target: Target, kind: str, old: Object, patch: Any) -> Object:
    if kind == JSON_PATCH:
        try:
            return json_patch(old, patch)
        except ValueError:
            message = "the server rejected our request due to an error in our request"
            raise Refused(422, "Invalid", message, details={}) from None
    if kind == STRATEGIC_PATCH:
        name = "autoscaling.v1.Scale" if old["kind"] == "Scale" else type_of(target.kind.api_version, target.kind.kind)
        return strategic_merge_patch(name, old, patch)
    return cast("Object", merge_patch(old, patch))


def _object(request: Request, status: int, rendering: Rendering, revision: Revision) -> Response:
    return compressed(request, [rendering.one(revision) + b"\n"], JSON, status=status)
