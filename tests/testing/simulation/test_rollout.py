"""The arithmetic of rolling updates: limits are kept at every step, and every rollout ends."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from trio_k8swatch.testing.simulation.rollout import Limits, Size, next_sizes


def test_percentages_are_rounded_as_kubernetes_does() -> None:
    """The surge up, the unavailable down; both zero would never end, so one may be away."""
    spec = {"replicas": 3, "strategy": {"rollingUpdate": {"maxSurge": "25%", "maxUnavailable": "25%"}}}
    assert Limits.of(spec) == Limits(3, 1, 0)
    none = {"replicas": 3, "strategy": {"rollingUpdate": {"maxSurge": 0, "maxUnavailable": "10%"}}}
    assert Limits.of(none) == Limits(3, 0, 1)


@given(
    st.integers(0, 12),
    st.integers(0, 4),
    st.integers(0, 4),
    st.lists(st.tuples(st.integers(0, 12), st.booleans()), max_size=3),
)
def test_a_rollout_keeps_its_limits_and_ends(
    replicas: int, surge: int, unavailable: int, before: list[tuple[int, bool]]
) -> None:
    """Old sets sound or broken: never more pods than allowed, never fewer available, and in the end only new ones."""
    limits = Limits(replicas, surge, unavailable if surge or unavailable else 1)
    new = Size(0, 0)
    old = [Size(wanted, wanted if sound else 0) for wanted, sound in before]
    for _ in range(200):
        available = new.sound + sum(one.sound for one in old)
        total = new.wanted + sum(one.wanted for one in old)
        grown, kept = next_sizes(limits, new, old)
        after = grown + sum(kept)
        assert after <= max(total, replicas + surge)
        lost = min(grown, new.sound) + sum(min(k, one.sound) for k, one in zip(kept, old, strict=True))
        assert lost >= min(available, replicas - limits.unavailable)
        if (grown, kept) == (new.wanted, [one.wanted for one in old]) and new.available == grown:
            break
        # Everything that is new becomes available.
        new = Size(grown, grown)
        old = [Size(k, min(k, one.available)) for k, one in zip(kept, old, strict=True)]
    assert new.wanted == replicas
    assert all(one.wanted == 0 for one in old)
