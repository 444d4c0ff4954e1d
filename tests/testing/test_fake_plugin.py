"""What the pytest plugin gives, and what it does not cost."""

import subprocess
import sys

from trio_k8swatch import open_client, open_watch
from trio_k8swatch.testing import FakeApiServer
from trio_k8swatch.testing.builders import pod


async def test_the_store_follows(fake_apiserver, autojump_clock):
    """The first example of the how-to."""
    fake_apiserver.create(pod("web-0"))
    async with open_client(base_url="http://fake", transport=fake_apiserver.transport()) as client:
        async with open_watch(client.resource("v1", "pods")) as store:
            fake_apiserver.create(pod("web-1"))
            await store.at_least(fake_apiserver.resource_version)
            assert {one.metadata.name for one in store.items()} == {"web-0", "web-1"}


def test_each_test_has_a_server_of_its_own(fake_apiserver):
    """Fresh, and alike: the same seed makes the same uids."""
    assert fake_apiserver.objects("pods") == []
    uid = fake_apiserver.create(pod("a"))["metadata"]["uid"]
    assert uid == FakeApiServer().create(pod("a"))["metadata"]["uid"]
    assert uid != FakeApiServer(seed=1).create(pod("a"))["metadata"]["uid"]


def test_loading_the_plugin_loads_neither_the_fake_nor_respx():
    """Every pytest run of everybody who installed the package loads it."""
    program = (
        "import sys, trio_k8swatch.testing.plugin as plugin\n"
        "heavy = [name for name in sys.modules if name.startswith('trio_k8swatch.testing.') and name != plugin.__name__]\n"
        "print(heavy, [name for name in ('respx', 'trustme', 'jsonpatch') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "[] []"


def test_the_library_never_loads_it():
    """Importing `trio_k8swatch` must not need the extra."""
    program = "import sys, trio_k8swatch; print([name for name in sys.modules if 'k8swatch.testing' in name])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "[]"
