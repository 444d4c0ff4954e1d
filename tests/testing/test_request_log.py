"""The log of calls: whole for tests, bounded for servers that live long."""

from __future__ import annotations

from trio_k8swatch.testing import FakeApiServer
from trio_k8swatch.testing._http.messages import Request
from trio_k8swatch.testing._request_log import Call, RequestLog


def test_with_a_limit_the_last_calls_are_kept() -> None:
    """So many at least, and at most twice as many."""
    log = RequestLog(limit=3)
    for number in range(20):
        log.append(Call.of(Request("GET", f"/{number}"), 0.0))
        assert len(log) <= 6
    assert [call.path for call in log][-3:] == ["/17", "/18", "/19"]


async def test_a_server_keeps_its_whole_log_unless_told_otherwise() -> None:
    """Tests count calls; a server for other programs must not grow."""
    for limit, kept in ((None, 50), (2, 4)):
        fake = FakeApiServer(request_log_limit=limit)
        for _ in range(50):
            (await fake.handle(Request("GET", "/version"))).body.close()
        assert len(fake.requests) >= 2
        assert len(fake.requests) <= kept
        assert limit is not None or len(fake.requests) == 50
