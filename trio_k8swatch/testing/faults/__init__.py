"""Named faults of an API server: composable, deterministic, on a schedule or drawn from a seeded source."""

from ._fault import Fault, When
from ._random import Faults

__all__ = ["Fault", "Faults", "When"]
