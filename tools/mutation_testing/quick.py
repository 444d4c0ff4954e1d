"""A pytest plugin: Hypothesis as it is at its quickest, the same each time. A failure is not explained, only noticed."""

from hypothesis import HealthCheck, Phase, settings

settings.register_profile(
    "mutants",
    database=None,
    deadline=None,
    derandomize=True,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=[*HealthCheck],
)
