"""The nodes that a simulation brings along where there are none."""

from __future__ import annotations

from trio_k8swatch.testing._json import Object
from trio_k8swatch.testing.builders import node


def worker(number: int) -> Object:
    """A node that is ready, with an address."""
    name = f"worker-{number}"
    made = node(name, labels={"kubernetes.io/hostname": name, "kubernetes.io/os": "linux"}, cpu="8", memory="32Gi")
    addresses = [
        {"type": "InternalIP", "address": f"192.168.10.{10 + number % 240}"},
        {"type": "Hostname", "address": name},
    ]
    made["status"]["addresses"] = addresses
    made["status"]["nodeInfo"] = {
        # All of these are required; clients that check their models refuse a node without them.
        "machineID": f"{number:032x}",
        "systemUUID": f"00000000-0000-0000-0000-{number:012x}",
        "bootID": f"00000000-0000-0000-0001-{number:012x}",
        "kubeProxyVersion": "v1.36.2",
        "kernelVersion": "6.12.11",
        "osImage": "Simulated Linux",
        "containerRuntimeVersion": "simulated://1.0.0",
        "kubeletVersion": "v1.36.2",
        "operatingSystem": "linux",
        "architecture": "amd64",
    }
    return made
