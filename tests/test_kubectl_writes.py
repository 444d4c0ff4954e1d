"""What kubectl writes and what we write is the same: on the wire, and in what there is afterwards."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
import trio
from kubectl_table import TABLE, Row
from kubectl_wire import KUBECTL, Stage

from trio_k8swatch.testing import FakeApiServer

pytestmark = pytest.mark.skipif(KUBECTL is None, reason="there is no kubectl on the PATH")


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """Where kubectl keeps what it knows of servers."""
    return tmp_path_factory.mktemp("home")


def test_the_table_has_at_least_forty_rows():
    """Each of another kind."""
    assert len({row.id for row in TABLE}) == len(TABLE) >= 40


@pytest.mark.parametrize("row", TABLE, ids=[row.id for row in TABLE])
async def test_we_write_what_kubectl_writes(row: Row, home):
    """Method, path, query, content type and body of each write; the status of its answer; all objects afterwards."""
    fake = FakeApiServer(epoch=datetime.now(UTC), kubelet_seconds=0.0)
    with trio.fail_after(30):
        async with Stage(fake.handle, home).open() as stage:
            both = await stage.run(row, 1)
    assert both.sent[0], both.said
    assert both.sent[1] == both.sent[0], both.said
    assert both.statuses[1] == both.statuses[0], both.said
    assert both.done[1] == both.done[0], both.said
    assert both.objects[1] == both.objects[0], both.said
    assert (both.statuses[0][-1] == 501) is row.not_imitated
