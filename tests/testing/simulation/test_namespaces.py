"""Each namespace has what its pods need: an account and a certificate."""

import pytest
import trio

from trio_k8swatch.testing import FakeApiServer
from trio_k8swatch.testing.builders import namespace


@pytest.fixture
def fake():
    return FakeApiServer()


def given(fake, name):
    return [one["metadata"]["name"] for kind in ("sa", "cm") for one in fake.objects(kind, namespace=name)]


async def test_those_that_are_there_and_those_that_come(fake, autojump_clock):
    """A default ServiceAccount, and the ConfigMap with the cluster's certificate."""
    fake.simulate()
    assert given(fake, "default") == ["default", "kube-root-ca.crt"]
    fake.create(namespace("shop"))
    await trio.sleep(1)

    for name in ("default", "kube-system", "shop"):
        assert given(fake, name) == ["default", "kube-root-ca.crt"]
    assert "ca.crt" in fake.get("configmaps", "kube-root-ca.crt", namespace="shop")["data"]


async def test_what_is_deleted_comes_back_unless_the_namespace_ends(fake, autojump_clock):
    """As the controllers would have it."""
    fake.simulate()
    fake.create(namespace("shop"))
    await trio.sleep(1)
    fake.delete("sa", "default", namespace="shop")
    fake.delete("cm", "kube-root-ca.crt", namespace="shop")
    await trio.sleep(1)
    assert given(fake, "shop") == ["default", "kube-root-ca.crt"]

    fake.delete("namespaces", "shop")
    await trio.sleep(1)
    assert (fake.get("namespaces", "shop"), given(fake, "shop")) == (None, [])


async def test_without_a_simulation_there_is_nothing(fake, autojump_clock):
    """A namespace is as empty as it was made."""
    fake.create(namespace("shop"))
    await trio.sleep(1)
    assert given(fake, "shop") == []
