"""All faults under one name, but for those that come by chance."""

from __future__ import annotations

from ._compression import FaultsOfCompression
from ._connection import ConnectionFaults
from ._events import EventFaults
from ._history import HistoryFaults
from ._lists import ListFaults
from ._metadata import MetadataFaults
from ._outages import OutageFaults


class NamedFaults(
    ConnectionFaults, FaultsOfCompression, EventFaults, ListFaults, MetadataFaults, OutageFaults, HistoryFaults
):
    """Each method makes a fault and returns it."""
