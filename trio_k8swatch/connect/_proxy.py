"""Which proxy stands between us and a server, as Go's net/http decides it."""

from __future__ import annotations

import importlib.util
import ipaddress
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote, urlsplit, urlunsplit

from trio_k8swatch._errors import ConfigError
from trio_k8swatch._extras import install_command

from ._server_url import is_loopback

if TYPE_CHECKING:
    from collections.abc import Mapping
    from urllib.parse import SplitResult

__all__ = ["checked_proxy", "proxy_from_environment", "split_proxy"]

_SCHEMES: Final = ("http", "https", "socks5", "socks5h")
Address = ipaddress.IPv4Address | ipaddress.IPv6Address
_DEFAULT_PORTS: Final = {"http": 80, "https": 443}


def proxy_from_environment(server: str, environ: Mapping[str, str]) -> str | None:
    """HTTPS_PROXY or HTTP_PROXY, by the scheme of `server`, unless NO_PROXY names its host. Never for loopback."""
    url = urlsplit(server)
    name = f"{url.scheme}_proxy"
    proxy = environ.get(name.upper()) or environ.get(name)
    if not proxy or is_loopback(url.hostname or ""):
        return None
    excluded = environ.get("NO_PROXY") or environ.get("no_proxy") or ""
    if any(_matches(entry.strip().lower(), url) for entry in excluded.split(",")):
        return None
    return checked_proxy(proxy if "://" in proxy else f"http://{proxy}", label=name.upper())


def checked_proxy(proxy: str, *, label: str) -> str:
    """`proxy` as httpx takes it; `ConfigError`, without quoting it (it may hold a password), if it is no proxy URL."""
    try:
        url = urlsplit(proxy)
        usable = url.scheme in _SCHEMES and bool(url.hostname) and url.port != 0
    except ValueError:
        usable = False
    if not usable:
        raise ConfigError(f"{label} must be a URL that begins with http://, https:// or socks5://")
    if proxy.startswith("socks") and importlib.util.find_spec("socksio") is None:
        raise ConfigError(f"{label}: a SOCKS proxy needs the package socksio: {install_command('socks')}")
    # httpcore always leaves name resolution to the SOCKS proxy, which is what the h says.
    return proxy.replace("socks5h://", "socks5://", 1)


class _Hidden(bytes):
    """A secret that does not show in a repr: httpcore logs the arguments of its steps, a SOCKS password among them."""

    def __repr__(self) -> str:
        return "b'***'"


def split_proxy(proxy: str) -> tuple[str, tuple[bytes, bytes] | None]:
    """The URL of a proxy without user, and the user's name and password, if there is one."""
    url = urlsplit(proxy)
    address = urlunsplit((url.scheme, url.netloc.rpartition("@")[2], "", "", ""))
    if url.username is None:
        return address, None
    return address, (_Hidden(unquote(url.username).encode()), _Hidden(unquote(url.password or "").encode()))


def _matches(entry: str, url: SplitResult) -> bool:
    """Whether an entry of NO_PROXY names the host of `url`: `*`, name, `.name`, address, network; maybe with port."""
    host = (url.hostname or "").lower()
    address = _address(host)
    if entry in {"", "*"}:
        return entry == "*"
    if "/" in entry:
        return address is not None and _in_network(address, entry)
    if _address(entry) is not None:
        return _address(entry) == address
    name, colon, port = entry.rpartition(":")
    if not (colon and port.isdigit()):
        return _names(entry, host, address)
    return int(port) == (url.port or _DEFAULT_PORTS.get(url.scheme)) and _names(name, host, address)


def _names(name: str, host: str, address: Address | None) -> bool:
    if address is not None:
        return _address(name) == address
    name = name.removeprefix("*")
    return host.endswith(name) if name.startswith(".") else host == name or host.endswith(f".{name}")


def _in_network(address: Address, network: str) -> bool:
    try:
        return address in ipaddress.ip_network(network, strict=False)
    except ValueError:
        return False


def _address(host: str) -> Address | None:
    try:
        return ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return None
