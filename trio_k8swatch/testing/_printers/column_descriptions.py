"""What the columns of a table mean, in the words of the real server, where they were recorded."""

from __future__ import annotations

from typing import Final

# For all resources, and then by qualified name.
COMMON: Final[dict[str, str]] = {
    "Name": (
        "Name must be unique within a namespace. Is required when creating resources, although some resources may "
        "allow a client to request the generation of an appropriate name automatically. Name is primarily intended "
        "for creation idempotence and configuration definition. Cannot be updated. More info: "
        "https://kubernetes.io/docs/concepts/overview/working-with-objects/names#names"
    ),
    "Age": (
        "CreationTimestamp is a timestamp representing the server time when this object was created. It is not "
        "guaranteed to be set in happens-before order across separate operations. Clients may not set this value. It "
        "is represented in RFC3339 form and is in UTC.\n\nPopulated by the system. Read-only. Null for lists. More "
        "info: https://git.k8s.io/community/contributors/devel/sig-architecture/api-conventions.md#metadata"
    ),
}
DESCRIPTIONS: Final[dict[str, dict[str, str]]] = {
    "configmaps": {
        "Data": (
            "Data contains the configuration data. Each key must consist of alphanumeric characters, '-', '_' or '.'."
            " Values with non-UTF-8 byte sequences must use the BinaryData field. The keys stored in Data must not "
            "overlap with the keys in the BinaryData field, this is enforced during validation process."
        ),
    },
    "events": {
        "Last Seen": "The time at which the most recent occurrence of this event was recorded.",
        "Type": "Type of this event (Normal, Warning), new types could be added in the future",
        "Reason": (
            "This should be a short, machine understandable string that gives the reason for the transition into the "
            "object's current status."
        ),
        "Object": "The object that this event is about.",
        "Subobject": (
            "If referring to a piece of an object instead of an entire object, this string should contain a valid "
            "JSON/Go field access statement, such as desiredState.manifest.containers[2]. For example, if the object "
            'reference is to a container within a pod, this would take on a value like: "spec.containers{name}" (where '
            '"name" refers to the name of the container that triggered the event) or if no container name is specified '
            '"spec.containers[2]" (container with index 2 in this pod). This syntax is chosen only to have some '
            "well-defined way of referencing a part of an object."
        ),
        "Source": "The component reporting this event. Should be a short machine understandable string.",
        "Message": "A human-readable description of the status of this operation.",
        "First Seen": ("The time at which the event was first recorded. (Time of server receipt is in TypeMeta.)"),
        "Count": "The number of times this event has occurred.",
    },
    "pods": {
        "Ready": "The aggregate readiness state of this pod for accepting traffic.",
        "Status": "The aggregate status of the containers in this pod.",
        "Restarts": (
            "The number of times the containers in this pod have been restarted and when the last container in this "
            "pod has restarted."
        ),
        "IP": "podIP address allocated to the pod. Routable at least within the cluster. Empty if not yet allocated.",
        "Node": (
            "NodeName indicates in which node this pod is scheduled. If empty, this pod is a candidate for scheduling"
            " by the scheduler defined in schedulerName. Once this field is set, the kubelet for this node becomes "
            "responsible for the lifecycle of this pod. This field should not be used to express a desire for the pod"
            " to be scheduled on a specific node. https://kubernetes.io/docs/concepts/scheduling-eviction/assign-pod-"
            "node/#nodename"
        ),
        "Nominated Node": (
            "nominatedNodeName is set only when this pod preempts other pods on the node, but it cannot be scheduled "
            "right away as preemption victims receive their graceful termination periods. This field does not "
            "guarantee that the pod will be scheduled on this node. Scheduler may decide to place the pod elsewhere "
            "if other nodes become available sooner. Scheduler may also decide to give the resources on this node to "
            "a higher priority pod that is created after preemption. As a result, this field may be different than "
            "PodSpec.nodeName when the pod is scheduled."
        ),
        "Readiness Gates": (
            "If specified, all readiness gates will be evaluated for pod readiness. A pod is ready when all its "
            'containers are ready AND all conditions specified in the readiness gates have status equal to "True" '
            "More info: https://git.k8s.io/enhancements/keps/sig-network/580-pod-readiness-gates"
        ),
    },
}
