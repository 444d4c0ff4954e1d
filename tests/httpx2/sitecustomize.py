"""Puts httpx2 in the place of httpx, in every Python that starts with this folder in PYTHONPATH: `nox -s httpx2`."""

import sys

import httpx2

for name, module in [*sys.modules.items()]:
    if name == "httpx2" or name.startswith("httpx2."):
        sys.modules["httpx" + name.removeprefix("httpx2")] = module
assert httpx2 is sys.modules["httpx"]
