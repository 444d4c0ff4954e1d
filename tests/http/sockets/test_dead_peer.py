"""A peer that is gone from one moment to the next, in network namespaces of Linux: `K8SWATCH_NETNS=yes`, as root, half a minute."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

CLIENT = """
import subprocess, sys, time
import trio
from trio_k8swatch._http.sockets.network import Backend
import ssl

def run(*words): subprocess.run(words, check=True)

SERVER = '''
import socket
s = socket.create_server(("10.99.0.2", 8080)); print("listening", flush=True)
c, _ = s.accept(); c.sendall(b"event"); c.recv(1)
'''

async def main():
    far = subprocess.Popen(["unshare", "-n", "sleep", "300"])
    try:
        time.sleep(0.5)
        there = ["nsenter", "-t", str(far.pid), "-n"]
        run("ip", "link", "add", "near", "type", "veth", "peer", "name", "far", "netns", str(far.pid))
        run("ip", "addr", "add", "10.99.0.1/24", "dev", "near"); run("ip", "link", "set", "near", "up")
        run(*there, "ip", "addr", "add", "10.99.0.2/24", "dev", "far"); run(*there, "ip", "link", "set", "far", "up")
        server = subprocess.Popen([*there, sys.executable, "-c", SERVER], stdout=subprocess.PIPE)
        server.stdout.readline()
        context = ssl.create_default_context()
        stream = await Backend(None, for_server=context, for_proxy=context).connect_tcp("10.99.0.2", 8080)
        assert await stream.read(100) == b"event"
        if sys.argv[1] == "sends":
            await trio.sleep(0.1)
        run(*there, "ip", "addr", "flush", "dev", "far")
        began = time.monotonic()
        if sys.argv[1] == "sends":
            await stream.write(b"request")
        with trio.move_on_after(90):
            try:
                print("read", await stream.read(100), flush=True)
            except Exception as error:
                print("error", type(error).__name__, flush=True)
        print(time.monotonic() - began, flush=True)
        server.kill()
    finally:
        far.kill()

trio.run(main)
"""


@pytest.mark.skipif(os.environ.get("K8SWATCH_NETNS") != "yes", reason="set K8SWATCH_NETNS=yes, as root on Linux")
@pytest.mark.parametrize("what", ["waits", "sends"])
def test_the_kernel_gives_up_a_peer_that_is_gone_within_half_a_minute(what: str) -> None:
    """Whether something is waited for or was sent; nothing above TCP takes part."""
    command = ["unshare", "-n", sys.executable, "-c", CLIENT, what]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    how, seconds = done.stdout.splitlines()
    assert how.startswith("error"), done.stdout
    assert 15 <= float(seconds) <= 36
