"""Faults as sockets have them: RST, half-open, dripping and cut connections. In real time."""

from __future__ import annotations

import random

import trio
from faults.chaos import chaos
from faults.harness import pod
from faults.sockets import QUICK, on_socket, quick

from trio_k8swatch.testing import FakeApiServer


async def test_F03_reset_on_a_socket():
    """RST in the middle of a watch, again and again: no list, nothing twice, nothing lost."""
    fake = FakeApiServer(seed=1)
    with trio.fail_after(30):
        async with fake.serve() as server, chaos(server) as (proxy, url), on_socket(url, fake) as it:
            async with it.watch(config=quick(), curve=QUICK, inspect_every=0.05) as w:
                for n in range(10):
                    fake.create(pod(f"pod-{n}"))
                    await trio.sleep(0.05)
                    while not proxy.reset_all():
                        await trio.sleep(0.01)
                    fake.create(pod(f"gap-{n}"))
                    await trio.sleep(0.15)
                await w.settled()
                assert len(w.lists) == 1
                assert sorted(w.book.changes) == sorted(
                    [("add", f"pod-{n}") for n in range(10)] + [("add", f"gap-{n}") for n in range(10)]
                )


async def test_F04_cut_lines_on_a_socket():
    """Connections break after any number of bytes, in lines, chunks and headers: the store converges."""
    fake = FakeApiServer(seed=1)
    rng = random.Random(4)
    with trio.fail_after(60):
        async with fake.serve() as server, chaos(server) as (proxy, url), on_socket(url, fake) as it:
            async with it.watch(config=quick(), curve=QUICK, inspect_every=0.05) as w:
                for n in range(20):
                    proxy.cut_after = rng.randrange(1, 3000)
                    proxy.reset_all()
                    fake.create(pod(f"pod-{n}"))
                    await trio.sleep(0.1)
                proxy.cut_after = None
                await w.settled()
                assert [what for what, _ in w.book.changes] == ["add"] * 20


async def test_F08_half_open_on_a_socket():
    """Packets are lost without an error from TCP: the watch resumes within its silence limit."""
    fake = FakeApiServer(seed=1)
    with trio.fail_after(30):
        async with fake.serve() as server, chaos(server) as (proxy, url), on_socket(url, fake) as it:
            async with it.watch(config=quick(), curve=QUICK, inspect_every=0.05) as w:
                await trio.sleep(0.2)
                proxy.stalled = True
                fake.create(pod("a"))
                await trio.sleep(0.3)
                proxy.stalled = False
                began = trio.current_time()
                await w.settled()
                assert trio.current_time() - began < 2
                assert len(w.lists) == 1


async def test_F09_stopping_while_everything_hangs_on_a_socket():
    """Watch and list both hang in TCP: the block can be left at once."""
    fake = FakeApiServer(seed=1)
    with trio.fail_after(30):
        async with fake.serve() as server, chaos(server) as (proxy, url), on_socket(url, fake, silence_limit=5.0) as it:
            async with it.watch(config=quick(), curve=QUICK, inspect_every=0.05, settle=False) as w:
                proxy.stalled = True
                w.store.request_relist()
                await trio.sleep(1)
                began = trio.current_time()
            assert trio.current_time() - began < 0.2


async def test_F10_drips_on_a_socket():
    """A few bytes at a time are slow, but correct."""
    fake = FakeApiServer(seed=1)
    with trio.fail_after(60):
        async with fake.serve() as server, chaos(server) as (proxy, url), on_socket(url, fake) as it:
            proxy.drip_bytes, proxy.drip_seconds = 7, 0.0
            for n in range(20):
                fake.create(pod(f"pod-{n}"))
            async with it.watch(config=quick(), curve=QUICK, inspect_every=0.05) as w:
                assert len(w.store) == 20
                fake.create(pod("ü".encode().hex()))
                await w.settled()
                assert not w.witness.failures


async def test_chaos_on_sockets():
    """Everything at once for a while: resets, stalls, drips and cuts, drawn by chance; then quiet, and the store is right."""
    fake = FakeApiServer(seed=1)
    rng = random.Random(7)
    with trio.fail_after(60):
        async with fake.serve() as server, chaos(server) as (proxy, url), on_socket(url, fake, silence_limit=1.0) as it:
            async with it.watch(config=quick(silence_limit=0.3), curve=QUICK, inspect_every=0.05) as w:
                for n in range(60):
                    match rng.randrange(6):
                        case 0:
                            proxy.reset_all()
                        case 1:
                            proxy.stalled = not proxy.stalled
                        case 2:
                            proxy.cut_after = rng.choice([None, rng.randrange(1, 5000)])
                        case 3:
                            proxy.drip_bytes = rng.choice([1, 13, 65536])
                        case 4:
                            proxy.refusing = not proxy.refusing
                        case _:
                            fake.compact()
                    fake.create(pod(f"pod-{n}"))
                    if n % 3 == 2:
                        fake.delete("pods", f"pod-{n - 2}")
                    await trio.sleep(0.05)
                proxy.stalled = proxy.refusing = False
                proxy.cut_after, proxy.drip_bytes = None, 65536
                await w.settled()
