"""What counts as the URL of an API server."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import ip_address
from urllib.parse import SplitResult, unquote, urlsplit, urlunsplit

from trio_k8swatch._errors import ConfigError

__all__ = ["ServerURL", "is_loopback", "parse_server"]


@dataclass(frozen=True, slots=True, repr=False)
class ServerURL:
    """`url` without trailing slash, query and user; `user` is the name and password that stood in it, if any."""

    url: str
    user: tuple[str, str] | None

    @property
    def encrypted(self) -> bool:
        return self.url.startswith("https:")

    @property
    def is_loopback(self) -> bool:
        """Whether requests stay on this machine."""
        return is_loopback(urlsplit(self.url).hostname or "")


def is_loopback(host: str) -> bool:
    """As Go has it: `localhost` and the addresses of the loopback interface."""
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def parse_server(text: str, *, label: str, default_scheme: str | None = None) -> ServerURL:
    """Read a URL, or with a `default_scheme` also HOST:PORT; `ConfigError` beginning with `label` if it is neither."""
    text = text.strip()
    if "://" not in text:
        if default_scheme is None:
            # Not quoted if there might be a password in it.
            example = "example:6443" if "@" in text or not text else text
            raise ConfigError(f"{label} has no scheme: write https://{example}, or http://{example}")
        if "/" in text:
            raise ConfigError(f"{label} must be a URL, or HOST:PORT")
        text = f"{default_scheme}://{text}"
    parts = _split(text, label)
    user = None
    if parts.username is not None:
        user = (unquote(parts.username), unquote(parts.password or ""))
    return ServerURL(urlunsplit((parts.scheme, _address(parts), parts.path.rstrip("/"), "", "")), user)


def _split(text: str, label: str) -> SplitResult:
    try:
        parts = urlsplit(text)
        _ = parts.port
    except ValueError:
        raise ConfigError(f"{label} is not a URL: its port or its address is malformed") from None
    if parts.scheme not in {"http", "https"}:
        raise ConfigError(f"{label} must begin with https:// or http://, not {parts.scheme}://")
    if not parts.hostname or any(character.isspace() for character in text):
        raise ConfigError(f"{label} is not a URL with a host name")
    return parts


def _address(parts: SplitResult) -> str:
    return parts.netloc.rpartition("@")[2]
