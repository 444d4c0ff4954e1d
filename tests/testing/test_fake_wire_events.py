"""Recorded exchanges whose answer follows from something that happened: compaction, faults, other views."""

import gzip
import json
from copy import deepcopy

import pytest
import trio
from testing.test_fake_wire import objects_in, the_pods
from testing.wire_replay import (
    DIRECTORY,
    ask,
    at_version,
    case,
    change,
    compare_headers,
    prepare_watch,
    server,
)


async def check(fake, exchange, **options):
    """The answer is the real one, byte for byte."""
    answer = await ask(fake, exchange, **options)
    assert answer.status == exchange.status
    expected = exchange.body if exchange.body is not None else b"".join(data for _, data in exchange.chunks)
    assert answer.body == expected
    compare_headers(exchange, answer)
    return answer


def seven():
    """The seven configmaps, as they were before anything was compacted."""
    return objects_in(case("list-pages"))


def five_changes():
    return [event for _, event in case("after-compaction-same-process")[2].events()]


@pytest.mark.parametrize("index", range(3))
async def test_history_is_there_until_it_is_compacted(index, autojump_clock):
    """Pages, exact lists and watches of the past."""
    exchange = case("after-compaction-same-process")[index]
    fake = server(exchange)
    fake.load(*seven())
    at_version(fake, 590)
    for event in five_changes():
        change(fake, event)

    await check(fake, exchange)


async def compacted(exchange, floor=603, current=606):
    fake = server(exchange)
    fake.load(*seven())
    at_version(fake, 590)
    for event in five_changes():
        change(fake, event)
    at_version(fake, floor)
    fake.compact()
    at_version(fake, current)
    return fake


@pytest.mark.parametrize(
    ("name", "index"),
    [("error-410-continue", 0), ("error-410-list-exact", 0), *(("watch-410-error-event", i) for i in (0, 1, 2, 4, 5))],
)
async def test_lost_history_is_answered_410(name, index, autojump_clock):
    """As HTTP 410 for lists, as an ERROR event for watches, in every view."""
    exchange = case(name)[index]
    await check(await compacted(exchange), exchange)


async def test_the_token_out_of_a_410_goes_on_with_what_is_there_now(autojump_clock):
    """And its own token is consistent again."""
    exchange = case("error-410-continue")[1]
    await check(await compacted(exchange), exchange)


async def test_a_watch_list_from_lost_history_is_no_error(autojump_clock):
    """It begins with what is there now."""
    exchange = case("watch-410-error-event")[3]
    fake = await compacted(exchange)
    fake.load(*(event["object"] for _, event in exchange.events() if event["type"] == "ADDED"))
    at_version(fake, exchange.events()[-1][1]["object"]["metadata"]["resourceVersion"])

    await check(fake, exchange)


@pytest.mark.parametrize("index", range(3))
async def test_without_the_right_credentials(index, autojump_clock):
    """401."""
    exchange = case("error-401")[index]
    fake = server(exchange, token="another")

    await check(fake, exchange)


@pytest.mark.parametrize("index", range(3))
async def test_without_the_right(index, autojump_clock):
    """403 names the verb, the resource and the user."""
    exchange = case("error-403")[index]
    fake = server(exchange)
    fake.faults.forbidden(user="limited")

    await check(fake, exchange)


@pytest.mark.parametrize("index", range(2))
async def test_too_many_requests(index, autojump_clock):
    """Priority and fairness writes plain text."""
    exchange = case("error-429")[index]
    fake = server(exchange)
    fake.faults.too_many_requests(retry_after=1)

    await check(fake, exchange)


async def test_an_eviction_against_a_budget(autojump_clock):
    """429 with a Status."""
    exchange = case("error-429")[2]
    fake = server(exchange)
    fake.load(*the_pods())
    budget = {
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": {"name": "web", "namespace": "wire"},
    }
    fake.create({**budget, "spec": {"minAvailable": 2, "selector": {"matchLabels": {"app": "web"}}}})

    await check(fake, exchange)


@pytest.mark.parametrize("index", range(3))
async def test_gzip(index, autojump_clock):
    """Large lists only, for those who take it; watches never."""
    exchange = case("gzip")[index]
    fake = server(exchange)
    everything = json.loads(gzip.decompress(case("gzip")[0].body))
    fake.load(everything)
    at_version(fake, everything["metadata"]["resourceVersion"])
    if index == 1:
        at_version(fake, exchange.json["metadata"]["resourceVersion"])

    answer = await ask(fake, exchange)

    expected = exchange.body or b"".join(data for _, data in exchange.chunks)
    if index == 0:
        assert json.loads(gzip.decompress(answer.body)) == json.loads(gzip.decompress(expected))
        assert {len(data) for _, data in answer.chunks[:-1]} == {2048}
    else:
        assert answer.body == expected
    compare_headers(exchange, answer)


async def test_partial_metadata_watch(autojump_clock):
    """Events carry metadata only."""
    exchange = case("partial-metadata-watch")[0]
    fake = server(exchange)
    at_version(fake, 332)
    happen(fake, exchange, lambda event: as_config_map(event["object"]["metadata"]))

    answer = await ask(fake, exchange)

    recorded = [line for _, line in exchange.lines()]
    assert answer.lines()[:3] == recorded[:3]
    assert answer.lines()[3:] == recorded[3:4]


def happen(fake, exchange, made):
    """Let the events of a watch in another view happen to whole objects."""
    for time, event in exchange.events():
        if event["type"] != "BOOKMARK":
            whole = {"type": event["type"], "object": made(event)}
            fake.after(time, lambda whole=whole: change(fake, whole))


def as_config_map(metadata, **data):
    return {"kind": "ConfigMap", "apiVersion": "v1", "metadata": deepcopy(metadata), "data": data}


@pytest.mark.parametrize("index", range(2))
async def test_table_list(index, autojump_clock):
    """Columns and cells, and as much of the object as was asked for."""
    exchange = case("table-list")[index]
    fake = server(exchange)
    fake.load(*the_pods())
    at_version(fake, 336)

    await check(fake, exchange)


async def test_table_watch(autojump_clock):
    """The columns come with the first event only."""
    exchange = case("table-watch")[0]
    fake = server(exchange, seconds_later=0.5)
    sizes = {"337": 1, "338": 2, "339": 2}

    def made(event):
        metadata = event["object"]["rows"][0]["object"]["metadata"]
        return as_config_map(metadata, **{str(i): "" for i in range(sizes[metadata["resourceVersion"]])})

    at_version(fake, 336)
    happen(fake, exchange, made)

    answer = await ask(fake, exchange, seconds=2)

    recorded = [line for _, line in exchange.lines()]
    assert answer.lines() == recorded


async def test_an_object_that_leaves_the_selector_is_deleted(autojump_clock):
    """As it was before, under the resourceVersion of the change."""
    exchange = case("watch-label-selector")[0]
    fake = server(exchange)
    at_version(fake, 310)
    for time, event in exchange.events():
        happened = deepcopy(event)
        if event["type"] == "DELETED":
            happened["type"] = "MODIFIED"
            happened["object"]["metadata"]["labels"] = {"color": "blue"}
        fake.after(time, lambda happened=happened: change(fake, happened))

    answer = await ask(fake, exchange, seconds=2)

    assert answer.lines() == [line for _, line in exchange.lines()]


@pytest.mark.parametrize("index", range(4))
async def test_a_resource_that_is_taken_away(index, autojump_clock):
    """Its objects are deleted, its watches end, and then it is 404."""
    exchange = case("crd-deleted-during-watch")[index]
    fake = server(exchange)
    first = case("crd-deleted-during-watch")[0]
    fake.load(*(event["object"] for time, event in first.events() if event["type"] == "ADDED"))
    end = next(event for _, event in first.events() if event["type"] == "BOOKMARK")
    at_version(fake, end["object"]["metadata"]["resourceVersion"])

    def take_away():
        deleted = next(event for _, event in first.events() if event["type"] == "DELETED")
        at_version(fake, int(deleted["object"]["metadata"]["resourceVersion"]) - 1)
        fake.unregister("crontabs")

    if index < 2:
        fake.after(0.355, take_away)
        answer = await ask(fake, exchange)
        assert answer.lines() == [line for _, line in exchange.lines()]
    else:
        take_away()
        await check(fake, exchange)


@pytest.mark.parametrize("index", range(3))
async def test_a_resource_that_is_not_served_yet(index, autojump_clock):
    """404 in plain text, 429 while its storage starts, then an empty list."""
    exchange = case("crd-not-yet-served")[index]
    fake = server(exchange)
    if index == 0:
        fake.unregister("crontabs")
    elif index == 1:
        fake.faults.storage_initializing()
    at_version(fake, 560)

    await check(fake, exchange)


@pytest.mark.parametrize("index", range(6))
async def test_discovery(index, autojump_clock):
    """The same entries for what the fake serves; it serves less, and says so by leaving the rest out."""
    exchange = case("discovery")[index]
    fake = server(exchange)
    if index == 3:
        fake.unregister("crontabs")

    answer = await ask(fake, exchange)

    assert answer.status == exchange.status
    if index in {0, 1, 4}:
        assert answer.body == exchange.body
    else:
        assert is_part_of(json.loads(answer.body), exchange.json)
    assert dict(answer.headers)["Content-Type"] == dict(exchange.response["headers"])["Content-Type"]
    assert dict(answer.headers)["Cache-Control"] == dict(exchange.response["headers"])["Cache-Control"]


def is_part_of(found, expected):
    """Whether lists hold a selection of the expected entries, in the expected order, and all else is equal."""
    if isinstance(found, dict) and isinstance(expected, dict):
        names = [key for key in expected if key in found or key != "subresources"]
        return list(found) == names and all(is_part_of(found[key], expected[key]) for key in found)
    if isinstance(found, list) and isinstance(expected, list):
        rest = iter(expected)
        return all(any(is_part_of(one, other) for other in rest) for one in found)
    return found == expected


@pytest.mark.parametrize("index", range(3))
async def test_a_server_that_is_about_to_stop(index, autojump_clock):
    """429 in plain text with Retry-After, and the connection is closed."""
    exchange = case("server-stops-retry-after")[index]
    fake = server(exchange)
    fake.faults.shutting_down()

    await check(fake, exchange)


@pytest.mark.parametrize(
    ("name", "index"), [("watch-server-stops", 0), ("watch-server-stops", 1), ("server-stops-retry-after", 3)]
)
async def test_a_watch_that_is_open_when_the_server_stops(name, index, autojump_clock):
    """It ends cleanly, without an event."""
    exchange = case(name)[index]
    fake = server(exchange)
    at_version(fake, exchange.parameters["resourceVersion"])
    fake.faults.close_watch(after_seconds=exchange.response["seconds_to_end"])

    answer = await ask(fake, exchange)

    assert [line for line in answer.lines() if b"BOOKMARK" not in line] == []
    assert answer.seconds == pytest.approx(exchange.response["seconds_to_end"])


async def test_a_watch_that_is_open_when_the_server_is_killed(autojump_clock):
    """The stream breaks without its proper end."""
    import httpx

    exchange = case("watch-server-killed")[0]
    fake = server(exchange)
    prepare_watch(fake, exchange)
    fake.after(0.87, lambda: fake.faults.cut_connections("eof"))

    with pytest.raises(httpx.RemoteProtocolError, match="incomplete chunked read"):
        await ask(fake, exchange)


@pytest.mark.parametrize("index", range(3))
async def test_a_server_that_has_just_started(index, autojump_clock):
    """It answers as always: what it was asked before it was ready, it did not answer at all."""
    exchange = case("server-starts")[index]
    fake = server(exchange)
    if index != 1:
        source = exchange.json if index == 2 else None
        objects = [source] if source else [e["object"] for _, e in exchange.events()]
        fake.load(*objects)
    at_version(fake, 729)

    await check(fake, exchange)


@pytest.mark.parametrize("index", range(5))
async def test_without_a_watch_cache(index, autojump_clock):
    """Other words for lost history, and no bookmarks but the one that ends the initial events."""
    exchange = case("no-watch-cache")[index]
    fake = server(exchange, watch_cache=False)
    fake.load(*(event["object"] for _, event in case("no-watch-cache")[3].events() if event["type"] == "ADDED"))
    end = next(event for _, event in case("no-watch-cache")[3].events() if event["type"] == "BOOKMARK")
    at_version(fake, end["object"]["metadata"]["resourceVersion"])
    if index < 3:
        fake.compact()
    else:
        at_version(fake, max(int(fake.resource_version), int(exchange.parameters.get("resourceVersion", "0"))))

    await check(fake, exchange)


@pytest.mark.parametrize("index", [2, 3, 4, 5, 6])
async def test_etcd_is_away(index, autojump_clock):
    """The cache answers, writes time out, consistent lists hang until the connection closes."""
    import httpx

    exchange = case("etcd-outage")[index]
    fake = server(exchange)
    if index in {2, 3}:
        source = case("etcd-outage")[3].json
        fake.load(source)
        at_version(fake, source["metadata"]["resourceVersion"])
    fake.faults.etcd_outage()

    if index == 5:
        with pytest.raises(httpx.RemoteProtocolError):
            await ask(fake, exchange)
        assert trio.current_time() == pytest.approx(60)
        return
    answer = await check(fake, exchange)
    assert answer.seconds == pytest.approx(exchange.response["seconds_to_end"], abs=0.01)


@pytest.mark.parametrize("index", [0, 1])
async def test_etcd_is_away_for_a_watch(index, autojump_clock):
    """A watch that needs etcd fails with an ERROR event when its time is up."""
    exchange = case("etcd-outage")[index]
    fake = server(exchange)
    fake.faults.etcd_outage()

    answer = await check(fake, exchange)

    assert answer.seconds == pytest.approx(3)


async def test_a_watch_lives_through_an_outage_of_etcd(autojump_clock):
    """It is silent, and then it goes on."""
    exchange = case("etcd-outage")[7]
    fake = server(exchange)
    prepare_watch(fake, exchange)
    fake.faults.etcd_outage(for_seconds=100)

    answer = await ask(fake, exchange, seconds=102)

    assert answer.lines() == [line for _, line in exchange.lines()]


# What is recorded and not imitated, and why. Where a request asks for it, the answer is 501 with the reason.
NOT_IMITATED = {
    ("list-protobuf", 0): "answers in protobuf",
}


async def test_what_is_not_imitated_says_so(autojump_clock):
    """501 names what is missing."""
    for (name, index), reason in NOT_IMITATED.items():
        exchange = case(name)[index]
        answer = await ask(server(exchange), exchange)
        assert answer.status == 501
        assert reason.split()[-1] in answer.body.decode()


async def test_who_takes_json_beside_protobuf_gets_json(autojump_clock):
    """The real server would have preferred protobuf; both are what the client accepts."""
    exchange = case("list-protobuf")[1]
    fake = server(exchange)
    at_version(fake, 339)

    answer = await ask(fake, exchange)

    assert json.loads(answer.body)["metadata"] == {"resourceVersion": "339"}
    assert dict(answer.headers)["Content-Type"] == "application/json"


def test_every_recording_is_used():
    """A recording that no test names would prove nothing."""
    tests = "".join(path.read_text() for path in DIRECTORY.parent.glob("*wire*.py"))
    unused = [path.stem for path in DIRECTORY.glob("*.json") if f'"{path.stem}"' not in tests]

    assert unused == []
