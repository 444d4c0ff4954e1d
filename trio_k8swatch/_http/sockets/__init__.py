"""TCP and TLS connections, read faster than httpcore reads them."""

from .network import Backend, NetworkStream

__all__ = ["Backend", "NetworkStream"]
