"""What /healthz, /livez and /readyz say."""

from __future__ import annotations

from typing import Final

from .answers import text_answer
from .messages import Response

PATHS: Final = ("/healthz", "/livez", "/readyz")
_CHECKS: Final = (
    "ping log informer-sync poststarthook/start-apiserver-admission-initializer "
    "poststarthook/generic-apiserver-start-informers poststarthook/priority-and-fairness-config-consumer "
    "poststarthook/priority-and-fairness-filter poststarthook/storage-object-count-tracker-hook "
    "poststarthook/start-apiextensions-informers poststarthook/start-apiextensions-controllers "
    "poststarthook/crd-informer-synced poststarthook/start-system-namespaces-controller "
    "poststarthook/peer-endpoint-reconciler-controller poststarthook/start-cluster-authentication-info-controller "
    "poststarthook/start-kube-apiserver-identity-lease-controller "
    "poststarthook/start-kube-apiserver-identity-lease-garbage-collector poststarthook/storage-readiness "
    "poststarthook/start-legacy-token-tracking-controller poststarthook/start-service-ip-repair-controllers "
    "poststarthook/rbac/bootstrap-roles poststarthook/scheduling/bootstrap-system-priority-classes "
    "poststarthook/priority-and-fairness-config-producer poststarthook/bootstrap-controller "
    "poststarthook/start-kubernetes-service-cidr-controller poststarthook/start-kube-aggregator-informers "
    "poststarthook/apiservice-status-local-available-controller "
    "poststarthook/apiservice-status-remote-available-controller poststarthook/apiservice-registration-controller "
    "poststarthook/apiservice-wait-for-first-sync poststarthook/apiservice-discovery-controller "
    "poststarthook/kube-apiserver-autoregistration autoregister-completion "
    "poststarthook/apiservice-openapi-controller poststarthook/apiservice-openapiv3-controller"
)


def healthy() -> Response:
    """All is well."""
    return text_answer(200, "ok")


def stopping() -> Response:
    """The server is about to stop, so /readyz says which check fails: that one."""
    checks = "".join(f"[+]{name} ok\n" for name in _CHECKS.split())
    return text_answer(500, f"{checks}[-]shutdown failed: reason withheld\nreadyz check failed\n")
