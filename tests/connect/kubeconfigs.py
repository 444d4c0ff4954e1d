"""Writes kubeconfigs, and describes a machine on which there is nothing else."""

from __future__ import annotations

import base64
import json
import time
from pathlib import Path
from typing import Any

import trustme

from trio_k8swatch.connect import Surroundings

SERVER = "https://127.0.0.1:6443"


def machine(tmp_path: Path, **changes: Any) -> Surroundings:
    """A machine whose home is `tmp_path`, without service account or terminal."""
    defaults: dict[str, Any] = {
        "environ": {"PATH": "/usr/bin:/bin"},
        "home": tmp_path,
        "service_account": tmp_path / "serviceaccount",
        "now": time.time,
        "terminal": False,
    }
    return Surroundings(**(defaults | changes))


def document(
    cluster: dict[str, Any] | None = None, user: dict[str, Any] | None = None, **context: Any
) -> dict[str, Any]:
    """A kubeconfig with one cluster `c`, one user `u` and one context `x`, which is the current one."""
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "x",
        "clusters": [{"name": "c", "cluster": {"server": SERVER} | (cluster or {})}],
        "users": [{"name": "u", "user": user or {}}],
        "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"} | context}],
    }


def write(path: Path, content: dict[str, Any] | str | bytes) -> Path:
    """JSON is YAML, so a dict will do."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


def data(blob: trustme.Blob) -> str:
    return base64.b64encode(blob.bytes()).decode()


def identity(certificate: trustme.LeafCert) -> dict[str, str]:
    """The fields of a user who has this certificate."""
    return {
        "client-certificate-data": data(certificate.cert_chain_pems[0]),
        "client-key-data": data(certificate.private_key_pem),
    }
