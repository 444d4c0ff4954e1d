"""In which form a client wants its answer."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from trio_k8swatch.testing._json import Object

from .answers import JSON
from .messages import Request, Response, answer
from .statuses import NOT_ACCEPTABLE, not_imitated

Form: TypeAlias = Literal["whole", "partial", "table"]

_FORMS: Final[dict[str, Form]] = {
    "Table": "table",
    "PartialObjectMetadata": "partial",
    "PartialObjectMetadataList": "partial",
}
FORM_VERSIONS: Final = ("v1", "v1beta1")
_WILDCARDS: Final = frozenset({"*/*", "application/*"})
# A real server writes these; this one would have to invent the encoding.
_NOT_IMITATED: Final = frozenset({"application/vnd.kubernetes.protobuf", "application/yaml", "application/cbor"})


class NotAcceptable(Exception):
    """406: the client wants no form that the server has."""


@dataclass(frozen=True, slots=True)
class MediaType:
    """One entry of an Accept header."""

    name: str
    parameters: dict[str, str]

    @classmethod
    def parse(cls, text: str) -> MediaType:
        """From `application/json;as=Table;v=v1`."""
        name, *parameters = (part.strip() for part in text.split(";"))
        pairs = (part.partition("=") for part in parameters)
        return cls(name, {key: value for key, _, value in pairs})


def accepted(request: Request) -> list[MediaType]:
    """What the client takes, best first; anything if it does not say."""
    header = request.headers.get("accept") or "*/*"
    return [MediaType.parse(part) for part in header.split(",") if part.strip()]


def form(request: Request) -> Form:
    """How objects are to look. Raises `NotAcceptable`, and 501 for forms that only a real server can write."""
    types = accepted(request)
    for one in types:
        if one.name == JSON or one.name in _WILDCARDS:
            wanted = one.parameters.get("as")
            if wanted is None:
                return "whole"
            if (
                wanted in _FORMS
                and one.parameters.get("g") == "meta.k8s.io"
                and one.parameters.get("v") in FORM_VERSIONS
            ):
                return _FORMS[wanted]
    unknown = next((one.name for one in types if one.name in _NOT_IMITATED), None)
    if unknown is not None:
        raise not_imitated(f"answers in {unknown}")
    raise NotAcceptable


def wanted_form(request: Request) -> str:
    """The name of the form that is asked for first, as it was sent."""
    return next((one.parameters["as"] for one in accepted(request) if one.parameters.get("as") in _FORMS), "")


def wanted_version(request: Request) -> str:
    """The version of the form that is asked for first."""
    types = (one.parameters for one in accepted(request) if one.parameters.get("as") in _FORMS)
    return next((one["v"] for one in types if one.get("v") in FORM_VERSIONS), FORM_VERSIONS[0])


def not_acceptable(request: Request, *, custom: bool) -> Response:
    """406. The one Status that the server writes indented."""
    collection = request.method == "GET" and request.path.rstrip("/").count("/") % 2
    said = NOT_ACCEPTABLE if collection else NOT_ACCEPTABLE.partition(", application/json;stream")[0]
    status: Object = {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Failure",
        "message": said,
        "reason": "NotAcceptable",
        "details": {},
        "code": 406,
    }
    return answer(406, JSON, [json.dumps(status, indent=2).encode()])
