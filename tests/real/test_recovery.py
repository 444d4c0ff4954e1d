"""Contract and recovery against a real kube-apiserver and a real etcd: `nox -s real`."""

from __future__ import annotations

import ssl
import uuid
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from itertools import pairwise
from typing import Any

import httpx
import pytest
import trio
from faults.book import Book
from real.control_plane import ControlPlane

from trio_k8swatch import (
    ApiClient,
    IndexedStore,
    ListOptions,
    ListStrategy,
    NameIndex,
    State,
    Store,
    WatchConfig,
    open_client,
    open_watch,
)
from trio_k8swatch._reflector.heartbeat import Heartbeat
from trio_k8swatch.connect import Connection, from_kubeconfig

pytestmark = pytest.mark.real

LIMIT_SECONDS = 300
LATER_LIMIT_SECONDS = 75.0
"""Between two bookmarks of one watch, as docs/explanation/recovery has it."""

PATH = "/api/v1/namespaces/{}/configmaps"


class Writer:
    """Writes ConfigMaps as another client would."""

    def __init__(self, http: httpx.AsyncClient, namespace: str) -> None:
        self._http = http
        self._path = PATH.format(namespace)
        self.namespace = namespace

    async def create(self, name: str, labels: dict[str, str] | None = None, **data: str) -> dict[str, Any]:
        body = {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": name, "labels": labels or {}},
            "data": data,
        }
        return self._json(await self._http.post(self._path, json=body))

    async def patch(self, name: str, change: dict[str, Any]) -> dict[str, Any]:
        headers = {"Content-Type": "application/merge-patch+json"}
        return self._json(await self._http.patch(f"{self._path}/{name}", json=change, headers=headers))

    async def delete(self, name: str) -> None:
        self._json(await self._http.delete(f"{self._path}/{name}"))

    async def versions(self) -> dict[str, str]:
        items = self._json(await self._http.get(self._path))["items"]
        return {item["metadata"]["uid"]: item["metadata"]["resourceVersion"] for item in items}

    def _json(self, answer: httpx.Response) -> dict[str, Any]:
        assert answer.is_success, answer.text
        return answer.json()


@asynccontextmanager
async def writer(plane: ControlPlane, namespace: str = "default") -> AsyncGenerator[Writer]:
    context = ssl.create_default_context(cafile=str(plane.folder / "ca.crt"))
    headers = {"Authorization": f"Bearer {plane.token}"}
    async with httpx.AsyncClient(base_url=plane.url, verify=context, headers=headers, trust_env=False) as http:
        yield Writer(http, namespace)


@asynccontextmanager
async def watch(
    client: ApiClient, book: Book, namespace: str = "default", **options: Any
) -> AsyncGenerator[Store[Any]]:
    list_options = options.pop("list_options", None)
    config = WatchConfig(**options)
    resource = client.resource("v1", "configmaps", namespace=namespace)
    async with open_watch(resource, handlers=book.handlers, config=config, list_options=list_options) as store:
        book.names = IndexedStore(store, NameIndex())
        yield store
        book.check(store)


async def settled(store: Store[Any], write: Writer) -> None:
    """Until the store is what the server has."""
    expected = await write.versions()
    while {o.metadata.uid: o.metadata.resource_version for o in store.items()} != expected or store.failing:
        await trio.sleep(0.05)
        expected = await write.versions()


@pytest.mark.parametrize("strategy", [ListStrategy.PAGES, ListStrategy.AUTO, ListStrategy.STREAM])
async def test_the_contract(plane: ControlPlane, strategy: ListStrategy) -> None:
    """Lists in pages or as a stream, adds, updates, final states and deletions, selectors, and waits for what was written."""
    with trio.fail_after(LIMIT_SECONDS):
        async with writer(plane) as write, open_client(from_kubeconfig(plane.kubeconfig)) as client:
            for n in range(7):
                await write.create(f"pre-{n}")
            book = Book()
            options = ListOptions(page_size=3)
            async with watch(client, book, list_strategy=strategy, list_options=options) as store:
                assert sum(name.startswith("pre-") for _, name in book.changes) == 7
                made = await write.create("a", text="\u0085 \u2028 東京")
                await store.at_least(made["metadata"]["resourceVersion"])
                held = store.get(made["metadata"]["uid"])
                assert held is not None
                assert held["data"] == made["data"]
                await write.patch("a", {"data": {"text": "new"}})
                await write.delete("a")
                await write.create("a")
                await settled(store, write)
                assert book.of("a") == ["add", "update", "update", "delete", "add"]
                await store.relist()
                await settled(store, write)


async def test_selectors(plane: ControlPlane) -> None:
    """An object that leaves the selector is deleted; it may come again."""
    with trio.fail_after(LIMIT_SECONDS):
        async with writer(plane) as write, open_client(from_kubeconfig(plane.kubeconfig)) as client:
            book = Book()
            async with watch(client, book, list_options=ListOptions(label_selector="app=web")) as store:
                await write.create("a", {"app": "web"})
                for app in ("db", "web"):
                    last = await write.patch("a", {"metadata": {"labels": {"app": app}}})
                await store.at_least(last["metadata"]["resourceVersion"])
                assert book.of("a") == ["add", "update", "delete", "add"]
                assert book.deletes("a") == [False]


async def test_the_api_server_is_killed_and_comes_back(plane: ControlPlane) -> None:
    """During the outage the store can be read and says how it is; after it, it is the server again."""
    with trio.fail_after(LIMIT_SECONDS):
        async with open_client(from_kubeconfig(plane.kubeconfig)) as client:
            book = Book()
            async with watch(client, book) as store:
                async with writer(plane) as write:
                    await write.create("a")
                    await settled(store, write)
                await plane.kill_apiserver()
                while not store.failing:
                    await trio.sleep(0.05)
                assert store.health.state is State.RECONNECTING
                assert any(o.metadata.name == "a" for o in store.items())
                await plane.start_apiserver()
                async with writer(plane) as write:
                    await write.delete("a")
                    await write.create("b")
                    await settled(store, write)
                assert book.of("a")[-1] == "delete"


async def test_etcd_is_compacted_in_an_outage(plane: ControlPlane) -> None:
    """History is lost while nobody watches: one list brings what was missed, deletions too."""
    with trio.fail_after(LIMIT_SECONDS):
        async with open_client(from_kubeconfig(plane.kubeconfig)) as client:
            book = Book()
            async with watch(client, book) as store:
                async with writer(plane) as write:
                    await write.create("a")
                    await write.create("b")
                    await settled(store, write)
                    await write.delete("a")
                    await write.create("a")
                    await write.patch("b", {"data": {"k": "v"}})
                await plane.kill_apiserver()
                await plane.compact()
                await plane.start_apiserver()
                async with writer(plane) as write:
                    await settled(store, write)
                assert book.of("a") == ["add", "update", "delete", "add"] or book.of("a") == ["add", "delete", "add"]


async def test_the_token_expires(plane: ControlPlane) -> None:
    """A server that restarts with another token: unauthorized is shown, and the new token in the file is picked up."""
    with trio.fail_after(LIMIT_SECONDS):
        async with open_client(from_kubeconfig(plane.kubeconfig)) as client:
            book = Book()
            async with watch(client, book) as store:
                old = plane.token
                await plane.kill_apiserver()
                plane.write_tokens("second-token")
                plane.token = "second-token"
                await plane.start_apiserver()
                while store.health.state is not State.UNAUTHORIZED:
                    await trio.sleep(0.05)
                assert (plane.folder / "token").read_text() == old
                plane.show_token("second-token")
                async with writer(plane) as write:
                    await write.create("a")
                    await settled(store, write)
                assert store.health.state is State.LIVE


async def test_bookmarks_are_a_heartbeat(plane: ControlPlane) -> None:
    """R18: an idle server confirms a quiet collection by bookmarks, and the default limits never take its silence for death.

    The first bookmark of a watch may be left out, so there is twice the time for it; the later ones are a minute apart.
    """
    limits = Heartbeat()
    with trio.fail_after(LIMIT_SECONDS):
        async with open_client(from_kubeconfig(plane.kubeconfig)) as client:
            async with watch(client, Book()) as store:
                began, marks = store.health.since, list[float]()
                while len(marks) < 3:
                    await trio.sleep(1)
                    health = store.health
                    assert (health.state, health.since, health.is_failing) == (State.LIVE, began, False), health
                    if health.last_bookmark_at not in {None, *marks[-1:]}:
                        marks.append(health.last_bookmark_at or 0.0)
                first, *gaps = [later - earlier for earlier, later in pairwise([began, *marks])]
                assert first < limits.first_limit
                assert max(gaps) < LATER_LIMIT_SECONDS
                store.require_fresh(5)


async def test_an_offered_cluster(offered: Connection) -> None:
    """The contract in a cluster that somebody offers, in a namespace that is made for it and deleted."""
    name = f"trio-k8swatch-{uuid.uuid4().hex[:8]}"
    with trio.fail_after(LIMIT_SECONDS):
        async with open_client(offered) as client:
            http = client._calls._http
            base = httpx.URL(offered.server)
            created = await http.post(base.join("/api/v1/namespaces"), json={"metadata": {"name": name}})
            assert created.is_success, created.text
            try:
                resource = client.resource("v1", "configmaps", namespace=name)
                async with open_watch(resource) as store:
                    body = {"metadata": {"name": "a"}}
                    made = (await http.post(base.join(PATH.format(name)), json=body)).json()
                    await store.at_least(made["metadata"]["resourceVersion"])
                    assert store.get(made["metadata"]["uid"]) is not None
            finally:
                with trio.CancelScope(shield=True, deadline=trio.current_time() + 30):
                    await http.delete(base.join(f"/api/v1/namespaces/{name}"))
