"""A client that nobody here wrote: kubectl against the fake's socket."""

import json
import shutil
import subprocess
from datetime import UTC, datetime

import pytest
import trio

from trio_k8swatch.testing import FakeApiServer

KUBECTL = shutil.which("kubectl")
pytestmark = pytest.mark.skipif(KUBECTL is None, reason="there is no kubectl on the PATH")

CONFIG_MAP = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "conf"}, "data": {"a": "1"}}
DEPLOYMENT = {
    "apiVersion": "apps/v1",
    "kind": "Deployment",
    "metadata": {"name": "web"},
    "spec": {
        "replicas": 2,
        "selector": {"matchLabels": {"app": "web"}},
        "template": {
            "metadata": {"labels": {"app": "web"}},
            "spec": {"containers": [{"name": "a", "image": "nginx"}, {"name": "b", "image": "proxy"}]},
        },
    },
}
CRD = {
    "apiVersion": "apiextensions.k8s.io/v1",
    "kind": "CustomResourceDefinition",
    "metadata": {"name": "crontabs.stable.example.com"},
    "spec": {
        "group": "stable.example.com",
        "scope": "Namespaced",
        "names": {"plural": "crontabs", "singular": "crontab", "kind": "CronTab", "shortNames": ["ct"]},
        "versions": [
            {
                "name": "v1",
                "served": True,
                "storage": True,
                "schema": {
                    "openAPIV3Schema": {
                        "type": "object",
                        "properties": {"spec": {"type": "object", "properties": {"cron": {"type": "string"}}}},
                    }
                },
                "additionalPrinterColumns": [{"name": "Cron", "type": "string", "jsonPath": ".spec.cron"}],
            }
        ],
    },
}


def pod(name):
    spec = {"nodeName": "node-a", "containers": [{"name": "a", "image": "nginx"}]}
    head = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}}
    return {**head, "spec": spec, "status": {"phase": "Running"}}


class Kubectl:
    def __init__(self, url, home):
        self.command = [KUBECTL, "--server", url]
        self.env = {"HOME": str(home), "PATH": "/usr/bin:/bin"}

    async def __call__(self, *arguments, stdin=None, check=True):
        data = (stdin if isinstance(stdin, str) else json.dumps(stdin)).encode()
        done = await trio.run_process(
            [*self.command, *arguments], stdin=data, capture_stdout=True, capture_stderr=True, check=False, env=self.env
        )
        assert not check or done.returncode == 0, done.stderr.decode()
        return (done.stdout + (b"" if check else done.stderr)).decode()


@pytest.fixture
def fake():
    return FakeApiServer(epoch=datetime.now(UTC), kubelet_seconds=0.05)


@pytest.fixture
async def kubectl(fake, tmp_path):
    with trio.fail_after(30):
        async with fake.serve() as url:
            yield Kubectl(url, tmp_path)


async def test_get_shows_a_table(fake, kubectl):
    """With the columns and cells that the server makes."""
    fake.create(pod("web-0"))

    lines = (await kubectl("get", "pods", "-o", "wide")).splitlines()

    assert lines[0].split() == [
        "NAME",
        "READY",
        "STATUS",
        "RESTARTS",
        "AGE",
        "IP",
        "NODE",
        "NOMINATED",
        "NODE",
        "READINESS",
        "GATES",
    ]
    assert lines[1].split()[:4] == ["web-0", "0/1", "Running", "0"]


async def test_get_watch_follows(fake, kubectl):
    """`get -w` prints each change as it happens."""
    fake.create(pod("web-0"))
    process = await trio.lowlevel.open_process(
        [*kubectl.command, "get", "pods", "-w", "--no-headers"], stdout=subprocess.PIPE, env=kubectl.env
    )
    try:
        seen = (await process.stdout.receive_some()).decode()
        fake.create(pod("web-1"))
        while seen.count("\n") < 2:
            seen += (await process.stdout.receive_some()).decode()
    finally:
        process.kill()
        await process.wait()
        await process.stdout.aclose()
    assert [line.split()[0] for line in seen.splitlines()] == ["web-0", "web-1"]


async def test_apply_creates_configures_and_leaves_alone(fake, kubectl):
    """Client-side apply: three-way merges by strategic merge patch."""
    both = json.dumps(CONFIG_MAP) + json.dumps(DEPLOYMENT)
    changed = both.replace('"nginx"', '"nginx:2"')

    first = await kubectl("apply", "-f", "-", stdin=both)
    second = await kubectl("apply", "-f", "-", stdin=changed)

    assert first.split("\n")[:2] == ["configmap/conf created", "deployment.apps/web created"]
    assert second.split("\n")[:2] == ["configmap/conf unchanged", "deployment.apps/web configured"]
    containers = fake.get("deployments", "web")["spec"]["template"]["spec"]["containers"]
    assert [(one["name"], one["image"]) for one in containers] == [("a", "nginx:2"), ("b", "proxy")]


async def test_server_side_apply_removes_what_is_applied_no_more(fake, kubectl):
    """The fields of this manager, and no others."""
    await kubectl("apply", "--server-side", "-f", "-", stdin={**CONFIG_MAP, "data": {"a": "1", "b": "2"}})
    fake.patch("configmaps", "conf", {"data": {"other": "3"}})

    await kubectl("apply", "--server-side", "-f", "-", stdin={**CONFIG_MAP, "data": {"a": "1"}})

    assert fake.get("configmaps", "conf")["data"] == {"a": "1", "other": "3"}


async def test_label_annotate_patch_scale(fake, kubectl):
    """The small writes."""
    fake.create(DEPLOYMENT)

    await kubectl("label", "deployment", "web", "tier=front")
    await kubectl("annotate", "deployment", "web", "note=x")
    await kubectl("patch", "deployment", "web", "-p", '{"spec":{"paused":true}}')
    await kubectl("scale", "deployment", "web", "--replicas=7")

    web = fake.get("deployments", "web")
    assert web["metadata"]["labels"] == {"tier": "front"}
    assert web["metadata"]["annotations"] == {"note": "x"}
    assert web["spec"]["paused"] is True
    assert web["spec"]["replicas"] == 7


async def test_delete_waits_until_the_pod_has_stopped(fake, kubectl):
    """The pod is marked first, and gone when the kubelet has stopped it."""
    fake.create(pod("web-0"))

    out = await kubectl("delete", "pod", "web-0")

    assert out.startswith('pod "web-0" deleted')
    assert fake.objects("pods") == []


async def test_wait_for_a_condition(fake, kubectl):
    """`wait` returns when the condition is met."""
    fake.create(pod("web-0"))
    async with trio.open_nursery() as nursery:
        nursery.start_soon(kubectl, "wait", "pod/web-0", "--for=condition=Ready", "--timeout=20s")
        await trio.sleep(0.3)
        fake.patch("pods", "web-0", {"status": {"conditions": [{"type": "Ready", "status": "True"}]}})


async def test_api_resources_and_raw(fake, kubectl):
    """Discovery, and a path as it is."""
    names = await kubectl("api-resources", "-o", "name")
    raw = json.loads(await kubectl("get", "--raw", "/api/v1/namespaces"))

    assert {"pods", "deployments.apps", "leases.coordination.k8s.io"} <= set(names.split())
    assert raw["items"][0]["metadata"]["name"] == "default"


async def test_a_custom_resource_from_its_definition(fake, kubectl):
    """Define, wait until it is established, create, list with its own columns."""
    await kubectl("apply", "-f", "-", stdin=CRD)
    await kubectl("wait", "crd/crontabs.stable.example.com", "--for=condition=Established", "--timeout=10s")
    tab = {"apiVersion": "stable.example.com/v1", "kind": "CronTab", "metadata": {"name": "one"}}
    unknown = {**tab, "spec": {"cron": "0 * * * *", "unknown": 1}}
    assert 'unknown field "spec.unknown"' in await kubectl("apply", "-f", "-", stdin=unknown, check=False)
    await kubectl("apply", "-f", "-", "--validate=ignore", stdin=unknown)

    lines = (await kubectl("get", "ct")).splitlines()

    assert lines[0].split() == ["NAME", "CRON"]
    assert lines[1].split()[:3] == ["one", "0", "*"]


async def test_a_namespace_goes_with_all_that_is_in_it(fake, kubectl):
    """`delete namespace` waits until it is empty and gone."""
    fake.create({**CONFIG_MAP, "metadata": {"name": "conf", "namespace": "shop"}})
    fake.create({**pod("web-0"), "metadata": {"name": "web-0", "namespace": "shop"}})

    await kubectl("delete", "namespace", "shop")

    assert fake.get("namespaces", "shop") is None
    assert fake.objects("pods") == []


async def test_what_is_not_imitated_is_refused_with_the_reason(fake, kubectl):
    """Not with a plausible lie."""
    fake.create(pod("web-0"))

    out = await kubectl("logs", "web-0", check=False)

    assert "does not imitate the subresource pods/log" in out
    out = await kubectl("create", "namespace", "shop", check=False)
    assert "kubectl … --dry-run=client -o json | kubectl create -f -" in out


async def test_whoever_asks_may_do_everything(kubectl):
    """kubectl asks in protobuf, which nobody here reads: the answer is the same."""
    assert "yes" in await kubectl("auth", "can-i", "create", "pods")
    assert "kubernetes-admin" in await kubectl("auth", "whoami")


async def test_tls_and_token(tmp_path):
    """The same over TLS, for those who know the token."""
    fake = FakeApiServer(token="secret")
    with trio.fail_after(20):
        async with fake.serve(tls=True) as url:
            (tmp_path / "ca.pem").write_text(url.ca)
            kubectl = Kubectl(url, tmp_path)
            kubectl.command += ["--certificate-authority", str(tmp_path / "ca.pem")]
            assert "secret" not in repr(fake.requests)

            assert "must be logged in" in await kubectl("get", "pods", "--token=wrong", check=False)
            assert await kubectl("get", "ns", "-o", "name", "--token=secret") == "".join(
                f"namespace/{name}\n" for name in ("default", "kube-node-lease", "kube-public", "kube-system")
            )
