"""One request, one response: how an API server is asked."""

from __future__ import annotations

from .client import ApiClient, open_client
from .collection import Collection
from .recorder import Recorder
from .requests import located
from .resource import EventStream, Resource, beside
from .writes.request_object import Patch, Whole
from .writes.update import Change
from .writes.verbs import Verbs
from .writes.write_options import FieldValidation, PatchType, Propagation

__all__ = [
    "ApiClient",
    "Change",
    "Collection",
    "EventStream",
    "FieldValidation",
    "Patch",
    "PatchType",
    "Propagation",
    "Recorder",
    "Resource",
    "Verbs",
    "Whole",
    "beside",
    "located",
    "open_client",
]
