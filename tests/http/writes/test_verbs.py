"""Single objects are read and written, each with one request."""

import httpx
import pytest
import trio

from trio_k8swatch import (
    AlreadyExists,
    ApiError,
    ConfigError,
    Conflict,
    Invalid,
    ListOptions,
    NotFound,
    ObjectMeta,
    PartialObjectMetadata,
    Unavailable,
    Unsupported,
    open_client,
)
from trio_k8swatch.testing import FakeApiServer


def config_map(name="a", **data):
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": data}


@pytest.fixture
def fake():
    return FakeApiServer()


@pytest.fixture
async def client(fake):
    async with open_client(transport=fake.transport()) as client:
        yield client


@pytest.fixture
def maps(client):
    return client.resource("v1", "configmaps", namespace="default")


async def test_what_is_created_can_be_read_changed_and_deleted(maps):
    created = await maps.create(config_map(x="1"))
    assert (await maps.get("a")).raw == created.raw
    patched = await maps.patch("a", {"data": {"x": None, "y": "2"}})
    assert patched["data"] == {"y": "2"}
    assert (await maps.replace({**patched.to_dict(), "data": {"z": "3"}}))["data"] == {"z": "3"}
    await maps.delete("a", uid=created.metadata.uid)
    with pytest.raises(NotFound, match="get a of configmaps"):
        await maps.get("a")


async def test_a_name_that_is_taken_is_an_error_of_its_own(maps):
    await maps.create(config_map())
    with pytest.raises(AlreadyExists):
        await maps.create(config_map())


async def test_an_old_state_does_not_replace_a_new_one(maps):
    old = await maps.create(config_map(x="1"))
    await maps.patch("a", {"data": {"x": "2"}})
    with pytest.raises(Conflict):
        await maps.replace(old)
    assert (await maps.get("a"))["data"] == {"x": "2"}


async def test_the_causes_of_an_invalid_object_name_its_fields(maps):
    with pytest.raises(Invalid) as caught:
        await maps.create(config_map("UPPER"))
    assert [cause.field for cause in caught.value.causes] == ["metadata.name"]


async def test_update_reads_again_after_a_conflict(fake, maps, autojump_clock):
    await maps.create(config_map(n="0"))
    calls = []

    def change(obj):
        calls.append(obj["data"]["n"])
        if len(calls) < 4:
            fake.patch("configmaps", "a", {"data": {"n": str(len(calls))}})
        obj["data"]["mine"] = "yes"

    assert (await maps.update("a", change))["data"] == {"n": "3", "mine": "yes"}
    assert calls == ["0", "1", "2", "3"]


async def test_update_gives_up_after_so_many_conflicts(fake, maps, autojump_clock):
    await maps.create(config_map(n="0"))
    calls = []

    def change(obj):
        calls.append(obj)
        fake.patch("configmaps", "a", {"data": {"n": str(len(calls))}})
        obj["data"]["mine"] = "yes"

    with pytest.raises(Conflict):
        await maps.update("a", change, attempts=3)
    assert len(calls) == 3


async def test_an_update_that_changes_nothing_writes_nothing(fake, maps):
    created = await maps.create(config_map(n="0"))
    assert (await maps.update("a", lambda _: None)).raw == created.raw
    assert [call.method for call in fake.requests] == ["POST", "GET"]


async def test_update_refuses_an_async_function(maps):
    async def change(obj):
        await trio.lowlevel.checkpoint()

    await maps.create(config_map())
    with pytest.raises(ConfigError, match="async function"):
        await maps.update("a", change)


@pytest.mark.parametrize("verb", ["create", "replace"])
async def test_a_projection_is_not_written_back(fake, maps, verb):
    with pytest.raises(ConfigError, match="would be erased"):
        await getattr(maps, verb)(PartialObjectMetadata(ObjectMeta(name="a")))
    assert not list(fake.requests)


async def test_the_namespace_of_an_object_counts_for_a_resource_of_all(client):
    everywhere = client.resource("v1", "configmaps")
    await everywhere.create({**config_map(), "metadata": {"name": "a", "namespace": "default"}})
    assert (await everywhere.get("a", namespace="default")).metadata.namespace == "default"
    with pytest.raises((NotFound, Unsupported), match="if it has namespaces, give one"):
        await everywhere.get("a")


async def test_another_namespace_than_that_of_the_resource_is_refused(fake, maps):
    with pytest.raises(ConfigError, match="for a resource of namespace default"):
        await maps.get("a", namespace="other")
    assert not list(fake.requests)


@pytest.mark.parametrize(
    "call",
    [
        lambda maps: maps.get(".."),
        lambda maps: maps.get(""),
        lambda maps: maps.replace({"metadata": {}}),
        lambda maps: maps.delete("a/b"),
        lambda maps: maps.delete("a", uid=""),
        lambda maps: maps.delete("a", propagation="Sideways"),
        lambda maps: maps.delete("a", grace_seconds=-1),
        lambda maps: maps.patch("a", {}, type="yaml"),
        lambda maps: maps.patch("a", {"x": object()}),
        lambda maps: maps.create({}, field_validation="strict"),
        lambda maps: maps.create({}, name="a"),
        lambda maps: maps.apply(config_map(), field_manager=""),
        lambda maps: maps.apply(config_map(), field_manager="x" * 129),
        lambda maps: maps.update("a", lambda _: None, attempts=0),
        lambda maps: maps.add_finalizer(PartialObjectMetadata(ObjectMeta(name="a")), "no-domain"),
        lambda maps: maps.subresource("eviction").create({}),
    ],
)
async def test_bad_arguments_are_refused_before_a_request_is_made(fake, maps, call):
    with pytest.raises(ConfigError):
        await call(maps)
    assert not list(fake.requests)


async def test_a_finalizer_keeps_an_object_until_it_is_removed(maps):
    created = await maps.create(config_map())
    with_finalizer = await maps.add_finalizer(created, "example.com/x")
    assert with_finalizer.metadata.finalizers == ("example.com/x",)
    assert (await maps.delete("a")).metadata.deletion_timestamp is not None
    assert await maps.remove_finalizer(created, "example.com/x") is not None
    assert await maps.remove_finalizer(created, "example.com/x") is None
    with pytest.raises(NotFound):
        await maps.add_finalizer(created, "example.com/x")


async def test_an_object_that_took_the_name_of_another_does_not_get_its_finalizer(maps):
    old = await maps.create(config_map())
    await maps.delete("a")
    new = await maps.create(config_map())
    with pytest.raises(NotFound, match="another one has its name"):
        await maps.add_finalizer(old, "example.com/x")
    await maps.add_finalizer(new, "example.com/x")
    assert await maps.remove_finalizer(old, "example.com/x") is None
    assert (await maps.get("a")).metadata.finalizers == ("example.com/x",)


async def test_what_is_not_there_may_be_deleted_if_that_is_fine(client, maps):
    assert await maps.delete("a", missing_ok=True) is None
    with pytest.raises(NotFound):
        await maps.delete("a")
    with pytest.raises(NotFound):  # nothing of that kind is served: something else is wrong
        await client.resource("none.example.com/v1", "things").delete("a", missing_ok=True)


async def test_a_collection_is_deleted_by_its_labels(maps):
    await maps.create({**config_map("a"), "metadata": {"name": "a", "labels": {"x": "1"}}})
    await maps.create(config_map("b"))
    assert [obj.metadata.name for obj in await maps.delete_all(ListOptions(label_selector="x=1"))] == ["a"]
    assert [obj.metadata.name for obj in (await maps.list()).items] == ["b"]


@pytest.mark.parametrize(
    "delete",
    [
        lambda maps: maps.delete("a", dry_run=True),
        lambda maps: maps.delete("a", dry_run=True, propagation="Background"),
        lambda maps: maps.delete("a", dry_run=True, grace_seconds=0),
        lambda maps: maps.delete_all(dry_run=True),
        lambda maps: maps.delete_all(dry_run=True, propagation="Foreground"),
    ],
)
async def test_a_dry_run_deletes_nothing_whatever_other_options_there_are(maps, delete):
    """Servers that get options in a body do not read those in the query."""
    await maps.create(config_map())
    await delete(maps)
    assert (await maps.get("a")).metadata.deletion_timestamp is None


class Scripted(httpx.AsyncBaseTransport):
    """Answers each request with the next of `answers`, or raises it."""

    def __init__(self, *answers):
        self.answers = list(answers)
        self.requests = []

    async def handle_async_request(self, request):
        self.requests.append(request)
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        if answer is None:
            await trio.sleep_forever()
        return answer


VERBS = {
    "create": lambda maps: maps.create(config_map()),
    "replace": lambda maps: maps.replace(config_map()),
    "patch": lambda maps: maps.patch("a", {}),
    "apply": lambda maps: maps.apply(config_map(), field_manager="m"),
    "delete": lambda maps: maps.delete("a"),
    "delete_all": lambda maps: maps.delete_all(),
    "scale": lambda maps: maps.subresource("scale").patch("a", {}),
}


class Cut(httpx.AsyncByteStream):
    async def __aiter__(self):
        yield b'{"kind":'
        raise httpx.ReadError("reset")


def cut_off():
    return httpx.Response(200, stream=Cut())


ANSWERS = [
    ("never connected", lambda: httpx.ConnectError("refused"), Unavailable, False),
    ("proxy refuses", lambda: httpx.ProxyError("no"), Unavailable, False),
    ("cut while it is sent", lambda: httpx.WriteError("reset"), Unavailable, True),
    ("cut before the answer", lambda: httpx.ReadError("reset"), Unavailable, True),
    ("cut in the answer", cut_off, Unavailable, True),
    ("silence", lambda: None, Unavailable, True),
    ("429", lambda: httpx.Response(429), ApiError, False),
    ("429 for long", lambda: httpx.Response(429, headers={"Retry-After": "31"}), ApiError, False),
    ("409", lambda: httpx.Response(409), Conflict, False),
    ("422", lambda: httpx.Response(422), Invalid, False),
    ("413", lambda: httpx.Response(413, text="too large"), ApiError, False),
    ("401", lambda: httpx.Response(401), ApiError, False),
    ("405", lambda: httpx.Response(405), Unsupported, False),
    ("504", lambda: httpx.Response(504), ApiError, True),
]


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize(("answer", "error", "possible"), [one[1:] for one in ANSWERS], ids=[one[0] for one in ANSWERS])
async def test_an_error_says_whether_the_write_may_have_happened_and_nothing_is_repeated(
    autojump_clock, verb, answer, error, possible
):
    transport = Scripted(answer())
    async with open_client(transport=transport) as client:
        with pytest.raises(error) as caught:
            await VERBS[verb](client.resource("v1", "configmaps", namespace="default"))
    assert caught.value.may_have_happened is possible
    assert len(transport.requests) == 1


async def test_a_write_does_not_follow_redirects():
    transport = Scripted(httpx.Response(307, headers={"Location": "http://localhost/elsewhere"}))
    async with open_client(transport=transport) as client:
        with pytest.raises(Exception, match="a write is not sent elsewhere"):
            await client.resource("v1", "configmaps", namespace="default").create(config_map())
    assert len(transport.requests) == 1


async def test_warnings_of_the_server_are_logged(caplog):
    answer = httpx.Response(
        200, json=config_map(), headers=[("Warning", '299 - "old\\\\ \\"API\\""'), ("Warning", "nonsense")]
    )
    async with open_client(transport=Scripted(answer)) as client:
        await client.resource("v1", "configmaps", namespace="default").create(config_map())
    assert [record.getMessage() for record in caplog.records if record.name == "trio_k8swatch"] == [
        'create configmaps (v1) in namespace default: the server warns: old\\ "API"'
    ]
