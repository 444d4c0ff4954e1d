"""Named faults of an API server: composable, deterministic, on a schedule or drawn from a seeded source."""

from ._catalogue import Faults
from ._fault import Fault, When

__all__ = ["Fault", "Faults", "When"]
