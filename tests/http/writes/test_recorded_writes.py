"""What a real kube-apiserver answered to writes comes out as the value or the error that it is, of the same request."""

import base64
import json
from pathlib import Path
from urllib.parse import parse_qsl

import httpx
import msgspec
import pytest

from trio_k8swatch import (
    AlreadyExists,
    ApiError,
    Conflict,
    Expired,
    Forbidden,
    Invalid,
    ListOptions,
    NotFound,
    TooManyRequests,
    Unsupported,
    open_client,
)
from trio_k8swatch._http.writes.call import Call

WIRE = Path(__file__).parents[2] / "testing" / "wire"
PATCHES = {
    "application/merge-patch+json": "merge",
    "application/json-patch+json": "json",
    "application/strategic-merge-patch+json": "strategic",
}
ERRORS = {
    400: ApiError,
    403: Forbidden,
    404: NotFound,
    405: Unsupported,
    409: Conflict,
    410: Expired,
    415: Unsupported,
    422: Invalid,
    429: TooManyRequests,
    500: ApiError,
}
OPTIONS = {"fieldManager": "field_manager", "fieldValidation": "field_validation"}


def content(part):
    if not part:
        return b""
    return part["text"].encode() if "text" in part else base64.b64decode(part["base64"])


def exchanges():
    for path in sorted(WIRE.glob("write-*.json")):
        for number, exchange in enumerate(json.loads(path.read_text())["exchanges"]):
            request = exchange["request"]
            if "watch=true" not in (request["query"] or ""):
                yield pytest.param(exchange, id=f"{path.stem}-{number}-{request['method']}")


class Replay(httpx.AsyncBaseTransport):
    def __init__(self, response):
        self.response = response
        self.requests = []

    async def handle_async_request(self, request):
        self.requests.append(request)
        return httpx.Response(
            self.response["status"],
            headers=[tuple(pair) for pair in self.response["headers"]],
            content=content(self.response["body"]),
        )


def split(path):
    """Of `/api/v1/namespaces/ns/pods/web/scale`: version, plural, namespace, name, subresource."""
    parts = path.strip("/").split("/")
    version, rest = (parts[1], parts[2:]) if parts[0] == "api" else ("/".join(parts[1:3]), parts[3:])
    namespace = None
    if rest[0] == "namespaces" and len(rest) > 2:
        namespace, rest = rest[1], rest[2:]
    return version, rest[0], namespace, *[*rest[1:], "", ""][:2]


def can_be_said(request, name, subresource, query, media):
    """Whether there is a way to say this with the verbs: some recordings are of what no client should send."""
    odd = (
        query.get("dryRun", "All") != "All"
        or query.get("fieldValidation") == "Bogus"
        or ("force" in query and not media)
    )
    match request["method"]:
        case "POST":
            return not odd and media == "application/json" and bool(name) == bool(subresource)
        case "PUT":
            return not odd and bool(name)
        case "PATCH":
            is_apply = media == "application/apply-patch+yaml"
            return not odd and (media in PATCHES or (is_apply and "fieldManager" in query))
        case "DELETE":
            return not odd and b"Sideways" not in content(request.get("body"))
        case "GET":
            return bool(name)
    return False


def verb(client, request):  # noqa: PLR0911 - one for each verb
    version, plural, namespace, name, subresource = split(request["path"])
    query = dict(parse_qsl(request["query"] or ""))
    media = dict(request["headers"]).get("Content-Type", "")
    body = content(request.get("body"))
    resource = client.resource(version, plural, namespace=namespace)
    if not can_be_said(request, name, subresource, query, media):
        call = Call(request["method"], request["path"], "odd", "odd", "application/json", query, body or None, media)
        return client.ask(call)
    target = resource.subresource(subresource) if subresource else resource
    options = {OPTIONS[key]: value for key, value in query.items() if key in OPTIONS}
    if "dryRun" in query:
        options["dry_run"] = True
    match request["method"]:
        case "GET":
            return target.get(name)
        case "POST":
            return target.create(body, name=name or None, **options)
        case "PUT":
            return target.replace(body, name=name, **options)
        case "PATCH" if media in PATCHES:
            return target.patch(name, body, type=PATCHES[media], **options)
        case "PATCH":
            return target.apply(body, name=name, force="force" in query, **options)
    if not name:
        return resource.delete_all(
            ListOptions(label_selector=query.get("labelSelector"), resource_version=query.get("resourceVersion"))
        )
    said = json.loads(body or b"{}")
    conditions = said.get("preconditions", {})
    grace = said.get("gracePeriodSeconds", query.get("gracePeriodSeconds"))
    return target.delete(
        name,
        uid=conditions.get("uid"),
        resource_version=conditions.get("resourceVersion"),
        propagation=said.get("propagationPolicy"),
        grace_seconds=None if grace is None else int(grace),
        dry_run=options.get("dry_run", False),
    )


def on_the_wire(method, path, query, media, body):
    """A request as it counts: what may be said in the query as well as in the body is in the body."""
    parameters = dict(parse_qsl(query))
    parameters.pop("limit", None)  # of a deletion, which has none; real servers do not mind it
    try:
        said = json.loads(body) if body else {}
    except ValueError:
        said = body
    if method == "DELETE":
        if "gracePeriodSeconds" in parameters:
            said["gracePeriodSeconds"] = int(parameters.pop("gracePeriodSeconds"))
        said = {key: value for key, value in said.items() if key not in {"kind", "apiVersion"}}
        media = ""
    return method, path, parameters, media if body else "", said


@pytest.mark.parametrize("exchange", list(exchanges()))
async def test_a_recorded_write_comes_out_as_what_it_is(exchange):
    request, response = exchange["request"], exchange["response"]
    transport = Replay(response)
    value = error = None
    async with open_client(transport=transport) as client:
        try:
            value = await verb(client, request)
        except ApiError as raised:
            error = raised
    (sent,) = transport.requests
    media = dict(request["headers"]).get("Content-Type", "")
    assert on_the_wire(
        sent.method, sent.url.path, sent.url.query.decode(), sent.headers.get("Content-Type", ""), sent.content
    ) == on_the_wire(request["method"], request["path"], request["query"] or "", media, content(request.get("body")))

    answer = content(response["body"])
    if response["status"] < 300:
        assert error is None
        check_value(value, json.loads(answer))
        return
    expected = ERRORS[response["status"]]
    status = json.loads(answer) if answer.startswith(b"{") else {}
    if status.get("reason") == "AlreadyExists":
        expected = AlreadyExists
    assert type(error) is expected
    assert error.status.code == response["status"]
    assert " ".join(status.get("message", "").split()) in str(error)
    if isinstance(error, Invalid):
        assert list(msgspec.to_builtins(error.causes)) == [
            {"reason": None, "message": None, "field": None} | cause
            for cause in status.get("details", {}).get("causes", [])
        ]


def check_value(value, answer):
    if value is None:
        assert answer["kind"] == "Status"
        assert answer["status"] == "Success"
    elif isinstance(value, tuple):
        assert [obj.metadata.name for obj in value] == [item["metadata"]["name"] for item in answer["items"]]
    elif isinstance(value, bytes):
        assert json.loads(value) == answer
    else:
        assert value.to_dict() == answer


def test_every_recorded_write_is_here():
    assert len(list(exchanges())) == 137  # and one watch
