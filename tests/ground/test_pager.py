"""All pages of a list, or none."""

from __future__ import annotations

from typing import Any

import pytest
from core_helpers import Thing, page, thing

from trio_k8swatch import Expired, ListOptions, ProtocolError, Status, Unavailable
from trio_k8swatch._pager import list_pages

GONE = Expired("gone", status=Status(code=410))
A, B, C = thing("a"), thing("b"), thing("c")


class Server:
    """Answers in the order of its script, and knows what it was asked."""

    def __init__(self, *script: Any) -> None:
        self.script = list(script)
        self.asked: list[tuple[str | None, int | None, str | None]] = []
        self.taken: list[Thing] = []

    async def fetch(self, options: ListOptions) -> Any:
        self.asked.append((options.continue_token, options.page_size, options.resource_version))
        answer = self.script.pop(0)
        if isinstance(answer, Exception):
            raise answer
        self.taken.extend(answer.items)
        return answer.metadata

    async def read(self, options: ListOptions | None = None) -> str:
        options = options or ListOptions(page_size=1)
        return await list_pages(self.fetch, options, restart=self.taken.clear)


async def test_B13_all_pages_make_the_list() -> None:
    """The Go package took the first page for the whole, and deleted the rest."""
    server = Server(page(A, at=7, token="1"), page(B, at=7, token="2"), page(C, at=7))
    assert await server.read(ListOptions(page_size=1, resource_version="5")) == "7"
    assert server.taken == [A, B, C]
    assert server.asked == [(None, 1, "5"), ("1", 1, None), ("2", 1, None)]


async def test_a_list_whose_history_runs_out_begins_anew_in_one_piece() -> None:
    """Never with the token that comes with the refusal: it would mix two moments."""
    server = Server(page(A, at=7, token="1"), GONE, page(A, C, at=9))
    assert await server.read() == "9"
    assert server.taken == [A, C]
    assert server.asked == [(None, 1, None), ("1", 1, None), (None, None, None)]


async def test_a_server_that_cannot_even_give_the_whole_is_not_asked_for_ever() -> None:
    """What comes next is the business of whoever wants the list, after a pause."""
    server = Server(page(A, at=7, token="1"), GONE, page(A, at=8, token="2"), GONE)
    with pytest.raises(Expired):
        await server.read()
    assert len(server.asked) == 4


async def test_an_expired_first_page_is_not_asked_again() -> None:
    """A version that is history stays history."""
    server = Server(GONE)
    with pytest.raises(Expired):
        await server.read()


async def test_a_token_that_leads_to_itself_is_a_protocol_error() -> None:
    """Such a list would have no end."""
    server = Server(page(A, at=7, token="1"), page(B, at=7, token="1"))
    with pytest.raises(ProtocolError, match="no end"):
        await server.read()


async def test_a_failure_in_the_middle_is_a_failure_of_the_list() -> None:
    """Half a list is no list."""
    server = Server(page(A, at=7, token="1"), Unavailable("cut"))
    with pytest.raises(Unavailable):
        await server.read()
