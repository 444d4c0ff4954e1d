"""What Go's structs know of their fields and no OpenAPI document says: pointers, and what is written where it is empty."""

from __future__ import annotations

from typing import Final

# Booleans and numbers that are no pointers: zero is the same as absent. All others are kept as they were sent.
OMITTED_ZEROS: Final = frozenset(
    {
        "hostNetwork", "hostPID", "hostIPC", "tty", "stdin", "stdinOnce", "readOnly", "unschedulable", "paused",
        "publishNotReadyAddresses", "hostPort", "weight", "initialDelaySeconds", "timeoutSeconds", "periodSeconds",
        "successThreshold", "failureThreshold", "minReadySeconds", "observedGeneration", "generation", "nodePort",
        "healthCheckNodePort", "readyReplicas", "availableReplicas", "updatedReplicas", "unavailableReplicas",
        "fullyLabeledReplicas", "currentReplicas", "active", "succeeded", "failed", "count", "manualSelector",
        "deprecated", "preserveUnknownFields",
        ("apps.v1.DeploymentStatus", "replicas"), ("apps.v1.DeploymentSpec", "paused"),
    }
)  # fmt: skip
# Strings and lists that are pointers, or for which empty means something else than absent.
KEPT_EMPTY: Final = frozenset(
    {
        "storageClassName", "ingressClassName", "volumeClaimTemplateName", "volumeMode", "loadBalancerClass",
        "runtimeClassName", "podSelector", "namespaceSelector", "matchLabelKeys",
        "holderIdentity", "preferredHolder", "strategy", "nodeName", "appProtocol", "pathType",
    }
)  # fmt: skip
# Written where they are empty by the document's word, and not by the server's.
OMITTED_ANYWAY: Final = frozenset({("core.v1.ReplicationControllerSpec", "minReadySeconds")})
# Times and lists without `omitempty`: null where they are empty.
NULLS: Final[dict[str, tuple[str, ...]]] = {
    "core.v1.Event": ("firstTimestamp", "lastTimestamp", "eventTime"),
    "core.v1.PodCondition": ("lastProbeTime",),
    "core.v1.NodeCondition": ("lastHeartbeatTime", "lastTransitionTime"),
    "core.v1.PersistentVolumeClaimCondition": ("lastProbeTime", "lastTransitionTime"),
    "apps.v1.DeploymentCondition": ("lastUpdateTime", "lastTransitionTime"),
    "events.v1.Event": ("deprecatedFirstTimestamp", "deprecatedLastTimestamp"),
    "rbac.v1.Role": ("rules",),
    "rbac.v1.ClusterRole": ("rules",),
    "storage.v1.CSINodeSpec": ("drivers",),
    "storage.v1.CSINodeDriver": ("topologyKeys",),
    "discovery.v1.EndpointSlice": ("endpoints", "ports"),
    "autoscaling.v2.HorizontalPodAutoscalerStatus": ("currentMetrics",),
}
