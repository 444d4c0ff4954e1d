"""Lists, selectors and watches over HTTP, beyond what was recorded."""

import json

import pytest
import trio
import trio.testing
from testing.fake_client import CONFIG_MAPS, PODS, client_for, listed, watching

from trio_k8swatch.testing import FakeApiServer
from trio_k8swatch.testing.builders import config_map, pod


@pytest.fixture
def fake():
    return FakeApiServer(seed=2)


@pytest.fixture
async def client(fake):
    async with client_for(fake) as client:
        yield client


@pytest.mark.parametrize(
    ("selector", "names"),
    [
        ("", "abcd"),
        ("app=web", "ab"),
        ("app==web,tier!=back", "a"),
        ("app in (web, api)", "abc"),
        ("app notin (web)", "cd"),
        ("tier", "bc"),
        ("!tier", "ad"),
        ("app!=web", "cd"),
        ("size>5", "c"),
        ("size<5", "b"),
        ("app=", ""),
        ("app in (,web)", "ab"),
    ],
)
async def test_label_selectors(fake, client, selector, names, autojump_clock):
    """All operators, with an absent label as Kubernetes sees it."""
    fake.create(config_map("a", labels={"app": "web", "tier.x": "1"}))
    fake.create(config_map("b", labels={"app": "web", "tier": "back", "size": "3"}))
    fake.create(config_map("c", labels={"app": "api", "tier": "back", "size": "30"}))
    fake.create(config_map("d", labels={"size": "big"}))

    assert "".join(await listed(client, labelSelector=selector)) == names


@pytest.mark.parametrize(
    ("selector", "words"),
    [
        ("a in b", "found 'b' expected: '('"),
        ("a in (b", "expected: ',' or ')'"),
        ("a,,b", "expected: identifier"),
        ("a,", "expected: identifier after ','"),
        ("a ~ b", "expected: in, notin, =, ==, !=, gt, lt"),
        ("a>x", "must be an integer"),
    ],
)
async def test_bad_label_selectors(client, selector, words, autojump_clock):
    """400 in the words of the parser."""
    response = await client.get(CONFIG_MAPS, params={"labelSelector": selector})

    assert response.status_code == 400
    assert words in response.json()["message"]


@pytest.mark.parametrize(
    ("selector", "names"),
    [
        ("spec.nodeName=n1", ["a"]),
        ("spec.nodeName=", ["c"]),
        ("spec.nodeName!=n1,status.phase=Running", ["b"]),
        ("metadata.name=b", ["b"]),
        ("metadata.namespace=default", ["a", "b", "c"]),
        ("spec.hostNetwork=false", ["a", "b", "c"]),
    ],
)
async def test_field_selectors(fake, client, selector, names, autojump_clock):
    """With the value that stands for an absent field."""
    fake.create(pod("a", node="n1"))
    fake.create(pod("b", node="n2"))
    fake.create(pod("c", phase="Pending"))

    assert await listed(client, PODS, fieldSelector=selector) == names


async def test_pages_are_one_consistent_state(fake, client, autojump_clock):
    """Whatever happens meanwhile, the later pages are of the time of the first."""
    for name in "abcdef":
        fake.create(config_map(name))
    first = (await client.get(CONFIG_MAPS, params={"limit": "2"})).json()
    fake.delete("configmaps", "d")
    fake.create(config_map("aa"))
    rest = {"limit": "10", "continue": first["metadata"]["continue"]}
    second = (await client.get(CONFIG_MAPS, params=rest)).json()

    assert first["metadata"]["remainingItemCount"] == 4
    assert [one["metadata"]["name"] for one in second["items"]] == list("cdef")
    assert second["metadata"]["resourceVersion"] == first["metadata"]["resourceVersion"]


async def test_tokens_expire_with_time(fake, client, autojump_clock):
    """After five minutes, if anything has changed since; the 410 brings one that goes on anyhow."""
    for name in "abc":
        fake.create(config_map(name))
    first = (await client.get(CONFIG_MAPS, params={"limit": "1"})).json()
    await trio.sleep(100)
    fake.create(config_map("bb"))
    await trio.sleep(301)
    late = await client.get(CONFIG_MAPS, params={"limit": "9", "continue": first["metadata"]["continue"]})
    again = {"limit": "9", "continue": late.json()["metadata"]["continue"]}

    assert late.status_code == 410
    rest = (await client.get(CONFIG_MAPS, params=again)).json()
    assert [one["metadata"]["name"] for one in rest["items"]] == ["b", "bb", "c"]


async def test_a_list_waits_for_a_version_that_is_about_to_come(fake, client, autojump_clock):
    """Up to three seconds; then it is 504."""
    wanted = str(int(fake.resource_version) + 1)
    fake.after(2, lambda: fake.create(config_map("a")))
    async with watching(client):
        start = trio.current_time()
        response = await client.get(CONFIG_MAPS, params={"resourceVersion": wanted})
        assert (response.status_code, trio.current_time() - start) == (200, 2)
        response = await client.get(CONFIG_MAPS, params={"resourceVersion": "99999"})
        assert (response.status_code, trio.current_time() - start) == (504, 5)


async def test_exact_is_exact(fake, client, autojump_clock):
    """Also with a limit and no match, as in old times."""
    fake.create(config_map("a"))
    version = fake.resource_version
    fake.create(config_map("b"))
    exact = {"resourceVersion": version, "resourceVersionMatch": "Exact"}

    assert await listed(client, **exact) == ["a"]
    first = (await client.get(CONFIG_MAPS, params={"resourceVersion": version, "limit": "5"})).json()
    assert first["metadata"]["resourceVersion"] == version
    assert await listed(client, resourceVersion=version) == ["a", "b"]


async def test_a_watch_over_all_namespaces_and_one_of_one_name(fake, client, autojump_clock):
    """Each sees what it asked for."""
    fake.create(config_map("seed", "shop"))
    async with (
        watching(client, "/api/v1/configmaps", resourceVersion=fake.resource_version) as everywhere,
        watching(client, resourceVersion=fake.resource_version, fieldSelector="metadata.name=b") as one,
    ):
        for name, namespace in (("a", "shop"), ("a", "default"), ("b", "default")):
            fake.create(config_map(name, namespace))
        await trio.testing.wait_all_tasks_blocked()

    assert everywhere.names == [("ADDED", "a"), ("ADDED", "a"), ("ADDED", "b")]
    assert one.names == [("ADDED", "b")]


async def test_a_streaming_list_without_its_list(fake, client, autojump_clock):
    """`sendInitialEvents=false` begins with what happens from now on."""
    fake.create(config_map("a"))
    params = {"sendInitialEvents": "false", "resourceVersionMatch": "NotOlderThan"}
    async with watching(client, **params) as watch:
        fake.create(config_map("b"))
        await trio.testing.wait_all_tasks_blocked()
    assert watch.names == [("ADDED", "b")]


async def test_a_compaction_takes_nothing_from_those_who_listen(fake, client, autojump_clock):
    """What happened before it is still delivered, even to a reader that has not run yet."""
    async with watching(client, resourceVersion=fake.resource_version) as watch:
        fake.create(config_map("a"))
        fake.compact()
        fake.create(config_map("b"))
        await trio.testing.wait_all_tasks_blocked()
    assert watch.names == [("ADDED", "a"), ("ADDED", "b")]


async def test_a_slow_reader_is_sent_away(fake, client, autojump_clock):
    """After what could be kept for it, with 410: what it missed it has to list."""
    from trio_k8swatch.testing._storage.watches import SLOW_READER_EVENTS

    params = {"watch": "true", "resourceVersion": fake.resource_version}
    async with client.stream("GET", CONFIG_MAPS, params=params) as response:
        fake.create(config_map("a"))
        for number in range(SLOW_READER_EVENTS + 5):
            fake.patch("configmaps", "a", {"data": {"n": str(number)}})
        *lines, last = [json.loads(line) async for line in response.aiter_lines()]

    assert len(lines) == SLOW_READER_EVENTS
    assert lines[-1]["object"]["data"] == {"n": str(SLOW_READER_EVENTS - 2)}
    assert (last["type"], last["object"]["code"], last["object"]["reason"]) == ("ERROR", 410, "Expired")


async def test_a_watch_without_a_time_limit_lasts_half_an_hour_to_an_hour(fake, client, autojump_clock):
    """Random, but the same each time."""
    async with watching(client) as watch:
        await trio.sleep(4000)
    assert 1800 <= watch.ended <= 3600


async def test_closing_a_response_that_was_never_read(fake, client, autojump_clock):
    """Leaves nothing behind."""
    async with client.stream("GET", CONFIG_MAPS, params={"watch": "true"}):
        assert len(fake.open_calls) == 1
    assert fake.open_calls == []


async def test_partial_metadata_of_one_object(fake, client, autojump_clock):
    """In every view that lists have."""
    fake.create(config_map("a", k="v"))
    accept = {"Accept": "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1"}

    body = (await client.get(f"{CONFIG_MAPS}/a", headers=accept)).json()

    assert (body["kind"], "data" in body) == ("PartialObjectMetadata", False)


@pytest.mark.parametrize("form", ["Table", "PartialObjectMetadataList"])
async def test_forms_in_the_version_of_old(client, form, autojump_clock):
    """As long as clients ask for it."""
    accept = f"application/json;as={form};v=v1beta1;g=meta.k8s.io"
    body = (await client.get(CONFIG_MAPS, headers={"Accept": accept})).json()
    assert (body["kind"], body["apiVersion"]) == (form, "meta.k8s.io/v1beta1")


@pytest.mark.parametrize(
    ("encodings", "gzipped"),
    [("gzip", True), ("deflate, gzip", True), ("gzip;q=0", False), ("gzip;q=0.5", False), ("*", False)],
)
async def test_one_large_object_is_gzipped_like_a_list(fake, client, encodings, gzipped, autojump_clock):
    """For who says gzip, and nothing about it: whoever adds a weight is not understood."""
    fake.create(config_map("large", text="x" * 200_000))
    for path in (CONFIG_MAPS, f"{CONFIG_MAPS}/large"):
        response = await client.get(path, headers={"Accept-Encoding": encodings})
        assert (response.headers.get("Content-Encoding") == "gzip") is gzipped


@pytest.mark.parametrize("accept", ["application/yaml", "application/vnd.kubernetes.protobuf"])
async def test_forms_that_are_not_imitated(client, accept, autojump_clock):
    """501; and JSON where it is taken too."""
    assert (await client.get(CONFIG_MAPS, headers={"Accept": accept})).status_code == 501
    assert (await client.get(CONFIG_MAPS, headers={"Accept": f"{accept},*/*"})).status_code == 200
