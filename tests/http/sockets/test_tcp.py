"""How the kernel watches over connections."""

from __future__ import annotations

import socket

import pytest

from trio_k8swatch._http.sockets.tcp import watch_over

LONGEST_SECONDS = 30


@pytest.mark.skipif(not hasattr(socket, "TCP_KEEPIDLE"), reason="this system names its options otherwise")
def test_a_dead_peer_is_found_within_half_a_minute() -> None:
    """Probes begin after some seconds without traffic, and are not repeated for ever; whatever is silent above."""
    with socket.socket() as sock:
        watch_over(sock)
        idle, every, times = (
            sock.getsockopt(socket.IPPROTO_TCP, getattr(socket, name))
            for name in ("TCP_KEEPIDLE", "TCP_KEEPINTVL", "TCP_KEEPCNT")
        )
        assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
        assert idle + every * times <= LONGEST_SECONDS


@pytest.mark.skipif(not hasattr(socket, "TCP_USER_TIMEOUT"), reason="this system has no such option")
def test_what_is_sent_has_to_be_acknowledged_within_half_a_minute() -> None:
    """There are no probes while something is on its way."""
    with socket.socket() as sock:
        watch_over(sock)
        assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) <= LONGEST_SECONDS * 1000
