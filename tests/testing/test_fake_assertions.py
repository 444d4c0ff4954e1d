"""Assertions that tell what happened, not only that something did not."""

import pytest
import trio
from testing.fake_client import CONFIG_MAPS, client_for, watching

from trio_k8swatch.testing.assertions import assert_calls, assert_nothing_open, assert_paced, assert_same_objects
from trio_k8swatch.testing.builders import config_map


async def test_calls(fake_apiserver, autojump_clock):
    """How often in how long, and each call with its time."""
    async with client_for(fake_apiserver) as client:
        for _ in range(7):
            await client.get(CONFIG_MAPS)
            await trio.sleep(0.5)

    assert len(assert_calls(fake_apiserver, "list", "configmaps", times=7)) == 7
    assert_calls(fake_apiserver, "list", at_least=1, since=3)
    with pytest.raises(AssertionError) as caught:
        assert_calls(fake_apiserver, "list", "configmaps", at_most=2)
    assert str(caught.value).startswith(
        "expected at most 2 list calls for configmaps, but the client asked 7 times in 3 s\n     0.000 200 list /api"
    )
    with pytest.raises(AssertionError, match="expected exactly 1 watch calls, but the client asked not at all"):
        assert_calls(fake_apiserver, "watch", times=1)


async def test_pace(fake_apiserver, autojump_clock):
    """The two calls that were closest together."""
    async with client_for(fake_apiserver) as client:
        for pause in (2, 0.25, 2):
            await client.get(CONFIG_MAPS)
            await trio.sleep(pause)

    assert_paced(fake_apiserver, "list", seconds=0.2)
    with pytest.raises(AssertionError, match=r"asked at 2.000 s and again 0.250 s later, at 2.250 s"):
        assert_paced(fake_apiserver, "list", seconds=1)


def test_pictures(fake_apiserver):
    """What is missing, what is too much, what is old, what is there twice."""
    a, b = (fake_apiserver.create(config_map(name)) for name in "ab")
    fake_apiserver.patch("configmaps", "a", {"data": {"k": "v"}})
    gone = {"metadata": {"name": "gone", "namespace": "default", "uid": "u", "resourceVersion": "1"}}

    assert_same_objects(fake_apiserver, "configmaps", fake_apiserver.objects("configmaps"))
    with pytest.raises(AssertionError) as caught:
        assert_same_objects(fake_apiserver, "configmaps", [a, gone, gone])
    lines = str(caught.value).splitlines()
    assert lines[0] == "the client's picture of configmaps is not the server's:"
    assert lines[1].strip() == f"default/b ({b['metadata']['uid']}): the client does not have it"
    assert lines[2].strip() == "default/gone (u): the server does not have it (any more)"
    assert "the client is at" in lines[3]
    assert lines[4].strip() == "default/gone (u): 2 times"


async def test_nothing_open(fake_apiserver, autojump_clock):
    """Names the response that was never closed."""
    async with client_for(fake_apiserver) as client:
        async with watching(client):
            with pytest.raises(AssertionError, match="1 responses were never closed"):
                assert_nothing_open(fake_apiserver)
        assert_nothing_open(fake_apiserver)
