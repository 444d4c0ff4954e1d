"""Which proxy is used, by the rules of Go's net/http (its own test cases among them)."""

from __future__ import annotations

import pytest

from trio_k8swatch._errors import ConfigError
from trio_k8swatch.connect._proxy import checked_proxy, proxy_from_environment, split_proxy

PROXY = "http://proxy:3128"


@pytest.mark.parametrize(
    ("server", "no_proxy", "proxied"),
    [
        ("https://example.com", "", True),
        ("https://localhost", "", False),
        ("https://127.0.0.1", "", False),
        ("https://127.0.0.2:6443", "", False),
        ("https://[::1]:6443", "", False),
        ("https://[::2]:6443", "", True),
        ("https://example.com", "*", False),
        ("https://example.com", "example.com", False),
        ("https://EXAMPLE.com", "Example.COM", False),
        ("https://www.example.com", "example.com", False),
        ("https://www.example.com", " foo , .example.com ", False),
        ("https://example.com", ".example.com", True),
        ("https://www.example.com", "*.example.com", False),
        ("https://notexample.com", "example.com", True),
        ("https://example.com", "example.org", True),
        ("https://example.com", "example.com:443", False),
        ("https://example.com:6443", "example.com:443", True),
        ("https://example.com:6443", "example.com:6443", False),
        ("https://10.1.2.3", "10.0.0.0/8", False),
        ("https://11.1.2.3", "10.0.0.0/8", True),
        ("https://11.1.2.3", "10.0.0.0/99", True),
        ("https://10.1.2.3", "10.1.2.3", False),
        ("https://10.1.2.3:6443", "10.1.2.3:6443", False),
        ("https://10.1.2.3", "1.2.3", True),
        ("https://[fd00::1]:6443", "fd00::/8", False),
        ("https://[fd00::1]:6443", "[fd00::1]:6443", False),
        ("https://[fd00::1]:6443", "fd00:0::1", False),
        ("https://example.com", "10.0.0.0/8", True),
    ],
)  # fmt: skip
def test_no_proxy(server: str, no_proxy: str, proxied: bool) -> None:
    """Loopback never; names with their subdomains, addresses, networks and ports as NO_PROXY says."""
    environ = {"HTTPS_PROXY": PROXY, "NO_PROXY": no_proxy}
    assert proxy_from_environment(server, environ) == (PROXY if proxied else None)


def test_the_scheme_of_the_server_chooses_the_variable() -> None:
    """Capital letters go first; ALL_PROXY is not for Go."""
    environ = {"HTTP_PROXY": "http://a", "https_proxy": "http://b", "ALL_PROXY": "http://c"}
    assert proxy_from_environment("http://x", environ) == "http://a"
    assert proxy_from_environment("https://x", environ) == "http://b"
    assert proxy_from_environment("https://x", environ | {"HTTPS_PROXY": "http://d"}) == "http://d"
    assert proxy_from_environment("https://x", {"ALL_PROXY": "http://c"}) is None


def test_a_proxy_without_scheme() -> None:
    """Is an http proxy."""
    assert proxy_from_environment("https://x", {"HTTPS_PROXY": "proxy:3128"}) == PROXY


def test_socks5h() -> None:
    """Is what httpx means by socks5: the proxy looks names up."""
    assert checked_proxy("socks5h://p:1080", label="x") == "socks5://p:1080"


def test_socks_without_its_package(monkeypatch: pytest.MonkeyPatch) -> None:
    """Is said before the first request, with the way out."""
    monkeypatch.setattr("importlib.util.find_spec", {}.get)
    with pytest.raises(ConfigError) as caught:
        checked_proxy("socks5://p:1080", label="proxy-url")
    assert str(caught.value) == "proxy-url: a SOCKS proxy needs the package socksio: pip install 'socksio>=1.0'"


@pytest.mark.parametrize("proxy", ["ftp://me:canary@p", "http://", "http://p:99999", "http://[canary", "canary"])
def test_what_is_no_proxy(proxy: str) -> None:
    """Named by its field, and not quoted: it may hold a password."""
    with pytest.raises(ConfigError) as caught:
        checked_proxy(proxy, label="clusters[c].cluster.proxy-url")
    assert str(caught.value).startswith("clusters[c].cluster.proxy-url must be a URL that begins with")
    assert "canary" not in str(caught.value)


def test_user_and_password() -> None:
    """Are taken out of the URL, decoded, and do not show where httpcore logs them."""
    address, auth = split_proxy("socks5://m%40e:p%3Aw@proxy:1080/")
    assert address == "socks5://proxy:1080"
    assert auth == (b"m@e", b"p:w")
    assert repr(auth) == "(b'***', b'***')"
    assert split_proxy("http://[::1]:3128") == ("http://[::1]:3128", None)
