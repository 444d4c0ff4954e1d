"""What all replicas of a shard agree on, and how one of them is called."""

from __future__ import annotations

import re
from secrets import token_hex
from socket import gethostname
from typing import Final

import msgspec

from trio_k8swatch._errors import ConfigError
from trio_k8swatch.lease._election import LeaseTimes

from ._slots import checked_slots

__all__ = ["ShardSettings"]

_NAME: Final = re.compile(r"[a-z0-9]([-a-z0-9.]*[a-z0-9])?")
_MOST_LABEL_CHARACTERS: Final = 63
_MOST_NAME_CHARACTERS: Final = 253


class ShardSettings(msgspec.Struct, frozen=True):
    """Checked when it is made: ConfigError says what cannot be used."""

    shard: str
    """Its name, which is a label of the Leases."""
    identity: str
    """Of this replica: the name of its Lease."""
    slots: int
    times: LeaseTimes

    def __post_init__(self) -> None:
        if len(self.shard) > _MOST_LABEL_CHARACTERS or not _NAME.fullmatch(self.shard):
            raise ConfigError(
                f"open_shard(…, {self.shard!r}): use a short name in lower case, for example 'web-controller'"
            )
        if len(self.identity) > _MOST_NAME_CHARACTERS or not _NAME.fullmatch(self.identity):
            raise ConfigError(
                f"open_shard(identity={self.identity!r}): it becomes the name of a Lease; use lower case, '-' and '.'"
            )
        checked_slots(self.slots)

    @staticmethod
    def new_identity(shard: str) -> str:
        """One that no other replica has."""
        return f"{shard}-{gethostname().lower()}-{token_hex(4)}"
