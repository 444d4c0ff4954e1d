"""Fields that are dropped are gone from what is kept, and nothing else is."""

from __future__ import annotations

import json
from typing import Any

import httpx
import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from trio_k8swatch import ConfigError, DynamicObject, ListOptions, ObjectMeta, Resource, open_client, open_watch
from trio_k8swatch._wire.dropped_fields import DroppedFields
from trio_k8swatch.testing import FakeApiServer
from trio_k8swatch.testing.builders import pod

MANAGED = "metadata.managedFields"


def without(obj: Any, path: str) -> Any:
    """The model: the plain way to remove a path."""
    name, _, below = path.partition(".")
    if not isinstance(obj, dict) or name not in obj:
        return obj
    kept = {key: value for key, value in obj.items() if key != name}
    return {**obj, name: without(obj[name], below)} if below else kept


JSON = st.recursive(
    st.none() | st.integers(-5, 5) | st.sampled_from(["managedFields", '"managedFields":[1]', "é", "", "\\"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["metadata", "managedFields", "spec", "a", 'x"managedFields":']), inner, max_size=4
        )
    ),
    max_leaves=20,
)


@given(
    st.dictionaries(st.sampled_from(["metadata", "spec", "managedFields", "data"]), JSON, max_size=4),
    st.sampled_from([MANAGED, "spec.a", "spec", "spec.managedFields"]),
    st.sampled_from([(",", ":"), (", ", ": "), (" ,\n", " : ")]),
)
@example({"metadata": {"managedFields": [1]}, "spec": {"managedFields": [1]}}, MANAGED, (",", ":"))
@example({"data": {"managedFields": [1]}, "metadata": {"managedFields": [1]}}, MANAGED, (",", ":"))
@example({"metadata": {"a": 1, "managedFields": [1]}}, MANAGED, (",", ":"))
@example({"metadata": {"managedFields": None}}, MANAGED, (",", ":"))
@example({"data": {"managedFields": [1]}}, MANAGED, (",", ":"))
@example({"metadata": {"managedFields": [1]}}, MANAGED, (" ,\n", " : "))
@example({"managedFields": None, "metadata": None}, MANAGED, (",", ":"))
def test_exactly_the_field_goes(obj: dict[str, Any], path: str, separators: tuple[str, str]) -> None:
    """Whatever else is called so, wherever it stands, and however the text is spaced."""
    raw = json.dumps(obj, separators=separators).encode()

    assert json.loads(DroppedFields([path]).cut(raw)) == without(obj, path)
    decoded = json.loads(raw)
    DroppedFields([path]).remove(decoded)
    assert decoded == without(obj, path)


def test_the_usual_object_is_cut_by_slices() -> None:
    """Nothing else of the text changes, so the bytes that are kept are the server's."""
    raw = b'{"kind":"Pod","metadata":{"name":"a","managedFields":[{"manager":"x"}]},"spec":{ "a": 1 }}'

    assert DroppedFields([MANAGED]).cut(raw) == b'{"kind":"Pod","metadata":{"name":"a"},"spec":{ "a": 1 }}'


@pytest.mark.parametrize(
    "path", ["metadata", "metadata.uid", "metadata.resourceVersion", "", "a..b", "a b", "a[0]", "kind"]
)
def test_what_cannot_be_dropped_is_refused(path: str) -> None:
    """What a watch needs, and what is no path."""
    with pytest.raises(ConfigError, match="drop="):
        DroppedFields([path])


class Struct(msgspec.Struct):
    metadata: ObjectMeta


async def test_a_field_that_the_type_names_is_refused(autojump_clock: object) -> None:
    """Else it would depend on the server whether it is there; fields that it does not name cost nothing anyway."""
    async with open_client(transport=FakeApiServer().transport()) as client:
        client.resource("v1", "pods", type=Struct, drop=[MANAGED])
        with pytest.raises(ConfigError, match=r"drop='metadata.labels': type=Struct names that field"):
            client.resource("v1", "pods", type=Struct, drop=["metadata.labels"])


@pytest.mark.parametrize("type_", [DynamicObject, dict])
async def test_it_never_reaches_the_store(type_: type[Any], autojump_clock: object) -> None:
    """In lists, in events, asked of the server, and cut where the server does not know how."""
    fake = FakeApiServer()
    created = fake.create(pod("a"))
    fake.patch("pods", "a", {"metadata": {"managedFields": [{"manager": "m", "operation": "Update", "apiVersion": "v1",
        "fieldsType": "FieldsV1", "fieldsV1": {"f:spec": {}}, "time": "2026-01-01T00:00:00Z"}]}})  # fmt: skip
    accepts: list[str] = []

    class Recording(httpx.AsyncBaseTransport):
        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            accepts.append(request.headers["accept"])
            return await fake.transport().handle_async_request(request)

    async with open_client(transport=Recording()) as client:
        pods: Resource[Any] = client.resource("v1", "pods", type=type_, drop=(MANAGED, "spec.containers"))
        assert (await pods.list(ListOptions())).items
        async with open_watch(pods) as store:
            version = fake.patch("pods", "a", {"metadata": {"labels": {"x": "y"}}})["metadata"]["resourceVersion"]
            await store.at_least(version)
            [obj] = store.items()
            plain = obj if type_ is dict else obj.to_dict()

    assert "managedFields" not in plain["metadata"]
    assert "containers" not in plain["spec"]
    assert plain["metadata"]["labels"] == {"x": "y"}
    assert created["metadata"]["uid"] == plain["metadata"]["uid"]
    assert {*accepts} == {"application/json;drop=metadata.managedFields"}
