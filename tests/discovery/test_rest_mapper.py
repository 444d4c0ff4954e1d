"""What RESOURCE stands for, as kubectl takes it."""

from __future__ import annotations

import pytest

from trio_k8swatch._errors import ConfigError
from trio_k8swatch.discovery._rest_mapper import ServedResource, resolve


def served(api_version: str, plural: str, kind: str, *short_names: str, singular: str = "") -> ServedResource:
    return ServedResource(api_version, plural, kind, True, singular or kind.lower(), short_names)


SERVED = [
    served("v1", "pods", "Pod", "po"),
    served("v1", "events", "Event", "ev"),
    served("v1", "services", "Service", "svc"),
    served("apps/v1", "deployments", "Deployment", "deploy"),
    served("events.k8s.io/v1", "events", "Event", "ev"),
    served("autoscaling/v2", "horizontalpodautoscalers", "HorizontalPodAutoscaler", "hpa"),
    served("autoscaling/v1", "horizontalpodautoscalers", "HorizontalPodAutoscaler", "hpa"),
    served("stable.example.com/v1", "crontabs", "CronTab", "ct"),
    served("serving.knative.dev/v1", "services", "Service", "kservice"),
    served("metrics.k8s.io/v1beta1", "pods", "PodMetrics"),
    served("odd.example.com/v1", "pos", "Pos", singular="po"),
    served("v1.example.com/v2", "things", "Thing"),
]


@pytest.mark.parametrize(
    ("argument", "expected"),
    [
        ("pods", "v1 pods"),
        ("pod", "v1 pods"),
        ("Pod", "v1 pods"),
        (" PODS ", "v1 pods"),
        ("deploy", "apps/v1 deployments"),
        ("deployments.apps", "apps/v1 deployments"),
        ("deploy.apps", "apps/v1 deployments"),
        ("deployments.v1.apps", "apps/v1 deployments"),
        ("Deployment.v1.apps", "apps/v1 deployments"),
        ("apps/v1/deployments", "apps/v1 deployments"),
        ("apps/deployments", "apps/v1 deployments"),
        ("v1/pods", "v1 pods"),
        ("pods.v1.", "v1 pods"),
        ("pods.v1", "v1 pods"),
        ("crontabs.stable.example.com", "stable.example.com/v1 crontabs"),
        ("crontabs.v1.stable.example.com", "stable.example.com/v1 crontabs"),
        ("stable.example.com/v1/CronTab", "stable.example.com/v1 crontabs"),
        ("things.v1.example.com", "v1.example.com/v2 things"),
        ("events", "v1 events"),
        ("events.events.k8s.io", "events.k8s.io/v1 events"),
        ("ev.events.k8s.io", "events.k8s.io/v1 events"),
        ("hpa", "autoscaling/v2 horizontalpodautoscalers"),
        ("hpa.v1.autoscaling", "autoscaling/v1 horizontalpodautoscalers"),
        ("services", "v1 services"),
        ("services.serving.knative.dev", "serving.knative.dev/v1 services"),
        ("services.serving", "serving.knative.dev/v1 services"),
        ("podmetrics", "metrics.k8s.io/v1beta1 pods"),
        ("pods.metrics.k8s.io", "metrics.k8s.io/v1beta1 pods"),
        # A singular goes before a short name.
        ("po", "odd.example.com/v1 pos"),
    ],
)  # fmt: skip
def test_resolve(argument: str, expected: str) -> None:
    """In the server's order of preference."""
    found = resolve(argument, SERVED)
    assert f"{found.api_version} {found.plural}" == expected


@pytest.mark.parametrize(
    ("argument", "suggestion"),
    [
        ("podz", "; did you mean pods?"),
        ("deployment.app.k8s.io", "; did you mean deployments.apps?"),
        ("svcs", "; did you mean services?"),
        ("v2/pods", "; did you mean pods, pods.metrics.k8s.io?"),
        ("apps/v1/beta/deployments", "; did you mean deployments.apps?"),
        ("", ""),
        ("qqqqqqq", ""),
    ],
)
def test_unknown(argument: str, suggestion: str) -> None:
    """One line, with what was probably meant."""
    with pytest.raises(ConfigError) as caught:
        resolve(argument, SERVED)
    assert str(caught.value) == f"the server has no resource {argument!r}{suggestion}"


def test_names() -> None:
    """Group and version are parts of the apiVersion; the core group has no name."""
    assert (SERVED[0].group, SERVED[0].version, SERVED[0].full_name) == ("", "v1", "pods")
    assert (SERVED[3].group, SERVED[3].version, SERVED[3].full_name) == ("apps", "v1", "deployments.apps")
