"""What a server serves, from what a real one (v1.36.2) answered and from what older ones answer."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import trio

from trio_k8swatch._errors import ConfigError, Forbidden, NotFound, ProtocolError, Status, Unavailable
from trio_k8swatch.discovery._discovery import ACCEPT, discover, find_resource
from trio_k8swatch.discovery._rest_mapper import ServedResource

RECORDING = Path(__file__).parents[1] / "testing" / "wire" / "discovery.json"


class Recorded:
    """Answers as recorded; anything else is not there. `aggregated` is what the server knows of the newer form."""

    def __init__(self, answers: dict[str, bytes], aggregated: dict[str, bytes] | None = None) -> None:
        self.answers = answers
        self.aggregated = aggregated or {}
        self.errors: dict[str, Exception] = {}
        self.asked: list[str] = []

    async def get(self, path: str, *, accept: str) -> bytes:
        self.asked.append(path)
        await trio.lowlevel.checkpoint()
        if path in self.errors:
            raise self.errors[path]
        if accept == ACCEPT and path in self.aggregated:
            return self.aggregated[path]
        if path in self.answers:
            return self.answers[path]
        raise NotFound("cannot get: not found", status=Status(code=404))


def recorded() -> Recorded:
    exchanges = json.loads(RECORDING.read_text())["exchanges"]
    server = Recorded({})
    for exchange in exchanges:
        body = exchange["response"]["body"]["text"].encode()
        target = server.aggregated if exchange.get("note") == "aggregated" else server.answers
        target[exchange["request"]["path"]] = body
    return server


def groups(*names: str) -> dict[str, object]:
    """The older form of /apis: groups of two versions, of which the second is preferred."""
    return {
        "kind": "APIGroupList",
        "groups": [
            {
                "name": name,
                "versions": [{"groupVersion": f"{name}/v1beta1"}, {"groupVersion": f"{name}/v1"}],
                "preferredVersion": {"groupVersion": f"{name}/v1"},
            }
            for name in names
        ],
    }


def resources(group_version: str, *plurals: str) -> dict[str, object]:
    return {
        "kind": "APIResourceList",
        "groupVersion": group_version,
        "resources": [{"name": p, "kind": p.title(), "namespaced": True, "verbs": ["list"]} for p in plurals],
    }


def encoded(answers: dict[str, dict[str, object]]) -> dict[str, bytes]:
    return {path: json.dumps(answer).encode() for path, answer in answers.items()}


async def test_aggregated_discovery() -> None:
    """One answer has all of a root; the older form fills in where the newer one is not known."""
    server = recorded()
    server.answers["/apis"] = b'{"kind": "APIGroupList", "groups": []}'
    served = await discover(server)

    assert server.asked == ["/api", "/apis"]
    assert len(served) == 17
    assert served[10] == ServedResource(
        "v1",
        "pods",
        "Pod",
        namespaced=True,
        singular="pod",
        short_names=("po",),
        verbs=("create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"),
    )
    assert not next(resource for resource in served if resource.plural == "nodes").namespaced


async def test_the_older_form_says_the_same() -> None:
    """Subresources left out, group by group, what does not answer skipped."""
    newer = await discover(recorded())
    server = recorded()
    server.aggregated = {}
    older = await discover(server)

    assert older == newer
    assert [resource.full_name for resource in older if resource.group] == ["cronjobs.batch", "jobs.batch"]
    assert server.asked[:3] == ["/api", "/api/v1", "/apis"]


async def test_version_two_beta_one() -> None:
    """Kubernetes 1.27 to 1.29 have the same under another name; a group may be stale, and then has no resources."""
    document = {
        "kind": "APIGroupDiscoveryList",
        "apiVersion": "apidiscovery.k8s.io/v2beta1",
        "items": [
            {
                "metadata": {"name": "metrics.k8s.io", "creationTimestamp": None},
                "versions": [{"version": "v1beta1", "freshness": "Stale"}],
            },
            {
                "metadata": {"name": "stable.example.com"},
                "versions": [
                    {
                        "version": "v1",
                        "resources": [
                            {
                                "resource": "crontabs",
                                "responseKind": {"group": "stable.example.com", "version": "v1", "kind": "CronTab"},
                                "scope": "Namespaced",
                                "singularResource": "crontab",
                                "verbs": ["list", "watch"],
                            }
                        ],
                    }
                ],
            },
        ],
    }
    server = Recorded({}, encoded({"/apis": document}))
    found = await find_resource(server, "crontab")
    assert (found.api_version, found.plural, found.kind, found.namespaced) == (
        "stable.example.com/v1",
        "crontabs",
        "CronTab",
        True,
    )


async def test_the_preferred_version_goes_first() -> None:
    """In the older form it is named beside the list."""
    answers = {
        "/apis": groups("g"),
        "/apis/g/v1": resources("g/v1", "a"),
        "/apis/g/v1beta1": resources("g/v1beta1", "a", "b"),
    }
    served = await discover(Recorded(encoded(answers)))
    assert [f"{r.api_version} {r.plural}" for r in served] == ["g/v1 a", "g/v1beta1 a", "g/v1beta1 b"]


async def test_a_group_that_does_not_answer_is_left_out() -> None:
    """An extension server may be down, while everything else is well."""
    server = Recorded(encoded({"/apis": groups("good", "bad"), "/apis/good/v1": resources("good/v1", "a")}))
    server.errors["/apis/bad/v1"] = Unavailable("down")
    server.answers["/apis/bad/v1beta1"] = b"upstream connect error"
    assert [resource.full_name for resource in await discover(server)] == ["a.good"]


async def test_R1_a_group_that_is_no_segment_of_a_path_is_never_asked_for() -> None:
    """In neither form: its requests would go elsewhere on the server, with our credentials."""
    hostile = ["../api/v1/secrets?x=", "a/b/c", "a#", "%2e%2e", "..", ""]
    document = groups("good", *hostile)
    older = Recorded(encoded({"/apis": document, "/apis/good/v1": resources("good/v1", "a")}))
    assert {resource.api_version for resource in await discover(older)} == {"good/v1"}
    assert {path for path in older.asked if path.startswith("/apis/")} == {"/apis/good/v1", "/apis/good/v1beta1"}
    one = {"resource": "a", "responseKind": {"kind": "A"}}
    items = [{"metadata": {"name": name}, "versions": [{"version": "v1", "resources": [one]}]} for name in hostile]
    aggregated = {"kind": "APIGroupDiscoveryList", "apiVersion": "apidiscovery.k8s.io/v2", "items": items}
    found = await discover(Recorded({}, encoded({"/apis": aggregated})))
    assert [resource.api_version for resource in found] == ["v1"]


async def test_nothing_answers() -> None:
    """Then the first error is the answer: bare, and not in a group."""
    server = Recorded(encoded({"/apis": groups("a", "b")}))
    for path in ("/apis/a/v1", "/apis/a/v1beta1", "/apis/b/v1", "/apis/b/v1beta1"):
        server.errors[path] = Unavailable("down")
    with pytest.raises(Unavailable, match=r"^down$"):
        await discover(server)


async def test_refusals_are_not_hidden() -> None:
    """Who may not see what is served learns that, and not that there are no pods."""
    server = recorded()
    server.errors["/api"] = Forbidden("forbidden: user x", status=Status(code=403))
    with pytest.raises(Forbidden):
        await find_resource(server, "pods")


@pytest.mark.parametrize("body", [b"<html>", b"", b'{"kind": "Status"}', b"\xff\xfe", b"[]"])
async def test_what_is_no_discovery_document(body: bytes) -> None:
    """A login page, for one."""
    with pytest.raises(ProtocolError, match=r"^GET /api: the answer is not a discovery document$"):
        await discover(Recorded({"/api": body}))


async def test_unknown_resource() -> None:
    with pytest.raises(ConfigError, match=r"^the server has no resource 'podz'; did you mean pods\?$"):
        await find_resource(recorded(), "podz")
