"""What several kinds are asked: the parts of their spec, and whether a value is a port, an address or a name."""

from __future__ import annotations

import ipaddress
import re
from typing import Any, Final, cast

from trio_k8swatch.testing._json import Object

from .causes import Causes
from .metadata_rules import label_problems, subdomain_problems

MAX_PORT: Final = 65_535
PORT_RULE: Final = "must be between 1 and 65535, inclusive"
_PORT_NAME: Final = re.compile(r"[-a-z0-9]+")
_MAX_PORT_NAME: Final = 15


def spec_of(obj: Object) -> Object:
    """The spec, empty where there is none."""
    return cast("Object", obj.get("spec") or {})


def list_of(obj: Object, name: str) -> list[Object]:
    """The items of a list of objects, none where it is absent."""
    return cast("list[Object]", obj.get(name) or [])


def not_negative(obj: Object, name: str, field: str, causes: Causes) -> None:
    """Note a number below zero."""
    if (obj.get(name) or 0) < 0:
        causes.invalid(field, obj[name], "must be greater than or equal to 0")


def check_port(value: Any, field: str, causes: Causes) -> None:
    """Note what is neither a port nor, for text, the name of one."""
    if isinstance(value, int):
        if not 0 < value <= MAX_PORT:
            causes.invalid(field, value, PORT_RULE)
        return
    text = str(value)
    if len(text) > _MAX_PORT_NAME:
        causes.invalid(field, text, "must be no more than 15 characters")
    if not _PORT_NAME.fullmatch(text):
        causes.invalid(field, text, "must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)")
    elif not re.search(r"[a-z]", text):
        causes.invalid(field, text, "must contain at least one letter (a-z)")
    if "--" in text:
        causes.invalid(field, text, "must not contain consecutive hyphens")
    if text.startswith("-") or text.endswith("-"):
        causes.invalid(field, text, "must not begin or end with a hyphen")


def check_address(value: str, field: str, causes: Causes) -> None:
    """Note what is no IP address."""
    try:
        ipaddress.ip_address(value)
    except ValueError:
        causes.invalid(field, value, "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)")


def check_label(value: str, field: str, causes: Causes) -> None:
    """Note what is no name of one word."""
    for why in label_problems(value):
        causes.invalid(field, value, why)


def check_subdomain(value: str, field: str, causes: Causes) -> None:
    """Note what is no name with dots."""
    for why in subdomain_problems(value):
        causes.invalid(field, value, why)
