"""The server of the tests marked `real`: one that is started here, or one that somebody offers."""

from __future__ import annotations

import os
from collections.abc import AsyncGenerator
from pathlib import Path

import pytest
from real.control_plane import Binaries, ControlPlane, NoControlPlane, binaries, control_plane

from trio_k8swatch.connect import Connection, from_kubeconfig

OPT_IN = "TRIO_K8SWATCH_REAL_CLUSTER"
"""Has to be "yes" for tests to write into the cluster of KUBECONFIG, in a namespace of their own."""


@pytest.fixture
def programs() -> Binaries:
    """The programs that the environment names; the test is skipped, with the reason, where there are none."""
    try:
        return binaries(os.environ)
    except NoControlPlane as reason:
        pytest.skip(str(reason))


@pytest.fixture
async def plane(programs: Binaries, tmp_path: Path) -> AsyncGenerator[ControlPlane]:
    """A control plane of the test's own, which may be killed and restarted."""
    async with control_plane(tmp_path / "control-plane", programs) as plane:
        yield plane


@pytest.fixture
def offered() -> Connection:
    """The cluster of KUBECONFIG, if it was offered in so many words."""
    if os.environ.get(OPT_IN) != "yes" or not os.environ.get("KUBECONFIG"):
        pytest.skip(f"no cluster is offered: set KUBECONFIG, and {OPT_IN}=yes to let tests write into it")
    return from_kubeconfig()
