"""Pages: put together they are the list, whatever happens meanwhile, and none costs more than what is on it."""

from __future__ import annotations

import json
from collections.abc import Iterator

import httpx
import trio
from hypothesis import given
from hypothesis import strategies as st

from trio_k8swatch.testing import FakeApiServer
from trio_k8swatch.testing._storage.collection import Collection
from trio_k8swatch.testing._storage.snapshots import KEPT_SNAPSHOTS, Snapshots
from trio_k8swatch.testing.builders import config_map

# "-" sorts before "/" and "0" after it: neighbours of a namespace that a careless range would take in.
NAMESPACES = ("a", "a-b", "a0", "b")
keys = st.tuples(st.sampled_from(NAMESPACES), st.sampled_from("vwxyz"))


@st.composite
def histories(draw: st.DrawFn) -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
    """Objects to begin with, and objects that come or go while the pages are read."""
    return draw(st.lists(keys, unique=True, max_size=12)), draw(st.lists(keys, max_size=8))


def client(fake: FakeApiServer) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=fake.transport(), base_url="http://fake")


def names(answer: httpx.Response) -> list[str]:
    return ["/".join((one["metadata"]["namespace"], one["metadata"]["name"])) for one in answer.json()["items"]]


def toggles(fake: FakeApiServer, chosen: list[tuple[str, str]]) -> Iterator[None]:
    for namespace, name in chosen:
        if fake.get("configmaps", name, namespace=namespace) is None:
            fake.create(config_map(name, namespace))
        else:
            fake.delete("configmaps", name, namespace=namespace)
        yield


@given(histories(), st.sampled_from(("", "namespaces/a/", "namespaces/a-b/")), st.integers(1, 4))
def test_pages_together_are_the_list_as_it_was(
    history: tuple[list[tuple[str, str]], list[tuple[str, str]]], where: str, limit: int
) -> None:
    """Objects that come and go between two pages are none of the list's business; what remains is counted."""
    first, later = history

    async def read() -> None:
        fake = FakeApiServer()
        for _ in toggles(fake, first):
            pass
        changes = toggles(fake, later)
        async with client(fake) as http:
            path = f"/api/v1/{where}configmaps"
            whole = names(await http.get(path))
            found: list[str] = []
            token = ""
            while True:
                page = await http.get(path, params={"limit": str(limit), "continue": token})
                found += names(page)
                token = page.json()["metadata"].get("continue", "")
                assert page.json()["metadata"].get("remainingItemCount", 0) == len(whole) - len(found)
                if not token:
                    break
                next(changes, None)
            assert found == whole == sorted(whole)

    trio.run(read)


async def test_all_pages_of_a_list_share_one_snapshot() -> None:
    """Nothing is sorted again for the second page, and a change elsewhere makes no new one either."""
    fake = FakeApiServer()
    for number in range(6):
        fake.create(config_map(f"cm-{number}"))
    storage = fake.storage
    collection = storage["configmaps"]
    version = storage.resource_version
    snapshot = storage.snapshots.at("configmaps", collection, version)
    fake.create({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "elsewhere"}})

    assert storage.snapshots.at("configmaps", collection, version) is snapshot
    assert storage.snapshots.at("configmaps", collection, storage.resource_version) is snapshot
    fake.create(config_map("cm-6"))
    assert storage.snapshots.at("configmaps", collection, version) is snapshot
    assert storage.snapshots.at("configmaps", collection, storage.resource_version) is not snapshot


def test_only_a_few_snapshots_are_kept() -> None:
    """Lists of many moments do not fill the memory."""
    snapshots = Snapshots()
    made = [snapshots.at("x", Collection(10, floor), floor) for floor in range(KEPT_SNAPSHOTS + 1)]

    assert snapshots.at("x", Collection(10, KEPT_SNAPSHOTS), KEPT_SNAPSHOTS) is made[-1]
    assert snapshots.at("x", Collection(10, 0), 0) is not made[0]


async def test_what_is_rolled_back_or_loaded_is_seen_at_the_same_version() -> None:
    """Neither is part of the history, so the version alone would not tell."""
    fake = FakeApiServer()
    fake.create(config_map("one"))
    before = fake.storage.resource_version
    async with client(fake) as http:
        fake.create(config_map("two"))
        assert names(await http.get("/api/v1/configmaps")) == ["default/one", "default/two"]
        fake.storage.roll_back(before)
        fake.create(config_map("other"))
        assert names(await http.get("/api/v1/configmaps")) == ["default/one", "default/other"]
        old = config_map("zero", "default")
        fake.load({**old, "metadata": {**old["metadata"], "uid": "u", "resourceVersion": "1"}})
        assert names(await http.get("/api/v1/configmaps")) == ["default/one", "default/other", "default/zero"]


async def test_a_dump_may_have_its_fields_in_any_order() -> None:
    """kubectl writes apiVersion first, where the server's lists begin with the kind."""
    fake = FakeApiServer()
    fake.load(json.loads('{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"a","namespace":"default"}}'))
    async with client(fake) as http:
        assert names(await http.get("/api/v1/configmaps")) == ["default/a"]
