"""F121-F126: writes that are cut, refused, throttled and cancelled: whether they may have happened is said, and true."""

from __future__ import annotations

import gc
import random
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import trio
import trio.testing
from connect.kubeconfigs import document, machine, write
from faults.chaos import chaos
from faults.sockets import connections
from faults.test_cancellation import AtStep
from faults.writing import VERBS, Bench, state, writes

from trio_k8swatch import (
    AlreadyExists,
    ApiError,
    Conflict,
    Invalid,
    TooManyRequests,
    Unauthorized,
    Unavailable,
    open_client,
)
from trio_k8swatch._http.response_body import _HttpxBody, _SocketBody
from trio_k8swatch.connect import from_kubeconfig
from trio_k8swatch.testing import FakeApiServer

every_verb = pytest.mark.parametrize("verb", VERBS)


@asynccontextmanager
async def bench(fake: FakeApiServer) -> AsyncGenerator[Bench]:
    async with open_client(transport=fake.transport()) as client:
        yield await Bench(client).laid_out()
        await trio.testing.wait_all_tasks_blocked()


CUTS: dict[str, tuple[Callable[[FakeApiServer], object], bool, bool]] = {
    # what happens: whether the server has done it, whether it may have happened as far as a client can know
    "refused": (lambda fake: fake.faults.refuse(on="write"), False, False),
    "TLS fails": (lambda fake: fake.faults.tls_failure(on="write"), False, False),
    "reset before the answer": (lambda fake: fake.faults.reset(on="write"), False, True),
    "closed before the answer": (lambda fake: fake.faults.no_answer(on="write"), False, True),
    "no answer": (lambda fake: fake.faults.hang(on="write"), False, True),
    "done, and the answer is lost": (lambda fake: fake.faults.cut_list(0, on="write"), True, True),
    "done, and the answer is reset": (lambda fake: fake.faults.cut_list(9, on="write"), True, True),
    "done, and the answer is cut off": (lambda fake: fake.faults.cut_list(9, "eof", on="write"), True, True),
}


@every_verb
@pytest.mark.parametrize("cut", CUTS)
async def test_F121_a_write_that_is_cut(autojump_clock, verb, cut):
    """Before, during and after each write: one request, `Unavailable`, and `may_have_happened` is False only if it was never sent."""
    fake = FakeApiServer()
    inject, is_done, may_have_happened = CUTS[cut]
    async with bench(fake) as it:
        before, count = state(fake), writes(fake)
        inject(fake)
        with pytest.raises(Unavailable) as caught:
            await VERBS[verb](it)
        assert caught.value.may_have_happened is may_have_happened
        assert (state(fake) != before) is is_done
        assert writes(fake) == count + 1


REFUSALS = [
    (409, "Conflict", Conflict),
    (409, "AlreadyExists", AlreadyExists),
    (413, "RequestEntityTooLarge", ApiError),
    (422, "Invalid", Invalid),
    (429, "TooManyRequests", TooManyRequests),
]


@every_verb
@pytest.mark.parametrize(("code", "reason", "error"), REFUSALS)
async def test_F122_a_write_that_is_refused(autojump_clock, verb, code, reason, error):
    """409, 413, 422, and 429 without Retry-After: a specific error, nothing was done, and nothing is repeated."""
    fake = FakeApiServer()
    async with bench(fake) as it:
        before, count = state(fake), writes(fake)
        goes_on = verb in {"update", "add_finalizer", "remove_finalizer"} and error is Conflict
        with fake.faults.status(code, reason, on="write", times=100) as fault:
            with pytest.raises(error) as caught:
                await VERBS[verb](it)
            assert caught.value.status.code == code
            assert not caught.value.may_have_happened
            assert (fault.hits > 1) is goes_on
        assert state(fake) == before
        assert writes(fake) == count + fault.hits


@pytest.mark.parametrize("socket", [False, True])
async def test_F122_a_body_that_is_too_large(socket):
    """413, also when the server stops reading in the middle of the body; nothing is left behind."""
    fake = FakeApiServer()
    large = {"metadata": {"name": "large"}, "data": {"x": "x" * (4 << 20)}}
    with trio.fail_after(20):
        async with fake.serve() as url:
            options = {"base_url": url} if socket else {"transport": fake.transport()}
            async with open_client(**options) as client:
                maps = client.resource("v1", "configmaps", namespace="default")
                with pytest.raises(ApiError, match="413") as caught:
                    await maps.create(large)
                assert not caught.value.may_have_happened
                assert fake.objects("configmaps") == []
                await maps.create({"metadata": {"name": "small"}})


@every_verb
async def test_F123_a_write_that_is_throttled(autojump_clock, verb):
    """429 with Retry-After: repeated after that time, and done once; `delete_all` is not repeated."""
    fake = FakeApiServer()
    async with bench(fake) as it:
        before, began = state(fake), trio.current_time()
        fake.faults.too_many_requests(retry_after=2, times=2, on="write")
        if verb == "delete_all":
            with pytest.raises(TooManyRequests):
                await VERBS[verb](it)
            assert state(fake) == before
            return
        await VERBS[verb](it)
        assert 4 <= trio.current_time() - began < 5
        assert state(fake) != before


@every_verb
@pytest.mark.parametrize("is_renewed", [True, False])
async def test_F124_credentials_that_expire_between_two_writes(tmp_path: Path, verb, is_renewed):
    """After a 401 nothing was done: with a new token the write is sent once more, without one it raises."""
    fake = FakeApiServer(token="old")
    write(tmp_path / "token", "old")
    with trio.fail_after(20):
        async with fake.serve() as url:
            path = write(tmp_path / "config", document({"server": str(url)}, {"tokenFile": "token"}))
            async with open_client(from_kubeconfig(path, surroundings=machine(tmp_path))) as client:
                it = await Bench(client).laid_out()
                before, count = state(fake), writes(fake)
                fake.token = "new"
                if is_renewed:
                    write(tmp_path / "token", "new")
                    await VERBS[verb](it)
                    assert state(fake) != before
                    assert writes(fake) - count <= 2
                else:
                    with pytest.raises(Unauthorized) as caught:
                        await VERBS[verb](it)
                    assert not caught.value.may_have_happened
                    assert state(fake) == before


def steps_until_the_end(verb: str, step: int) -> int:
    """Cancel the verb just before a step, and go on with the client; how many steps there were if it was not."""

    async def main() -> int:
        fake = FakeApiServer()
        async with bench(fake) as it:
            tasks = trio.lowlevel.current_statistics().tasks_living
            with trio.CancelScope() as scope:
                instrument = AtStep(step, scope.cancel)
                trio.lowlevel.add_instrument(instrument)
                try:
                    await VERBS[verb](it)
                finally:
                    trio.lowlevel.remove_instrument(instrument)
            assert trio.lowlevel.current_statistics().tasks_living == tasks
            await it.maps.create({"metadata": {"name": "afterwards"}})
        return instrument.steps

    return trio.run(main, clock=trio.testing.MockClock(autojump_threshold=0))


@every_verb
def test_F125_a_write_that_is_cancelled_at_every_step(verb):
    """No task is left, only Cancelled is raised, and the client keeps working."""
    total = steps_until_the_end(verb, 10**9)
    assert total > 3
    for step in range(1, total + 1):
        steps_until_the_end(verb, step)


async def cancelled_on_sockets(verb: str, steps: range) -> int:
    """Cancel the verb before each of these steps, on real sockets; how many steps there were in the last run."""
    fake, last = FakeApiServer(), 0
    async with fake.serve() as url:
        for step in steps:
            async with open_client(base_url=url) as client:
                it = Bench(client)
                for name in ("configmaps", "deployments"):
                    for obj in fake.objects(name):
                        fake.patch(name, obj["metadata"]["name"], {"metadata": {"finalizers": None}})
                        if fake.objects(name):
                            fake.delete(name, obj["metadata"]["name"])
                await it.laid_out()
                with trio.CancelScope() as scope:
                    instrument = AtStep(step, scope.cancel)
                    trio.lowlevel.add_instrument(instrument)
                    try:
                        await VERBS[verb](it)
                    finally:
                        trio.lowlevel.remove_instrument(instrument)
                last = instrument.steps
                assert not connections(client), "a connection is still in use"
                await it.maps.create({"metadata": {"name": f"afterwards-{step}"}})
    return last


@pytest.mark.parametrize("verb", ["create", "update", "delete", "delete_all"])
async def test_F125_a_write_that_is_cancelled_on_a_socket(verb):
    """Its connection is closed or free again at once, whenever it was cancelled."""
    with trio.fail_after(30):
        total = await cancelled_on_sockets(verb, range(10**9, 10**9 + 1))
        await cancelled_on_sockets(verb, range(1, total + 1, 3))


@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")
async def test_the_sweep_sees_a_connection_that_is_left(monkeypatch):
    """The mutant of the test above: answers that are not closed."""

    async def forgotten(self: object) -> None:
        del self

    monkeypatch.setattr(_HttpxBody, "aclose", forgotten)
    monkeypatch.setattr(_SocketBody, "aclose", forgotten)
    with trio.fail_after(30), pytest.raises(AssertionError, match=r"still (in use|has requests)"):
        await cancelled_on_sockets("create", range(10**9, 10**9 + 1))
        await cancelled_on_sockets("create", range(1, 200, 3))
    # What the mutant left must not be collected in the middle of another test.
    gc.collect()


async def outcome_of(write: Awaitable[object]) -> str:
    try:
        await write
    except Unavailable as error:
        return "perhaps" if error.may_have_happened else "not done"
    return "done"


async def test_F126_connections_that_break_anywhere():
    """On sockets, cut after any number of bytes: what succeeded exists, and what cannot have happened does not."""
    fake, rng, outcomes = FakeApiServer(), random.Random(5), []
    with trio.fail_after(60):
        async with fake.serve() as server, chaos(server) as (proxy, url), open_client(base_url=url) as client:
            maps = client.resource("v1", "configmaps", namespace="default")
            for number in range(25):
                proxy.refusing = rng.random() < 0.2
                proxy.cut_after = rng.choice([None, 0, rng.randrange(1, 900)])
                if proxy.refusing:
                    proxy.reset_all()
                outcome = await outcome_of(maps.create({"metadata": {"name": f"m{number}"}}))
                is_there = fake.get("configmaps", f"m{number}") is not None
                assert is_there or outcome != "done"
                assert not is_there or outcome != "not done"
                outcomes.append(outcome)
    assert {"done", "perhaps"} <= set(outcomes)
