"""Every recorded exchange with a real API server, repeated with the fake."""

import pytest
from testing.wire_replay import (
    ask,
    at_version,
    case,
    compare_headers,
    is_live,
    prepare_watch,
    server,
)

SAME_STATE = [
    "crd-list",
    "get-object",
    "list-empty",
    "list-pages",
    "list-pods",
    "list-resource-version",
    "list-selectors",
    "partial-metadata-list",
    "error-400",
    "error-404",
    "error-405-406-409-415",
    "error-422",
    "warning-header",
]


def exchanges(*names):
    return [pytest.param(name, i, id=f"{name}[{i}]") for name in names for i in range(len(case(name)))]


def objects_in(everything):
    """All objects that any answer of a case shows, once each."""
    found = {}
    for exchange in everything:
        if not exchange.body or exchange.status != 200 or b'"columnDefinitions"' in exchange.body:
            continue
        try:
            content = exchange.json
        except ValueError:
            continue
        for one in content.get("items") or ([content] if "spec" in content else []):
            kind = content["kind"].removesuffix("List")
            if kind == "PartialObjectMetadata":
                continue
            whole = one if "kind" in one else {"kind": kind, "apiVersion": content["apiVersion"], **one}
            found[whole["kind"], one["metadata"].get("namespace"), one["metadata"]["name"]] = whole
    return list(found.values())


def the_pods():
    return objects_in(case("list-pods")) + objects_in(case("get-object"))


@pytest.mark.parametrize(("name", "index"), exchanges(*SAME_STATE))
async def test_an_answer_is_the_real_one(name, index, autojump_clock):
    """Status, headers and body, byte for byte, from the same state."""
    everything = case(name)
    exchange = everything[index]
    fake = server(exchange)
    fake.load(*(objects_in(everything) or the_pods()))
    if name in {"partial-metadata-list", "list-selectors"}:
        fake.load(*the_pods())
    if name == "crd-list":
        give_schema(fake)
    if name == "error-405-406-409-415":
        fake.load(*objects_in(case("list-pages")))
    if exchange.body and b'"resourceVersion":"' in exchange.body and "items" in exchange.json:
        at_version(fake, exchange.json["metadata"]["resourceVersion"])
    if exchange.status == 504:
        at_version(fake, 305)

    answer = await ask(fake, exchange)

    assert answer.status == exchange.status
    assert answer.body == (exchange.body or b"")
    compare_headers(exchange, answer)
    if "chunk_sizes" in exchange.response:
        assert [len(data) for _, data in answer.chunks] == exchange.response["chunk_sizes"]


def give_schema(fake):
    from dataclasses import replace

    spec = {"type": "object", "properties": {"replicas": {"type": "integer", "minimum": 1}}}
    spec["x-kubernetes-preserve-unknown-fields"] = True
    status = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    kind = fake.registry.find("stable.example.com", "v1", "crontabs")
    fake.registry.add(replace(kind, schema={"type": "object", "properties": {"spec": spec, "status": status}}))


WATCHES = [
    "watch-basic",
    "watch-bookmark",
    "watch-bookmark-minute",
    "watch-burst",
    "watch-finalizer",
    "watch-future-resource-version",
    "watch-legacy-path",
    "watch-pods",
    "watch-replay-large",
    "watch-resource-version-0",
    "watch-timeout",
    "watch-unicode-long",
    "watch-without-resource-version",
    "watchlist",
    "crd-watch",
]


@pytest.mark.parametrize(("name", "index"), exchanges(*WATCHES))
async def test_a_watch_is_the_real_one(name, index, autojump_clock):
    """The same events in the same bytes; live ones a chunk each, waiting ones cut where the real server cuts them."""
    exchange = case(name)[index]
    fake = server(exchange)
    prepare_watch(fake, exchange)
    if name == "watch-future-resource-version":
        at_version(fake, 577)

    answer = await ask(fake, exchange, seconds=exchange.response["seconds_to_end"] + 0.01)

    assert answer.status == exchange.status
    compare_headers(exchange, answer)
    # The real server's buffer between two of its tasks holds ten events: longer replays are flushed in between.
    if len(exchange.lines()) <= 10:
        waiting = [len(data) for time, data in exchange.chunks if not is_live(time)]
        assert [len(data) for time, data in answer.chunks if time == 0] == waiting
    assert without_bookmarks(answer.lines()) == without_bookmarks(line for _, line in exchange.lines())
    assert bookmarks(answer.lines())[:1] == bookmarks(line for _, line in exchange.lines())[:1]
    if exchange.response["end"] == "terminating-chunk":
        assert answer.seconds == pytest.approx(exchange.response["seconds_to_end"], abs=0.03)


async def test_periodic_bookmarks_come_each_minute(autojump_clock):
    """At sixty seconds and at a hundred and twenty, as recorded."""
    exchange = case("watch-bookmark-minute")[0]
    fake = server(exchange)
    prepare_watch(fake, exchange)

    answer = await ask(fake, exchange, seconds=exchange.response["seconds_to_end"])

    assert [time for time, _ in answer.chunks] == pytest.approx([time for time, _ in exchange.chunks], abs=0.2)


def without_bookmarks(lines):
    return [line for line in lines if b'"type":"BOOKMARK"' not in line]


async def test_a_watch_list_of_nothing_is_one_bookmark(autojump_clock):
    """It says that the initial events end; without bookmarks allowed, not even that."""
    for exchange in case("watchlist-empty"):
        fake = server(exchange)
        prepare_watch(fake, exchange)
        at_version(fake, 330)

        answer = await ask(fake, exchange)

        assert answer.lines()[:1] == [line for _, line in exchange.lines()]
        assert answer.seconds == 3


def bookmarks(lines):
    return [line for line in lines if b'"type":"BOOKMARK"' in line]
