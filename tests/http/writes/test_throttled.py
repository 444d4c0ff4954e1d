"""What the server turned away for now is sent again, and nothing else is."""

import httpx
import pytest
import trio

from trio_k8swatch import Conflict, TooManyRequests, open_client
from trio_k8swatch._http.writes.call import Call
from trio_k8swatch._http.writes.throttled import Repeats
from trio_k8swatch.testing import FakeApiServer

MAP = {"metadata": {"name": "a"}, "data": {"x": "1"}}


def call(verb="create"):
    return Call("POST", "/api/v1/namespaces/default/configmaps", verb, "create a", "application/json")


def busy(seconds):
    return TooManyRequests("busy", status=None, retry_after=seconds)


@pytest.mark.parametrize(
    ("said", "pauses"),
    [
        ([1, 2, 3], [1, 2, 3]),
        ([None], [None]),
        ([0, 0], [0.1, 0.1]),
        ([30], [30]),
        ([30.5], [None]),
        ([20, 10, 1], [20, 10, None]),
        ([1] * 11, [1] * 10 + [None]),
        ([1, 5, None], [1, 5, None]),
    ],
)
def test_each_repetition_waits_as_long_as_the_server_says_within_limits(said, pauses):
    """Ten times, thirty seconds in all, a moment at least."""
    repeats = Repeats(call())
    assert [repeats.pause_after(busy(seconds)) for seconds in said] == pauses


def test_many_deletions_are_not_repeated():
    """Some of them may have been done."""
    assert Repeats(call("deletecollection")).pause_after(busy(1)) is None


@pytest.fixture
def fake():
    return FakeApiServer()


@pytest.fixture
async def maps(fake):
    async with open_client(transport=fake.transport()) as client:
        yield client.resource("v1", "configmaps", namespace="default")


async def test_a_write_that_was_turned_away_is_done_once_the_time_is_over(fake, maps, autojump_clock):
    fake.faults.too_many_requests(retry_after=1, times=3)
    assert (await maps.create(MAP))["data"] == {"x": "1"}
    assert [(round(one.time), one.status) for one in fake.requests] == [(0, 429), (1, 429), (2, 429), (3, 201)]
    assert len(fake.objects("configmaps")) == 1


async def test_a_long_time_is_the_callers_business(fake, maps, autojump_clock):
    fake.faults.too_many_requests(retry_after=60)
    with pytest.raises(TooManyRequests) as caught:
        await maps.create(MAP)
    assert caught.value.retry_after == 60
    assert not caught.value.may_have_happened
    assert trio.current_time() < 1


async def test_a_pause_that_others_brought_about_is_waited_for_as_well(fake, maps, autojump_clock):
    """The request is not even sent while the server wants to be left alone."""
    fake.faults.too_many_requests(retry_after=5)

    async def first():
        await maps.create(MAP)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(first)
        await trio.sleep(1)
        await maps.create({"metadata": {"name": "b"}})
    assert sorted(round(one.time) for one in fake.requests) == [0, 5, 5]


async def test_a_repetition_meets_what_happened_meanwhile(fake, maps, autojump_clock):
    """It is the same request, at the same resourceVersion: never a write over somebody else's."""
    old = await maps.create(MAP)
    fake.faults.too_many_requests(retry_after=1)

    async def replace():
        with pytest.raises(Conflict):
            await maps.replace(old)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(replace)
        await trio.sleep(0.5)
        fake.patch("configmaps", "a", {"data": {"x": "2"}})
    assert (await maps.get("a"))["data"] == {"x": "2"}


async def test_a_cancelled_pause_sends_nothing_more(fake, maps, autojump_clock):
    fake.faults.too_many_requests(retry_after=10)
    with trio.move_on_after(5) as scope:
        await maps.create(MAP)
    assert scope.cancelled_caught
    await trio.sleep(30)
    assert len(fake.requests) == 1


async def test_a_disruption_budget_stops_nobody_else():
    """429 to an eviction is an answer about its pod: it is not repeated, and the client goes on with everything else."""
    answers = [
        httpx.Response(429, headers={"Retry-After": "10"}, json={"kind": "Status", "code": 429}),
        httpx.Response(200, json={"kind": "Pod", "apiVersion": "v1", "metadata": {"name": "a"}}),
    ]
    async with open_client(transport=httpx.MockTransport(lambda _: answers.pop(0))) as client:
        pods = client.resource("v1", "pods", namespace="default")
        with pytest.raises(TooManyRequests) as caught:
            await pods.subresource("eviction").create({"metadata": {"name": "a"}}, name="a")
        assert caught.value.retry_after == 10
        assert client.next_attempt_at is None
        await pods.get("a")
