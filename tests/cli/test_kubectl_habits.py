"""What people type for kubectl means the same here, and shows the same rows: forty invocations, side by side."""

from __future__ import annotations

import json
import re
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import trio
import yaml
from cli.process import environment
from cli.test_kubectl import CRD

from trio_k8swatch.testing import FakeApiServer

KUBECTL = shutil.which("kubectl")
pytestmark = pytest.mark.skipif(KUBECTL is None, reason="there is no kubectl on the PATH")

CONTAINERS = [{"name": "main", "image": "nginx:1"}, {"name": "log", "image": "log:2"}]


def obj(api_version: str, kind: str, name: str, namespace: str = "", **more: Any) -> dict[str, Any]:
    labels = more.pop("labels", None)
    metadata = {
        "name": name,
        **({"namespace": namespace} if namespace else {}),
        **({"labels": labels} if labels else {}),
    }
    return {"apiVersion": api_version, "kind": kind, "metadata": metadata, **more}


TEMPLATE = {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": CONTAINERS}}
OBJECTS = [
    obj("v1", "Namespace", "shop"),
    obj("v1", "Node", "node-1", labels={"zone": "a"}),
    obj("v1", "Pod", "web-0", "shop", labels={"app": "web", "x.io/tier": "front"}, spec={"containers": CONTAINERS, "nodeName": "node-1"}),
    obj("v1", "Pod", "web-1", "shop", labels={"app": "web"}, spec={"containers": CONTAINERS}),
    obj("v1", "Pod", "job", "shop", spec={"containers": CONTAINERS[:1], "restartPolicy": "Never"}),
    obj("v1", "Pod", "other", "default", spec={"containers": CONTAINERS[:1]}),
    obj("v1", "Service", "web", "shop", labels={"app": "web"}, spec={"ports": [{"port": 80}], "selector": {"app": "web"}, "clusterIP": "10.0.0.77"}),
    obj("v1", "ConfigMap", "settings", "shop", data={"colour": "red", "text": "a\nb: c"}),
    obj("apps/v1", "Deployment", "web", "shop", spec={"replicas": 2, "selector": {"matchLabels": {"app": "web"}}, "template": TEMPLATE}),
    CRD,
]  # fmt: skip
CRONTAB = obj("stable.example.com/v1", "CronTab", "nightly", "shop", spec={"cronSpec": "0 3 * * *", "replicas": 2, "secret": "x"})  # fmt: skip

# What follows `kubectl get` and `trio-k8swatch watch`, and how many objects that are. With -w kubectl ends after a second.
GET = [
    ("pods -n shop", 3),
    ("po -n shop", 3),
    ("pod -n shop", 3),
    ("Pods -n shop", 3),
    ("pods.v1. -n shop", 3),
    ("pods -A", 4),
    ("pods --all-namespaces -o wide", 4),
    ("pods -n shop -o wide", 3),
    ("pods -n shop -l app=web", 2),
    ("pods -n shop -l app!=web", 1),
    ("pods -n shop --selector=app=web --show-labels", 2),
    ("pods -n shop --field-selector spec.nodeName=node-1", 1),
    ("pods -n shop --field-selector=status.phase=Pending,spec.nodeName=node-1 -o name", 1),
    ("pods -n shop --show-labels", 3),
    ("pods -n shop --show-labels --no-headers", 3),
    ("pods -n shop --no-headers", 3),
    ("pods -n shop -L app", 3),
    ("pods -n shop -L app,x.io/tier -o wide", 3),
    ("pods -n shop -L app -L x.io/tier --show-labels", 3),
    ("pods web-0 -n shop", 1),
    ("pods web-1 web-0 -n shop", 2),
    ("pod/web-0 -n shop", 1),
    ("pods/web-0 pods/job -n shop -o wide", 2),
    ("pod/web-0 svc/web -n shop", 2),
    ("pods,services -n shop", 4),
    ("svc,deploy,cm -n shop", 3),
    ("deploy/web -n shop", 1),
    ("deployments.apps web -n shop -o wide", 1),
    ("deployments.v1.apps -n shop -o name", 1),
    ("pods,deploy -n shop -o name", 4),
    ("nodes", 1),
    ("no node-1 -L zone", 1),
    ("nodes -A", 1),
    ("ct -n shop", 1),
    ("crontabs.stable.example.com -n shop -o wide", 1),
    ("pods web-0 -n shop -o yaml", 1),
    ("cm settings -n shop -o yaml", 1),
    ("pod web-0 -n shop -o jsonpath={.metadata.name}", 1),
    ("pod web-0 -n shop -o jsonpath={range.spec.containers[*]}{.name}={.image},{end}", 1),
    ("pod web-0 -n shop -o jsonpath={.metadata.labels.x\\.io/tier}{'\\n'}{..image}", 1),
    ("pod web-0 -n shop -o jsonpath={.spec.containers[?(@.name=='log')].image}", 1),
    ("pod web-0 -n shop -o jsonpath={.spec.containers[-1:].name}", 1),
    ("pod web-0 -n shop -o jsonpath={.metadata.labels}", 1),
]
WATCH = [
    ("pods -n shop -w", 3),
    ("pods -n shop -w -o name", 3),
    ("pods -n shop -w -o jsonpath={.metadata.name}:{.spec.nodeName}\\n", 3),
    ("pods -n shop -w --output-watch-events", 3),
    ("pods -A --watch --output-watch-events --show-labels", 4),
    ("pods -n shop -w -o yaml", 3),
    ("pods -n shop --watch-only", 0),
]
REFUSED = [
    "pods nobody -n shop",
    "pods -A web-0",
    "pods web-0 -n shop -l app=web",
    "pods/web-0 job -n shop",
    "nothing",
    "pods -n shop -o nothing",
    "pods -n shop -l a=b=c",
]


async def kubectl(server: Sequence[str], home: Path, arguments: str) -> tuple[int, str]:
    assert KUBECTL is not None
    command = [KUBECTL, *server, "get", *arguments.split()]
    done = await trio.run_process(command, capture_stdout=True, capture_stderr=True, check=False, env=environment(home))
    return done.returncode, done.stdout.decode()


async def ours(server: Sequence[str], home: Path, invocations: Sequence[list[str]]) -> list[tuple[int, str, str]]:
    command = [sys.executable, str(Path(__file__).with_name("many.py"))]
    given = json.dumps([["watch", *server, *arguments] for arguments in invocations]).encode()
    done = await trio.run_process(command, stdin=given, capture_stdout=True, env=environment(home))
    return [tuple(result) for result in json.loads(done.stdout)]


def comparable(arguments: str, text: str) -> object:
    """The text with every age written alike, as wide as it was; YAML as what it says."""
    if "-o yaml" in arguments:
        return list(yaml.safe_load_all(text))
    return re.sub(
        r"(?<!\S)(\d+m)?\d+s(?= |$) *",
        lambda age: "AGE".ljust(len(age[0])) if " " in age[0] else "AGE",
        text,
        flags=re.MULTILINE,
    )


async def compare(server: Sequence[str], home: Path) -> None:
    theirs: dict[str, tuple[int, str]] = {}
    limiter = trio.CapacityLimiter(4)

    async def ask(arguments: str, more: str = "") -> None:
        async with limiter:
            theirs[arguments] = await kubectl(server, home, arguments + more)

    async with trio.open_nursery() as nursery:
        for arguments, _ in GET:
            nursery.start_soon(ask, arguments)
        for arguments, _ in WATCH:
            nursery.start_soon(ask, arguments, " --request-timeout=2s")
        for arguments in REFUSED:
            nursery.start_soon(ask, arguments)
    rows = [*GET, *WATCH]
    enough = [["--max-events", str(count)] if count else ["--request-timeout=1s"] for _, count in rows]
    asked = [[*arguments.split(), *more] for (arguments, _), more in zip(rows, enough, strict=True)]
    seen = await ours(server, home, [*asked, *(arguments.split() for arguments in REFUSED)])
    for (arguments, _), (status, out, err) in zip(rows, seen, strict=False):
        expected = theirs[arguments]
        assert (status, err) == (0, ""), arguments
        assert expected[0] == 0, arguments
        assert comparable(arguments, out) == comparable(arguments, expected[1]), arguments
    for arguments, (status, out, err) in zip(REFUSED, seen[len(rows) :], strict=True):
        assert theirs[arguments][0] == 1, arguments
        assert (status in {1, 2}, out, err.count("\n")) == (True, "", 1), arguments


def test_there_are_forty() -> None:
    """And none is there twice."""
    assert len({arguments for arguments, _ in [*GET, *WATCH]}) >= 40


async def test_forty_invocations_show_what_kubectl_shows(tmp_path: Path) -> None:
    """Against the fake: rows, columns, their widths, documents, templates; what kubectl refuses is refused."""
    fake = FakeApiServer()
    for one in OBJECTS:
        fake.create(one)
    fake.create(CRONTAB)
    with trio.fail_after(120):
        async with fake.serve() as url:
            await compare(["--server", str(url)], tmp_path)
