"""kubectl and the store, looking at the same API server, see the same."""

import json
import shutil
from functools import partial

import pytest
import trio

from trio_k8swatch import open_client, open_watch
from trio_k8swatch.testing import FakeApiServer

kubectl = shutil.which("kubectl")


def pod(name):
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": "default"},
        "spec": {"containers": [{"name": "main", "image": "nginx"}]},
    }


async def run_kubectl(url, *arguments):
    command = [kubectl, "--server", str(url), *arguments]
    return (await trio.run_process(command, capture_stdout=True)).stdout.decode()


@pytest.mark.skipif(kubectl is None, reason="kubectl is not on the PATH")
async def test_the_store_shows_what_kubectl_gets(tmp_path, monkeypatch):
    """After creations, an update and a deletion: the same objects, in the same state."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("KUBECONFIG", "")
    fake = FakeApiServer()
    with trio.fail_after(60):
        async with (
            fake.serve() as url,
            open_client(base_url=url) as client,
            open_watch(client.resource("v1", "pods")) as store,
        ):
            for name in ("a", "b", "c"):
                fake.create(pod(name))
            await run_kubectl(url, "label", "pod", "a", "color=red")
            await run_kubectl(url, "delete", "pod", "b", "--wait=false", "--grace-period=0", "--force")
            seen = json.loads(await run_kubectl(url, "get", "pods", "-A", "-o", "json", "--show-managed-fields"))
            await store.at_least(seen["metadata"].get("resourceVersion") or fake.resource_version)
            assert [obj.to_dict() for obj in store] == seen["items"]
            assert [obj.metadata.labels.get("color") for obj in store] == ["red", None]


@pytest.mark.skipif(kubectl is None, reason="kubectl is not on the PATH")
async def test_kubectl_watches_beside_us(tmp_path, monkeypatch):
    """`kubectl get pods -w` prints a line for each change that the handlers are told of."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("KUBECONFIG", "")
    fake = FakeApiServer()
    fake.create(pod("a"))
    command = [kubectl, "--server", "", "get", "pods", "-w", "-o", "name"]
    with trio.fail_after(60):
        async with fake.serve() as url, trio.open_nursery() as nursery:
            command[2] = str(url)
            process = await nursery.start(partial(trio.run_process, command, stdout=-1, check=False))
            seen = await process.stdout.receive_some()
            fake.create(pod("b"))
            while b"pod/b" not in seen:
                seen += await process.stdout.receive_some()
            process.terminate()
    assert seen.split() == [b"pod/a", b"pod/b"]
