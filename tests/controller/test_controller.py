"""A controller runs what its stores say, once at a time, again when it failed, and ends in order."""

from __future__ import annotations

from functools import partial
from random import Random
from typing import Any

import pytest
import trio
from core_helpers import ScriptedListWatcher, page, steady, thing
from prometheus_client import CollectorRegistry

from trio_k8swatch import Added, ConfigError, Deleted, Modified, TimeRange, WatchStopped, open_watch
from trio_k8swatch.controller import (
    ControllerHealth,
    ControllerMetrics,
    Key,
    Requeue,
    TerminalError,
    changed,
    run_controller,
    watch,
)

A, B = Key("default", "a"), Key("default", "b")
controller = partial(run_controller, retry_after=TimeRange(4, 4), rng=Random(1))


class Runs:
    """A reconciler that writes down its runs, and does what it is told at each."""

    def __init__(self, *answers: Any, seconds: float = 0.0) -> None:
        self.seen: list[tuple[float, Key]] = []
        self.ended: list[Key] = []
        self._answers = list(answers)
        self._seconds = seconds

    async def __call__(self, key: Key) -> Requeue | None:
        self.seen.append((trio.current_time(), key))
        answer = self._answers.pop(0) if self._answers else None
        await trio.sleep(self._seconds)
        self.ended.append(key)
        if isinstance(answer, BaseException):
            raise answer
        return answer

    def times(self, key: Key) -> list[float]:
        return [at - self.seen[0][0] for at, seen in self.seen if seen == key]


async def test_it_runs_for_what_is_there_and_for_what_changes(autojump_clock, nursery) -> None:
    """One run for each object at the start, then one for each add, update and delete."""
    source, runs = ScriptedListWatcher(page(thing("a", 1), at=1)), Runs()
    async with open_watch(source, config=steady()) as store:
        await nursery.start(partial(controller, runs, watch(store)))
        await trio.sleep(1)
        assert [key for _, key in runs.seen] == [A]
        for event in (Added(thing("b", 2)), Modified(thing("a", 3)), Deleted(thing("b", 4))):
            source.stream.send(event)
            await trio.sleep(1)
        assert [key for _, key in runs.seen] == [A, B, A, B]
        assert store.by_name(*A) == thing("a", 3)
        assert store.by_name(*B) is None
        nursery.cancel_scope.cancel()


async def test_a_key_that_changes_while_it_runs_runs_again_afterwards(autojump_clock, nursery) -> None:
    """Once, however often it changed, and never two at a time."""
    source, runs = ScriptedListWatcher(page(thing("a", 1), at=1)), Runs(seconds=10)
    async with open_watch(source, config=steady()) as store:
        await nursery.start(partial(controller, runs, watch(store), workers=3))
        await trio.sleep(1)
        source.stream.send(Modified(thing("a", 2)), Modified(thing("a", 3)))
        await trio.sleep(60)
        assert runs.times(A) == pytest.approx([0, 10])
        nursery.cancel_scope.cancel()


async def test_a_failure_is_tried_again_and_the_others_go_on(autojump_clock, nursery) -> None:
    """After the pause; `Requeue` comes at its time; `TerminalError` waits for a change."""
    source = ScriptedListWatcher(page(thing("a", 1), at=1))
    runs = Runs(ValueError("broken"), Requeue(after=30), ExceptionGroup("two", [TerminalError("no use")]))
    errors: list[str] = []
    async with open_watch(source, config=steady()) as store:
        await nursery.start(
            partial(controller, runs, watch(store), on_error=lambda key, error: errors.append(f"{key}: {error}"))
        )
        await trio.sleep(1000)
        assert runs.times(A) == pytest.approx([0, 4, 34])
        source.stream.send(Modified(thing("a", 2)))
        await trio.sleep(1)
        assert len(runs.seen) == 4
        assert errors == ["default/a: broken", "default/a: two (1 sub-exception)"]
        nursery.cancel_scope.cancel()


async def test_what_on_error_raises_ends_the_controller(autojump_clock) -> None:
    """As itself, when the runs under way have ended."""
    source, runs = ScriptedListWatcher(page(thing("a", 1), thing("b", 1), at=1)), Runs(ValueError("broken"), seconds=5)

    def give_up(key: Key, error: Exception) -> None:
        raise RuntimeError(f"{key} is too much") from error

    async with open_watch(source, config=steady()) as store:
        with pytest.raises(RuntimeError, match="default/a is too much"):
            await controller(runs, watch(store), on_error=give_up, workers=2)
    assert sorted(runs.ended) == [A, B]


async def asynchronous(*_: object) -> None:
    await trio.sleep(1)


@pytest.mark.parametrize("what", ["keys", "where", "combined", "on_error"])
async def test_R22_an_async_function_in_the_place_of_a_plain_one_is_refused(what: str, autojump_clock) -> None:
    """As with handlers: a coroutine counts as true, and nobody ever waits for it."""
    runs = Runs(ValueError("broken"), seconds=5)
    with pytest.raises(ConfigError, match="to be awaited"):
        async with open_watch(ScriptedListWatcher(page(thing("a", 1), at=1)), config=steady()) as store:
            where = changed("value") & asynchronous if what == "combined" else asynchronous if what == "where" else None
            source = watch(store, keys=asynchronous, where=where) if what == "keys" else watch(store, where=where)
            await controller(runs, source, on_error=asynchronous if what == "on_error" else None)
    assert runs.ended == ([A] if what == "on_error" else [])


async def test_leaving_drains(autojump_clock) -> None:
    """What runs may end, what waits is not begun."""
    source, runs = ScriptedListWatcher(page(thing("a", 1), thing("b", 1), at=1)), Runs(seconds=10)
    health = ControllerHealth()
    async with open_watch(source, config=steady()) as store:
        began = trio.current_time()
        with trio.move_on_after(5):
            await controller(runs, watch(store), health=health, grace_seconds=20)
        assert trio.current_time() - began == pytest.approx(10)
    assert runs.ended == [A]
    assert (health.ended, health.depth) == (True, 1)


async def test_a_run_that_outlasts_the_grace_is_cancelled(autojump_clock, caplog) -> None:
    """And the log says so."""
    source, runs = ScriptedListWatcher(page(thing("a", 1), at=1)), Runs(seconds=1000)
    async with open_watch(source, config=steady()) as store:
        began = trio.current_time()
        with trio.move_on_after(5):
            await controller(runs, watch(store), grace_seconds=20)
        assert trio.current_time() - began == pytest.approx(25)
    assert runs.ended == []
    assert "did not end in time" in caplog.text


async def test_a_store_that_ends_ends_the_controller(autojump_clock) -> None:
    """Nobody reconciles against a picture that stands still; what runs may end."""
    source, runs = ScriptedListWatcher(page(thing("a", 1), at=1)), Runs(seconds=10)
    async with open_watch(source, config=steady()) as store, trio.open_nursery() as nursery:
        nursery.start_soon(stop_after, 5, store)
        with pytest.raises(WatchStopped, match="a store that it watches has ended"):
            await controller(runs, watch(store), grace_seconds=20)
        with pytest.raises(WatchStopped):
            await controller(runs, watch(store))
    assert runs.ended[:1] == [A]


async def stop_after(seconds: float, store: Any) -> None:
    await trio.sleep(seconds)
    store.stop()


async def test_live_changes_go_before_what_a_list_brought(autojump_clock, nursery) -> None:
    """A restart with a thousand objects does not hold up the one that somebody waits for."""
    source = ScriptedListWatcher(page(*(thing(f"old-{number}", 1) for number in range(50)), at=1))
    runs = Runs(seconds=1)
    async with open_watch(source, config=steady()) as store:
        await nursery.start(partial(controller, runs, watch(store)))
        await trio.sleep(0.5)
        source.stream.send(Added(thing("a", 2)))
        await trio.sleep(100)
        assert [key for _, key in runs.seen].index(A) == 1
        nursery.cancel_scope.cancel()


async def test_metrics_and_health_tell_what_goes_on(autojump_clock, nursery) -> None:
    """Under the names that dashboards of controller-runtime use."""
    source = ScriptedListWatcher(page(thing("a", 1), thing("b", 1), at=1))
    runs, health, registry = Runs(ValueError("broken"), seconds=10), ControllerHealth(), CollectorRegistry()
    metrics = ControllerMetrics(registry)

    def sample(metric: str, **labels: str) -> float | None:
        return registry.get_sample_value(metric, labels)

    async with open_watch(source, config=steady()) as store:
        await nursery.start(partial(controller, runs, watch(store), health=health, metrics=metrics, name="shop"))
        await trio.sleep(5)
        queue = {"name": "shop", "controller": "shop"}
        assert sample("workqueue_depth", **queue) == 1
        assert sample("workqueue_adds_total", **queue) == 2
        assert sample("workqueue_longest_running_processor_seconds", **queue) == pytest.approx(5)
        assert sample("workqueue_oldest_key_seconds", **queue) == pytest.approx(5)
        assert sample("controller_runtime_active_workers", controller="shop") == 1
        assert health.probe(seconds=6).ok
        await trio.sleep(2)
        assert health.probe(seconds=6).http_status == 503
        await trio.sleep(5)
        assert sample("controller_runtime_reconcile_total", controller="shop", result="error") == 1
        assert sample("controller_runtime_reconcile_errors_total", controller="shop") == 1
        assert sample("workqueue_retries_total", **queue) == 1
        assert "default/a: ValueError: broken" in health.last_error
        nursery.cancel_scope.cancel()


async def test_a_key_function_that_raises_ends_the_watch(autojump_clock) -> None:
    """With its error, as a handler would."""
    source = ScriptedListWatcher(page(thing("a", 1), at=1))

    def keys(obj: Any) -> Key:
        if obj.value:
            raise LookupError("no key")
        return A

    with pytest.raises(LookupError, match="no key"):
        async with open_watch(source, config=steady()) as store, trio.open_nursery() as nursery:
            await nursery.start(partial(controller, Runs(), watch(store, keys=keys)))
            source.stream.send(Modified(thing("a", 2, value=1)))
            await trio.sleep(1)


async def test_what_cannot_be_run_is_refused() -> None:
    """In one line."""
    async with open_watch(ScriptedListWatcher()) as store:
        with pytest.raises(ConfigError, match="workers"):
            await controller(Runs(), watch(store), workers=0)
        with pytest.raises(ConfigError, match="no source"):
            await controller(Runs())
        with pytest.raises(ConfigError, match="Requeue"):
            Requeue(after=-1)
