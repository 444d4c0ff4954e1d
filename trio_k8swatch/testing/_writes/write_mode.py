"""How something is written: by whom, through which subresource, for trial only, from the inside of a test."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from .managed_fields import Origin


@dataclass(frozen=True, slots=True)
class Write:
    """How something is written.

    `manager` is noted in managedFields, where it is empty nothing is noted. `patched`: it is what a patch left.
    `free`: from the inside of the test, where the status may be written together with the rest, whatever the resource,
    and little is checked.
    """

    manager: str = ""
    subresource: str = ""
    dry_run: bool = False
    free: bool = False
    patched: bool = False

    def origin(self, time: str, operation: str = "Update") -> Origin:
        """For managedFields; a scale notes no time."""
        time = "" if self.subresource == "scale" else time
        return Origin(self.manager, time, operation, self.subresource)


FROM_INSIDE: Final = Write(free=True)
