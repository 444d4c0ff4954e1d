"""Continue tokens: where the next page of a list begins."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from typing import Final, cast

from trio_k8swatch.testing._http.statuses import bad_request
from trio_k8swatch.testing._json import Object, decode, encode

# A token with this instead of a resourceVersion continues at whatever is there now.
INCONSISTENT: Final = -1


@dataclass(frozen=True, slots=True)
class Continue:
    """A place in a list at one resourceVersion: the next page begins after the object of that key."""

    resource_version: int
    after: str

    def token(self) -> str:
        """As `metadata.continue` carries it."""
        # The consistent form starts with a slash, the inconsistent one does not; the real server is like that.
        start = self.after if self.resource_version == INCONSISTENT else f"/{self.after}"
        content = {"v": "meta.k8s.io/v1", "rv": self.resource_version, "start": f"{start}\0"}
        return base64.urlsafe_b64encode(encode(content)).decode().rstrip("=")


def parse_continue(token: str) -> Continue:
    """The place that a token stands for; 400 if it is none of ours."""
    try:
        data = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))
    except (binascii.Error, ValueError):
        raise bad_request("invalid continue token: continue key is not valid: illegal base64 data") from None
    try:
        content = cast("Object", decode(data))
        return Continue(int(content["rv"]), str(content["start"]).removeprefix("/").removesuffix("\0"))
    except (ValueError, KeyError, TypeError):
        first = chr(data[0]) if data[:1].isascii() and data else f"\\x{data[0]:02x}" if data else ""
        why = f"invalid character '{first}' looking for beginning of value"
        raise bad_request(f"invalid continue token: continue key is not valid: {why}") from None
