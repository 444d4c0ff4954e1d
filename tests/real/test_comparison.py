"""The fake and a real kube-apiserver, asked the same: `TRIO_K8SWATCH_EPISODES` says how much, `…_SEED` what."""

import argparse
import os

import pytest
import trio
from testing.comparison.classes import CLASSES
from testing.comparison.compare import compared, table
from testing.comparison.record import record

pytestmark = pytest.mark.real


@pytest.mark.parametrize("applies", [False, True])
def test_both_answer_alike(programs, monkeypatch, applies):
    """Nine of ten, to requests that nobody has seen before; hardly ever does the fake do what the real server refuses."""
    monkeypatch.setenv("TEST_ASSET_ETCD", str(programs.etcd))
    monkeypatch.setenv("TEST_ASSET_KUBE_APISERVER", str(programs.apiserver))
    episodes = int(os.environ.get("TRIO_K8SWATCH_EPISODES", "48"))
    seed = int(os.environ.get("TRIO_K8SWATCH_SEED", "77"))
    options = argparse.Namespace(url=None, folder=None, seed=seed, episodes=episodes, applies=applies)

    results = compared(trio.run(record, options))

    found = [one for *_, one in results]
    assert set(found) <= set(CLASSES)
    assert sum(one in {"same", "wording"} for one in found) >= 0.9 * len(found), table(results)
    assert found.count("accepted") <= 0.01 * len(found), table(results)
