"""Laws that hold whatever happens: what a client may rely on."""

import json

import pytest
import trio
import trio.testing
from hypothesis import given, settings
from hypothesis import strategies as st
from testing.fake_client import CONFIG_MAPS, client_for

from trio_k8swatch.testing import FakeApiServer
from trio_k8swatch.testing._http.response_steps import CHUNK_BYTES, chunks
from trio_k8swatch.testing.builders import config_map

NAMES = st.sampled_from("abcd")
COLORS = st.sampled_from(["red", "blue"])
OPERATIONS = st.lists(st.tuples(st.sampled_from(["put", "put", "delete"]), NAMES, COLORS), max_size=25)


def carry_out(fake, operations):
    """Each operation that makes sense; returns the resourceVersions in between."""
    versions = [int(fake.resource_version)]
    for kind, name, color in operations:
        exists = fake.get("configmaps", name) is not None
        labels = {"metadata": {"labels": {"color": color}}}
        if kind == "delete" and exists:
            fake.delete("configmaps", name)
        elif kind == "put" and exists:
            fake.patch("configmaps", name, {**labels, "data": {"n": str(len(versions))}})
        elif kind == "put":
            fake.create(config_map(name, labels={"color": color}))
        versions.append(int(fake.resource_version))
    return versions


def in_virtual_time(function, *arguments):
    return trio.run(function, *arguments, clock=trio.testing.MockClock(autojump_threshold=0))


def state_of(items):
    return {one["metadata"]["uid"]: one["metadata"]["resourceVersion"] for one in items}


async def read(client, **params):
    return (await client.get(CONFIG_MAPS, params=params)).json()


async def folded(client, state, **params):
    """What a client knows that begins with `state` and believes the events."""
    response = await client.get(CONFIG_MAPS, params={"watch": "true", "timeoutSeconds": "1", **params})
    for line in response.text.splitlines():
        event = json.loads(line)
        metadata = event["object"]["metadata"]
        if event["type"] == "DELETED":
            del state[metadata["uid"]]
        else:
            assert (event["type"] == "ADDED") == (metadata["uid"] not in state)
            state[metadata["uid"]] = metadata["resourceVersion"]
    return state


@settings(max_examples=40, deadline=None)
@given(OPERATIONS, st.integers(0, 25), st.sampled_from(["", "color=red", "color!=red"]))
def test_a_list_and_the_events_after_it_make_the_next_list(operations, index, selector):
    """From every version, with and without a selector."""

    async def check():
        fake = FakeApiServer()
        versions = carry_out(fake, operations)
        version = str(versions[min(index, len(versions) - 1)])
        async with client_for(fake) as client:
            chosen = {"labelSelector": selector}
            then = await read(client, resourceVersion=version, resourceVersionMatch="Exact", **chosen)
            now = await read(client, **chosen)
            state = state_of(then["items"])
            assert await folded(client, state, resourceVersion=version, **chosen) == state_of(now["items"])

    in_virtual_time(check)


@settings(max_examples=25, deadline=None)
@given(OPERATIONS, st.integers(1, 4))
def test_pages_together_are_the_whole(operations, limit):
    """Whatever happens between them."""

    async def check():
        fake = FakeApiServer()
        carry_out(fake, operations)
        async with client_for(fake) as client:
            whole = state_of((await read(client))["items"])
            pages, token = {}, ""
            while True:
                page = await read(client, limit=limit, **({"continue": token} if token else {}))
                pages |= state_of(page["items"])
                token = page["metadata"].get("continue", "")
                if not token:
                    break
                carry_out(fake, [("put", "a", "red"), ("delete", "b", "red")])
            assert pages == whole

    in_virtual_time(check)


@given(OPERATIONS, st.integers(0, 25))
@settings(max_examples=40, deadline=None)
def test_a_roll_back_is_as_if_nothing_had_happened(operations, index):
    """Objects, versions, and what may be done next."""
    fake, other = FakeApiServer(), FakeApiServer()
    index = min(index, len(operations))
    carry_out(fake, operations)
    carry_out(other, operations[:index])
    fake.faults.roll_back(to=other.resource_version)

    assert fake.objects("configmaps") == other.objects("configmaps")
    assert fake.resource_version == other.resource_version


@given(st.lists(st.binary(max_size=6000), max_size=12))
def test_chunks_are_those_of_a_buffered_writer(writes):
    """Nothing is lost; a chunk is full, or the last of a flush, or a write too large for the buffer."""
    pieces = chunks(writes)

    assert b"".join(pieces) == b"".join(writes)
    assert all(pieces)
    assert all(len(piece) >= CHUNK_BYTES for piece in pieces[:-1])


def test_two_servers_with_one_seed_are_alike():
    """Byte for byte, ids and all."""

    async def story(seed):
        fake = FakeApiServer(seed=seed)
        async with client_for(fake) as client:
            made = await client.post(CONFIG_MAPS, json={"metadata": {"generateName": "x-"}})
            listing = await client.get(CONFIG_MAPS)
        return made.content, dict(listing.headers), listing.content

    assert in_virtual_time(story, 4) == in_virtual_time(story, 4)
    assert in_virtual_time(story, 4) != in_virtual_time(story, 5)


@pytest.mark.parametrize("size", [1, 2047, 2048, 2049, 99_797])
def test_one_write_is_one_chunk(size):
    """Whatever its size: so is a live event."""
    assert chunks([b"x" * size]) == [b"x" * size]
