"""All faults under one name."""

from __future__ import annotations

from ._connection import ConnectionFaults
from ._events import EventFaults
from ._history import HistoryFaults
from ._lists import ListFaults
from ._metadata import MetadataFaults
from ._outages import OutageFaults
from ._random import RandomFaults
from ._refusals import RefusalFaults


class Faults(
    ConnectionFaults,
    RefusalFaults,
    EventFaults,
    ListFaults,
    MetadataFaults,
    OutageFaults,
    HistoryFaults,
    RandomFaults,
):
    """What can go wrong, by name.

    Each method makes a fault and returns it; several may be active at once, and act in the order they were made. A
    fault *that happens* strikes once unless told otherwise (`times=`), a fault *that is so* until it is removed; the
    docstring says which. All take the keywords of `When`: `on`, `resource`, `namespace`, `times`, `after`,
    `for_seconds`.
    """
