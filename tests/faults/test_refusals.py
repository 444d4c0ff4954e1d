"""F27-F35: refusals that stay until somebody does something, and those that nobody should retry."""

from __future__ import annotations

import pytest
import trio
from faults.harness import cluster, longest, pod

from trio_k8swatch import (
    ApiClient,
    ApiError,
    Forbidden,
    K8sWatchError,
    ListOptions,
    ListStrategy,
    NotFound,
    NotWatchable,
    ProtocolError,
    State,
    Unauthorized,
)
from trio_k8swatch.testing._http.statuses import Refused
from trio_k8swatch.testing.faults._responses import status


async def test_F28_unauthorized_for_ever(autojump_clock):
    """At the start an error; later pauses grow to the maximum, health reports `unauthorized`, and the watch recovers."""
    async with cluster() as it:
        with it.fake.faults.unauthorized(times=None), pytest.raises(Unauthorized):
            async with it.watch():
                pass
        it.fake.create(pod("a"))
        async with it.watch() as w:
            await trio.sleep(15)
            refused = it.fake.faults.unauthorized(times=None)
            it.fake.faults.cut_connections()
            await trio.sleep(300)
            assert w.store.health.state is State.UNAUTHORIZED
            assert w.pauses()[-1] == 30
            assert len(w.store) == 1
            assert len(w.lists) == 1
            refused.remove()
            await w.settled()
            assert w.store.health.state is State.LIVE


async def test_F28_a_policy_may_raise(autojump_clock):
    """Without a retry policy the failure ends the watch and is raised by `open_watch` unchanged."""
    async with cluster() as it:
        with pytest.raises(Unauthorized):
            async with it.watch(config=longest(retry_watch_after=None), settle=False):
                await trio.sleep(5)
                it.fake.faults.unauthorized(times=None)
                it.fake.faults.close_connections()
                await trio.sleep_forever()


async def test_F29_forbidden(autojump_clock):
    """At the start it is raised; if a role is removed later, the store stays readable and is marked, and recovers when the role returns."""
    async with cluster() as it:
        with it.fake.faults.forbidden(), pytest.raises(Forbidden, match="kubectl auth can-i"):
            async with it.watch():
                pass
        it.fake.create(pod("a"))
        async with it.watch() as w:
            await trio.sleep(15)
            refused = it.fake.faults.forbidden()
            it.fake.faults.cut_connections()
            it.fake.create(pod("b"))
            await trio.sleep(100)
            assert w.store.health.state is State.FORBIDDEN
            assert w.store.failing
            assert len(w.store) == 1
            refused.remove()
            await w.settled()
            assert len(w.store) == 2


def cron(name):
    return {
        "apiVersion": "example.com/v1",
        "kind": "CronTab",
        "metadata": {"name": name, "namespace": "default", "labels": {"app": "x"}},
    }


async def test_F30_a_resource_that_comes(autojump_clock):
    """An error at once; or, with a policy, the watch waits until the CustomResourceDefinition exists."""
    async with cluster() as it:
        with pytest.raises(NotFound):
            async with it.watch("crontabs", api_version="example.com/v1"):
                pass
        it.fake.after(40, lambda: it.fake.register("example.com/v1", "CronTab"))
        config = longest(retry_at_start=(NotFound,))
        server = dict
        async with it.watch("crontabs", api_version="example.com/v1", config=config, server=server) as w:
            assert trio.current_time() >= 40
            assert len(w.store) == 0


@pytest.mark.parametrize("clear", [False, True])
async def test_F30_a_resource_that_goes_and_comes_again(clear, autojump_clock):
    """If the definition is deleted, the store keeps its last state, or delivers deletions; when it is back, so are the objects."""
    async with cluster() as it:
        it.fake.register("example.com/v1", "CronTab")
        it.fake.create(cron("a"))
        config = longest(clear_when_not_served=clear)
        async with it.watch(
            "crontabs",
            api_version="example.com/v1",
            config=config,
            server=lambda: {o["metadata"]["uid"]: o for o in it.fake.objects("crontabs")},
        ) as w:
            await trio.sleep(15)
            with it.fake.faults.not_served():
                it.fake.faults.cut_connections()
                await trio.sleep(100)
                assert w.store.health.state is State.NOT_SERVED
                assert w.store.failing
                assert len(w.store) == (0 if clear else 1)
                assert w.book.deletes("a") == ([True] if clear else [])
            await w.settled()
            assert len(w.store) == 1
            it.fake.unregister("crontabs")
            it.fake.register("example.com/v1", "CronTab")
            it.fake.create(cron("a"))
            await w.settled()
            assert len(w.book.deletes("a")) == (2 if clear else 1)


@pytest.mark.parametrize("code", [400, 422])
async def test_F31_streaming_lists_are_not_known(code, autojump_clock):
    """A server that refuses `sendInitialEvents` is read in pages, at once, and not asked for it again."""
    async with cluster() as it:
        it.fake.create(pod("a"))
        if code == 422:
            it.fake.faults.watch_list_unsupported()
        else:
            refused = Refused(400, "BadRequest", "sendInitialEvents is forbidden for watch")
            it.fake.faults._once("400", status(refused), "watch", {})
        async with it.watch(config=longest(list_strategy=ListStrategy.STREAM)) as w:
            assert trio.current_time() == 0
            await w.relist()
            streamed = [a for a in w.lists if a.kind == "watch"]
            assert len(streamed) == 1


@pytest.mark.parametrize("code", [400, 422])
async def test_F32_a_bad_selector(code, autojump_clock):
    """A request that can never succeed raises at once."""
    async with cluster() as it:
        if code == 422:
            it.fake.faults.status(422, "Invalid", "bad selector")
        with pytest.raises(ApiError) as caught:
            async with it.watch(options=ListOptions(label_selector="a in (")):
                pass
        assert caught.value.status.code == code
        assert trio.current_time() == 0
        assert len(it.fake.requests) == 1


@pytest.mark.parametrize("code", [405, 406, 415])
async def test_F33_not_watchable(code, autojump_clock):
    """A resource without watch is reported as such, before anything is delivered."""
    async with cluster() as it:
        it.fake.create(pod("a"))
        it.fake.faults.not_watchable(code)
        with pytest.raises(NotWatchable):
            async with it.watch():
                pass
        assert it.watched[-1].book.told == []


async def test_F34_redirects(autojump_clock):
    """Redirects are followed on the same origin only, so credentials are not sent elsewhere."""
    async with cluster() as it:
        it.fake.create(pod("a"))
        it.fake.faults.redirect("/api/v1/pods?limit=1000", on="list")
        async with it.watch() as w:
            assert len(w.store) == 1
        for elsewhere in ("https://evil.test/api/v1/pods", "http://kubernetes.test/api/v1/pods", "//evil.test/"):
            it.fake.faults.redirect(elsewhere, on="list")
            with pytest.raises(ProtocolError, match="another origin"):
                async with it.watch():
                    pass
        it.fake.faults.redirect("/api/v1/pods", on="list", times=None)
        with pytest.raises(ProtocolError, match="redirects more than"):
            async with it.watch():
                pass


async def test_F35_a_cold_watch_cache(autojump_clock):
    """429 for 30 s: one request is tried, the others wait for it, and requests do not multiply."""
    async with cluster() as it:
        for n in range(20):
            it.fake.create(pod(f"pod-{n}"))

        async def one(task_status):
            async with it.watch(inspect_every=5) as w:
                task_status.started(w)
                await trio.sleep(200)

        async with trio.open_nursery() as nursery:
            for _ in range(20):
                await nursery.start(one)
            await trio.sleep(20)
            it.fake.faults.storage_initializing(for_seconds=30)
            it.fake.faults.cut_connections()
            began = it.fake.now
            await trio.sleep(60)
            refused = [c for c in it.fake.requests.of(since=began) if c.status == 429]
            # Each has its own first refusal; after that they come one at a time.
            assert len(refused) <= 20 + 30 * 1.5
            assert all(not w.store.failing for w in it.watched)


async def test_F35_a_long_retry_after_is_no_silence(autojump_clock):
    """Watches that wait for the Retry-After of another do not count as silent or failing, and do not list."""
    async with cluster() as it:

        async def one(task_status):
            async with it.watch(inspect_every=5) as w:
                task_status.started(w)
                await trio.sleep(600)

        async with trio.open_nursery() as nursery:
            for _ in range(3):
                await nursery.start(one)
            await trio.sleep(20)
            it.fake.faults.too_many_requests(retry_after=250, for_seconds=240, times=None)
            it.fake.faults.cut_connections()
            await trio.sleep(400)
            assert [len(w.lists) for w in it.watched] == [1, 1, 1]
            assert all(not w.store.failing for w in it.watched)


async def test_F27_unauthorized_once_with_nothing_better(autojump_clock):
    """With a static token, a 401 is a failure like others."""
    async with cluster() as it:
        async with it.watch() as w:
            await trio.sleep(15)
            it.fake.faults.unauthorized()
            it.fake.faults.cut_connections()
            it.fake.create(pod("a"))
            await w.settled()
            assert len(w.lists) == 1
        with pytest.raises(K8sWatchError):
            it.fake.faults.unauthorized()
            async with it.watch():
                pass


async def test_F27_new_credentials_end_the_wait(autojump_clock, monkeypatch):
    """A token that is renewed during a long pause is used within a second."""
    renewed_at = float("inf")

    async def has_new_credentials(client):
        await trio.lowlevel.checkpoint()
        return trio.current_time() >= renewed_at

    monkeypatch.setattr(ApiClient, "has_new_credentials", has_new_credentials)
    async with cluster() as it, it.watch() as w:
        await trio.sleep(15)
        with it.fake.faults.unauthorized(times=None):
            it.fake.faults.cut_connections()
            await trio.sleep(200)
            while (w.store.health.next_attempt_at or 0) - trio.current_time() < 10:
                await trio.sleep(1)
            began = renewed_at = trio.current_time()
        it.fake.create(pod("a"))
        await w.settled()
        assert trio.current_time() - began <= 1.1
        assert len(w.lists) == 1
