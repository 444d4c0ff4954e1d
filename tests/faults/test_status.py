"""F19-F26: refusals that pass: history lost, throttling, gateways."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
import trio
from faults.harness import cluster, pod

from trio_k8swatch import ApiError, ListOptions


async def test_F19_gone_as_status_on_the_watch(autojump_clock):
    """One list after a pause, and no more."""
    async with cluster() as it:
        async with it.watch() as w:
            await trio.sleep(15)
            it.fake.faults.gone(as_status=True)
            it.fake.faults.cut_connections()
            it.fake.create(pod("a"))
            await w.settled()
            assert len(w.lists) == 2
            assert w.lists[1].options.resource_version_match == "NotOlderThan"
            assert min(w.pauses()) >= 0.1


async def test_F20_gone_on_a_list_with_a_version(autojump_clock):
    """A list NotOlderThan an expired version is requested again without a version."""
    async with cluster() as it:
        async with it.watch() as w:
            await trio.sleep(15)
            it.fake.faults.gone()
            it.fake.faults.expired_list()
            await w.settled()
            await trio.sleep(30)
            assert [a.options.resource_version is None for a in w.lists] == [True, False, True]


async def test_F21_gone_on_the_third_page(autojump_clock):
    """A list that expires is started again as a whole; nothing of its first pages is delivered."""
    async with cluster() as it:
        for n in range(10):
            it.fake.create(pod(f"pod-{n}"))
        async with it.watch(options=ListOptions(page_size=2)) as w:
            await trio.sleep(15)
            told = len(w.book.told)
            it.fake.faults.expired_list(after=2)
            it.fake.delete("pods", "pod-0")
            it.fake.create(pod("new"))
            await w.relist()
            pages = [a.options for a in w.witness.attempts if a.kind == "page"]
            assert pages[-1].page_size is None
            assert not pages[-1].continue_token
            assert len(w.book.told) == told + 3
            await w.settled()


async def test_F22_too_many_requests_on_the_watch(autojump_clock):
    """The watch resumes at its version after seven seconds."""
    async with cluster() as it:
        async with it.watch() as w:
            await trio.sleep(15)
            version = w.store.resource_version
            it.fake.faults.too_many_requests(retry_after=7, on="watch")
            it.fake.faults.cut_connections()
            await trio.sleep(30)
            assert w.watches[-1].options.resource_version == version
            assert w.pauses()[-1] >= 7
            assert w.pauses()[-1] <= 7 * 1.1


async def test_F23_too_many_requests_never_cause_a_list(autojump_clock):
    """However often a watch is throttled, it does not list."""
    async with cluster() as it:
        async with it.watch() as w:
            await trio.sleep(15)
            throttled = it.fake.faults.too_many_requests(retry_after=None, on="watch", times=None)
            it.fake.faults.cut_connections()
            await trio.sleep(300)
            assert len(w.lists) == 1
            assert w.store.failing
            throttled.remove()
            it.fake.create(pod("a"))
            await w.settled()
            assert len(w.lists) == 1


@pytest.mark.parametrize(
    ("header", "least", "most"),
    [
        ("0.5", 0.1, 1),
        ("1000000000", 300, 330),
        ("NaN", 0.1, 1.6),
        ("-5", 0.1, 1.6),
        ("inf", 0.1, 1.6),
        ("soon", 0.1, 1.6),
        ("", 0.1, 1.6),
        ("Wed, 21 Oct 2015 07:28:00 GMT", 0.1, 1.6),
    ],
)
async def test_F24_odd_retry_after(header, least, most, autojump_clock):
    """Any Retry-After is understood or ignored; the pause is never negative or endless."""
    async with cluster() as it:
        async with it.watch(settle=False) as w:
            await trio.sleep(5)
            it.fake.faults.too_many_requests(retry_after=header, on="watch")
            it.fake.faults.cut_connections()
            await trio.sleep(400)
            assert least <= w.pauses()[1] <= most


async def test_F24_a_date_as_retry_after(autojump_clock):
    """A date is a number of seconds from now, by the wall clock."""
    async with cluster() as it:
        async with it.watch() as w:
            await trio.sleep(5)
            soon = datetime.now(UTC) + timedelta(seconds=60)
            it.fake.faults.too_many_requests(retry_after=format_datetime(soon, usegmt=True), on="watch")
            it.fake.faults.cut_connections()
            await trio.sleep(100)
            assert 50 <= w.pauses()[1] <= 66


@pytest.mark.parametrize("code", [500, 502, 503, 504])
@pytest.mark.parametrize("html", [True, False])
async def test_F25_an_answer_that_is_no_status(code, html, autojump_clock, caplog):
    """The page of a load balancer is an error with that status and a shortened text, and is retried."""
    async with cluster() as it:
        with it.fake.faults.unavailable(html=html, code=code), pytest.raises(ApiError) as caught:
            async with it.watch():
                pass
        assert caught.value.status.code == code
        assert "<html" not in str(caught.value)
        async with it.watch() as w:
            await trio.sleep(5)
            it.fake.faults.unavailable(html=html, code=code, for_seconds=20)
            it.fake.faults.cut_connections()
            it.fake.create(pod("a"))
            await trio.sleep(10)
            assert str(code) in (w.store.health.last_error or "")
            await w.settled()
    assert max(len(record.getMessage()) for record in caplog.records) < 600


@pytest.mark.parametrize("form", ["cause", "message", "old"])
async def test_F26_too_large_resource_version(form, autojump_clock):
    """The next list asks for no version; all forms of the error are recognized."""
    async with cluster() as it:
        async with it.watch() as w:
            await trio.sleep(15)
            it.fake.faults.gone()
            it.fake.faults.too_large_resource_version(form=form, on="list")
            await trio.sleep(60)
            assert [a.options.resource_version is None for a in w.lists] == [True, False, True]
            it.fake.create(pod("a"))
            await w.settled()
