"""An API server in a box, for tests of programs that talk to one."""

from ._server import FakeApiServer
from ._status import Refused
from .faults import Fault, Faults

__all__ = ["FakeApiServer", "Fault", "Faults", "Refused"]
