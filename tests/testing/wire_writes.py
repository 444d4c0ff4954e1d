"""The recorded writes, repeated with one fake in the order in which they were made."""

from __future__ import annotations

import json
import re
from email.utils import parsedate_to_datetime

import trio
import trio.testing
from testing.wire_replay import Exchange, ask, case

from trio_k8swatch.testing import FakeApiServer

NAMESPACE = "wire-writes-67338"
CASES = [
    "write-create",
    "write-replace",
    "write-patch",
    "write-apply",
    "write-validation",
    "write-invalid",
    "write-delete",
    "write-pod-delete-events",
    "write-subresources",
    "write-custom",
    "write-events-and-reviews",
    "write-methods",
]
TIME = re.compile(r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")
UID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
CONTAINERS = {"containers": [{"name": "c", "image": "i"}]}


def exchanges() -> list[tuple[str, int, Exchange]]:
    return [(name, i, exchange) for name in CASES for i, exchange in enumerate(case(name))]


def replay():
    """Ask everything; the answers, by case and place."""
    return trio.run(_replay, clock=trio.testing.MockClock(autojump_threshold=0))


async def _replay():
    date = dict(exchanges()[0][2].response["headers"])["Date"]
    fake = FakeApiServer(epoch=parsedate_to_datetime(date), token="REDACTED")
    fake.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}})
    answers = {}
    for name, i, exchange in exchanges():
        await prepare(fake, name, i)
        imitate(fake, exchange)
        answers[name, i] = await ask(fake, exchange)
    fake.raise_failures()
    return answers


def imitate(fake, exchange):
    """Have the next object that is made get the name, the uid and the resourceVersion that were recorded."""
    body = exchange.body or b""
    uids = UID.findall(body.decode())
    fake._writer.admission.uid = (lambda: uids[0]) if uids else (lambda: "u")
    metadata = (
        (json.loads(body).get("metadata") or {})
        if body.startswith(b"{") and exchange.chunks == [] and b"\n{" not in body
        else {}
    )
    if "generateName" in metadata:
        fake._writer.admission._rng = Suffix(metadata["name"].removeprefix(metadata["generateName"]))
    elif refused := re.search(rb'"details":\{"name":"(a-[a-z0-9]{5})"', body):
        fake._writer.admission._rng = Suffix(refused[1].decode().removeprefix("a-"))
    version = metadata.get("resourceVersion")
    if (
        version
        and exchange.request["method"] != "GET"
        and int(version) > int(fake.resource_version)
        and "uid" in metadata
    ):
        # A pod without grace is marked and goes: two versions.
        steps = (
            2
            if exchange.request["method"] == "DELETE"
            and '"deletionGracePeriodSeconds":0' in body.decode()
            and metadata.get("generation") == 2
            and "finalizers" not in metadata
            else 1
        )
        fake.storage.resource_version = int(version) - steps


class Suffix:
    """Chooses the letters of a name that is known."""

    def __init__(self, letters):
        self.letters = list(letters)

    def choice(self, _):
        return self.letters.pop(0)


async def post(fake, path, obj):
    async with client(fake) as http:
        response = await http.post(path, json=obj)
        assert response.is_success, response.text
        return response.json()


def client(fake):
    from testing.fake_client import client_for

    return client_for(fake, headers={"Authorization": "Bearer REDACTED", "User-Agent": ""})


async def pod(fake, name, uid, version, node=None):
    """A pod as the recorder made them."""
    spec = {**CONTAINERS, **({"nodeName": node} if node else {})}
    fake._writer.admission.uid = lambda: uid
    fake.storage.resource_version = max(version - 1, int(fake.resource_version))
    made = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "labels": {"app": "w"}}, "spec": spec}
    await post(fake, f"/api/v1/namespaces/{NAMESPACE}/pods", made)


async def prepare(fake, name, i):  # noqa: PLR0912 - a table
    """What the recorder did between two requests that it recorded."""
    recorded = case(name)[i]
    uids = UID.findall((recorded.body or b"").decode())
    match name, i:
        case "write-delete", 0:
            fake._writer.admission.uid = lambda: case(name)[2].json["details"]["uid"]
            fake.storage.resource_version = 1570
            await post(
                fake, f"/api/v1/namespaces/{NAMESPACE}/configmaps", {"metadata": {"name": "x1"}, "data": {"a": "b"}}
            )
        case "write-delete", 11:
            await pod(fake, "p2", uids[0], 1579, node="n1")
        case "write-delete", 15:
            for number, uid in enumerate([uids[0], *UID.findall(case(name)[17].body.decode())]):
                fake._writer.admission.uid = lambda uid=uid: uid
                fake.storage.resource_version = 1583 + number
                metadata = {"name": f"coll-{number}", "labels": {"c": "y"}}
                await post(fake, f"/api/v1/namespaces/{NAMESPACE}/configmaps", {"metadata": metadata})
        case "write-delete", 16:
            fake.compact()
        case "write-delete", 19:
            fake.storage.resource_version = 1588
            fake._writer.admission.uid = lambda: uids[0]
            await post(fake, "/api/v1/namespaces", {"metadata": {"name": f"{NAMESPACE}-t"}})
            # Something that takes its time keeps it terminating.
            kept = {"name": "kept", "namespace": f"{NAMESPACE}-t", "finalizers": ["example.com/f"], "uid": "kept"}
            kept |= {
                "resourceVersion": "1590",
                "deletionTimestamp": "2026-11-27T08:15:38Z",
                "deletionGracePeriodSeconds": 0,
            }
            fake.load({"apiVersion": "v1", "kind": "ConfigMap", "metadata": kept})
        case "write-pod-delete-events", 0:
            await pod(fake, "w1", uids[0], 1594)
        case "write-pod-delete-events", 1:
            await pod(fake, "w2", uids[0], 1597, node="n1")
        case "write-subresources", 4:
            for number in (1, 2, 3):
                await pod(fake, f"e{number}", f"uid-of-e{number}", int(fake.resource_version) + 1)
                if number < 3:
                    fake.patch("pods", f"e{number}", {"status": {"phase": "Running"}}, namespace=NAMESPACE)
        case "write-subresources", 5:
            spec = {"minAvailable": 1, "selector": {"matchLabels": {"app": "w"}}}
            budget = {"apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "metadata": {"name": "b"}, "spec": spec}
            await post(fake, f"/apis/policy/v1/namespaces/{NAMESPACE}/poddisruptionbudgets", budget)
        case "write-subresources", 6:
            fake.storage["pods"].current[NAMESPACE, "e3"].object["metadata"]["uid"] = UID.findall(
                case(name)[8].body.decode()
            )[0]
            fake.storage.resource_version = 1611
        case "write-events-and-reviews", 0:
            # No event was written before: their history may begin wherever it did.
            fake.storage.resource_version = 1627
        case _:
            pass


def comparable(body: bytes):
    """A body as JSON, without times and what else no two servers have in common."""
    text = TIME.sub("TIME", body.decode())
    text = re.sub(r"10\.0\.\d+\.\d+", "ADDRESS", text)
    text = re.sub(r'"continue":"[^"]+"', '"continue":"TOKEN"', text)
    # Who a client is depends on its credentials.
    text = re.sub(r'"userInfo":.*?]', '"userInfo":{', text)
    if text.startswith('{"type"'):
        return [json.loads(line) for line in text.splitlines()]
    try:
        return json.loads(text)
    except ValueError:
        return text
