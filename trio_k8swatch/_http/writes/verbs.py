"""The verbs for single objects: get, create, replace, patch, apply, update, delete."""

from __future__ import annotations

from typing import Final, Generic, Protocol, TypeVar

import msgspec

from trio_k8swatch._errors import ConfigError, NotFound, ProtocolError
from trio_k8swatch._http.collection import Collection
from trio_k8swatch._http.path_segments import checked_namespace, checked_subresource, name_segment
from trio_k8swatch._object_meta import MetadataOf
from trio_k8swatch._wire import BROKEN, Decoder

from .call import Call
from .request_object import Patch, Whole, identity_of, text_of, whole_text_of
from .update import Change, update
from .write_options import (
    FieldValidation,
    PatchType,
    Propagation,
    delete_options,
    patch_content_type,
    write_query,
)

__all__ = ["Sender", "Verbs", "kind_of"]

T = TypeVar("T")

_APPLY: Final = "application/apply-patch+yaml"
"""JSON is YAML."""


class Sender(Protocol):
    """What the verbs need of a client (`ApiClient`)."""

    async def ask(self, call: Call) -> bytes: ...


class _Kind(msgspec.Struct, frozen=True):
    kind: str = ""


class Verbs(Generic[T]):
    """What can be done with objects of one collection, or with one subresource of them.

    Each call is one request. Nothing is repeated that may have happened: only what the server turned away with 429 and a
    Retry-After is sent again, for at most 30 seconds in all. `namespace=` is for a resource of all namespaces. All raise
    ConfigError, before anything is sent, for arguments that no server takes; ApiError for a refusal; `Unavailable`, whose
    `may_have_happened` tells about writes, if there is no answer; ProtocolError if the answer is not what was asked for.
    Warnings of the server are logged.
    """

    def __init__(self, sender: Sender, collection: Collection, decoder: Decoder[T], subresource: str = "") -> None:
        self._sender = sender
        self._decoder = decoder
        self._subresource = checked_subresource(subresource) if subresource else ""
        self.collection = collection
        self.metadata: MetadataOf = decoder.metadata
        """How to get at the metadata of an object."""

    async def get(self, name: str, *, namespace: str | None = None, resource_version: str | None = None) -> T:
        """The object of this name, as it is now; with `resource_version="0"`, as the server has it in its cache.

        Raises NotFound if there is none.
        """
        query = {} if resource_version is None else {"resourceVersion": resource_version}
        return await self._object(self._call("get", "GET", name, namespace, query))

    async def create(
        self,
        obj: Whole,
        *,
        name: str | None = None,
        namespace: str | None = None,
        dry_run: bool = False,
        field_validation: FieldValidation | None = None,
        field_manager: str | None = None,
    ) -> T:
        """Create an object; what the server made of it. Raises AlreadyExists if its name is taken, Invalid.

        `name` is for subresources that are created of an object (`eviction`, `binding`, `token`).
        """
        text = whole_text_of(obj, "create")
        query = write_query(dry_run=dry_run, field_validation=field_validation, field_manager=field_manager)
        if bool(self._subresource) != (name is not None):
            raise ConfigError(
                "create(name=…) is for subresources, which need it; an object has its name in its metadata"
            )
        return await self._object(
            self._call("create", "POST", name, self._where(namespace, identity_of(text)[0]), query, text)
        )

    async def replace(
        self,
        obj: Whole,
        *,
        name: str | None = None,
        namespace: str | None = None,
        dry_run: bool = False,
        field_validation: FieldValidation | None = None,
        field_manager: str | None = None,
    ) -> T:
        """Put `obj` in place of what is there, if that is still at its resourceVersion. Raises Conflict if not, Invalid.

        An object without a resourceVersion replaces whatever is there.
        """
        text = whole_text_of(obj, "replace")
        query = write_query(dry_run=dry_run, field_validation=field_validation, field_manager=field_manager)
        inside, own_name = identity_of(text)
        return await self._object(
            self._call("update", "PUT", own_name if name is None else name, self._where(namespace, inside), query, text)
        )

    async def patch(
        self,
        name: str,
        patch: Patch,
        *,
        type: PatchType = "merge",
        namespace: str | None = None,
        dry_run: bool = False,
        field_validation: FieldValidation | None = None,
        field_manager: str | None = None,
    ) -> T:
        """Change some fields. `type`: `merge` (null removes, lists are replaced), `json` (a list of operations), `strategic`.

        With `metadata.resourceVersion` or `metadata.uid` in it, raises Conflict if the object is no longer that. Custom
        resources have no `strategic`: Unsupported.
        """
        query = write_query(dry_run=dry_run, field_validation=field_validation, field_manager=field_manager)
        media = patch_content_type(type)
        return await self._object(self._call("patch", "PATCH", name, namespace, query, text_of(patch), media))

    async def apply(
        self,
        obj: Patch,
        *,
        field_manager: str,
        force: bool = False,
        name: str | None = None,
        namespace: str | None = None,
        dry_run: bool = False,
        field_validation: FieldValidation | None = None,
    ) -> T:
        """Server-side apply: these fields are to be so, and those that this manager no longer names are to go.

        Creates the object if it is not there. Raises Conflict if another manager owns a field, which `force` takes over.
        `obj` needs apiVersion, kind and a name.
        """
        text = text_of(obj)
        query = write_query(dry_run=dry_run, field_validation=field_validation, field_manager=field_manager)
        if force:
            query["force"] = "true"
        inside, own_name = identity_of(text)
        target = own_name if name is None else name
        return await self._object(
            self._call("patch", "PATCH", target, self._where(namespace, inside), query, text, _APPLY)
        )

    async def update(
        self,
        name: str,
        change: Change,
        *,
        namespace: str | None = None,
        attempts: int = 10,
        dry_run: bool = False,
        field_validation: FieldValidation | None = None,
        field_manager: str | None = None,
    ) -> T:
        """Get the object, `change` it, replace it; after a Conflict the same again, with a pause, `attempts` times in all.

        `change(obj)` gets all fields as a dict of its own; it changes that, or returns another. It is called once for each
        attempt. If it changes nothing, nothing is written. Raises Conflict when the attempts are used up.
        """
        query = write_query(dry_run=dry_run, field_validation=field_validation, field_manager=field_manager)
        read = self._call("get", "GET", name, namespace, accept="application/json")

        async def send(text: bytes) -> bytes:
            return await self._sender.ask(self._call("update", "PUT", name, namespace, query, text))

        text = await update(lambda: self._sender.ask(read), change, send, attempts=attempts)
        return self._decoder.object(text, read.doing)

    async def delete(
        self,
        name: str,
        *,
        namespace: str | None = None,
        uid: str | None = None,
        resource_version: str | None = None,
        propagation: Propagation | None = None,
        grace_seconds: int | None = None,
        missing_ok: bool = False,
        dry_run: bool = False,
    ) -> T | None:
        """Delete the object of this name; with `uid` or `resource_version` only if it is that (else Conflict).

        Returns the object if the server answers with it, which it does while finalizers or the grace period keep it; None
        if not. It may be there for a while: `Store.gone` waits. `missing_ok`: that there is none is fine.
        """
        options = delete_options(
            uid=uid,
            resource_version=resource_version,
            propagation=propagation,
            grace_seconds=grace_seconds,
            dry_run=dry_run,
        )
        content = msgspec.json.encode(options) if options else None
        call = self._call("delete", "DELETE", name, namespace, write_query(dry_run=dry_run), content)
        try:
            text = await self._sender.ask(call)
        except NotFound as error:
            # That the resource is not served is another thing than that the object is not there.
            if missing_ok and error.status.details is not None and error.status.details.name:
                return None
            raise
        return None if kind_of(text, call.doing) == "Status" else self._decoder.object(text, call.doing)

    # Requests

    def _where(self, namespace: str | None, inside: str) -> str | None:
        """The namespace that the caller says, else that of the resource, else what is in the object."""
        return namespace if namespace is not None or self.collection.namespace is not None else inside or None

    def _call(  # noqa: PLR0917 - as a request line, in its order
        self,
        verb: str,
        method: str,
        name: str | None,
        namespace: str | None,
        query: dict[str, str] | None = None,
        content: bytes | None = None,
        content_type: str = "application/json",
        *,
        accept: str = "",
    ) -> Call:
        collection = self._in(namespace)
        path = collection.path
        if name is not None:
            path += f"/{name_segment(name)}"
        if self._subresource:
            path += f"/{self._subresource}"
        what = "/".join(part for part in (name, self._subresource) if part)
        doing = f"{verb} {what} of {collection}" if what else f"{verb} {collection}"
        return Call(method, path, verb, doing, accept or self._decoder.accept_watch, query or {}, content, content_type)

    def _in(self, namespace: str | None) -> Collection:
        """The collection of this request."""
        own = self.collection
        if namespace is None or namespace == own.namespace:
            return own
        if own.namespace is not None:
            raise ConfigError(
                f"namespace={namespace!r} for a resource of namespace {own.namespace}: make one for that namespace, or for all"
            )
        return Collection(own.api_version, own.plural, checked_namespace(namespace))

    async def _object(self, call: Call) -> T:
        return self._decoder.object(await self._sender.ask(call), call.doing)


def kind_of(text: bytes, doing: str) -> str:
    """The kind of an answer. Raises ProtocolError if it is no object."""
    try:
        return msgspec.json.decode(text, type=_Kind).kind
    except BROKEN as error:
        raise ProtocolError(f"cannot {doing}: the answer is no object: {error}") from error
