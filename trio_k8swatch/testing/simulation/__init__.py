"""Controllers, scheduler and kubelets for the fake: objects move as they would in a cluster."""

from .loop import Simulation
from .nodes import worker
from .pods import Pace

__all__ = ["Pace", "Simulation", "worker"]
