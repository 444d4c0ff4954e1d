"""How the documentation is built: `nox -s docs`."""

from __future__ import annotations

import re
import tomllib
from dataclasses import MISSING, fields, is_dataclass
from enum import Enum
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
from sphinx.pycode import ModuleAnalyzer

import trio_k8swatch

if TYPE_CHECKING:
    from sphinx.application import Sphinx

_ROOT = Path(__file__).parents[1]
_SETTINGS = tomllib.loads((_ROOT / "pyproject.toml").read_text())
_PROJECT, _CHANGELOG = _SETTINGS["project"], _SETTINGS["tool"]["towncrier"]

project = "trio-k8swatch"
author = copyright = "The trio-k8swatch developers"
release = version = _PROJECT["version"]

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx_copybutton"]
exclude_patterns = ["_build"]
html_theme = "furo"
html_title = "trio-k8swatch"
html_static_path = ["_static"]
html_css_files = ["wide.css"]

myst_enable_extensions = ["colon_fence", "deflist", "fieldlist"]
myst_heading_anchors = 3
copybutton_prompt_text = "$ "

# Docstrings write names of code as `code`.
default_role = "code"
autodoc_default_options = {"members": True, "member-order": "bysource"}
autodoc_preserve_defaults = True
autodoc_typehints = "signature"
autodoc_typehints_format = "short"
add_module_names = False
python_maximum_signature_line_length = 80

nitpicky = True
# Nothing is looked up outside: the build works without a network, so other projects' names stay plain.
nitpick_ignore_regex = [
    (r"py:.*", r"(?!trio_k8swatch).*"),
    # Private names in signatures: type variables, and what a type alias stands for.
    (r"py:.*", r"trio_k8swatch\.(.*\.)?_.*"),
    # What the simulation asks of its cluster is the fake's business.
    (r"py:class", r"trio_k8swatch\.testing\.simulation\.loop\.Cluster"),
]

# Nobody makes these: they come out of calls, so their constructors are nobody's business.
_COME_FROM_CALLS = {
    "trio_k8swatch": ["ApiClient", "EventStream", "Listener", "MetricsConfig", "RelistTicket", "Resource", "Store"],
    "trio_k8swatch.aio": ["ApiClient", "Incoming", "Listener", "RelistTicket", "Resource", "Store"],
    "trio_k8swatch.blocking": ["ApiClient", "Incoming", "Listener", "RelistTicket", "Resource", "Store"],
    "trio_k8swatch.testing": ["Fault", "Faults"],
}


def _find_docs_of_fields() -> None:
    """Public classes name the facade as their module: Sphinx looks there for names and for what is said of fields."""
    facade = ModuleAnalyzer.for_module("trio_k8swatch")
    facade.analyze()
    package = Path(__file__).parents[1] / "trio_k8swatch"
    for path in sorted([*package.glob("_[!_]*.py"), *package.glob("_*/**/[!_]*.py")]):
        module = import_module(".".join(path.relative_to(package.parent).with_suffix("").parts))
        for name, thing in vars(module).items():
            vars(trio_k8swatch).setdefault(name, thing)
        source = ModuleAnalyzer.for_module(module.__name__)
        source.analyze()
        before = len(facade.tagorder)
        facade.tagorder.update({name: before + order for name, order in source.tagorder.items()})
        # A private alias may have the name of a public class, whose page must not show what is said of the alias.
        foreign = {name for name, thing in vars(module).items() if vars(trio_k8swatch).get(name) is not thing}
        documented = source.attr_docs.items()
        facade.attr_docs.update({key: text for key, text in documented if key[0] or key[1] not in foreign})
        facade.annotations.update(source.annotations)
        facade.overloads.update(source.overloads)


def _constructor(_app: Sphinx, what: str, _name: str, thing: object, *_: object) -> tuple[str, None] | None:
    """Fields are shown with their types below, so of a class of fields only names and defaults are worth a line."""
    if what != "class":
        return None
    if thing in _HIDDEN:
        return "", None
    if is_dataclass(thing):
        named = {
            field.name: field.default if field.default is not MISSING else field.default_factory
            for field in fields(thing)
        }
    elif isinstance(thing, type) and issubclass(thing, msgspec.Struct):
        names, defaults = thing.__struct_fields__, thing.__struct_defaults__
        named = dict(zip(names, [MISSING] * (len(names) - len(defaults)) + list(defaults), strict=True))
    else:
        return None
    return f"({', '.join(_parameter(name, default) for name, default in named.items())})", None


def _parameter(name: str, default: object) -> str:
    if default in (MISSING, msgspec.NODEFAULT):
        return name
    shown = str(default) if isinstance(default, Enum) else repr(default)
    return f"{name}={'...' if '<' in shown or '(' in shown else shown}"


_HIDDEN = [getattr(import_module(module), name) for module, names in _COME_FROM_CALLS.items() for name in names]


_IN_BACKTICKS = re.compile(
    r"(?<![`:\\w])`(?P<name>[A-Z]\w*|open_client|open_watch|probe)(?P<attribute>\.[a-z]\w*)?(?P<rest>\([^`]*\))?`(?![`_])"
)


def _link_names(_app: Sphinx, _what: str, name: str, _thing: object, _options: object, lines: list[str]) -> None:
    """Names of this library in docstrings become links to what they name."""
    page = name.rpartition(".")[0] if name.count(".") > 1 else name
    module = next((known for known in _MODULES if page == known or page.startswith(f"{known}.")), "trio_k8swatch")

    def linked(found: re.Match[str]) -> str:
        for facade in dict.fromkeys([module, "trio_k8swatch"]):
            target = getattr(import_module(facade), found["name"], None)
            attribute = found["attribute"] or ""
            if found["name"] in import_module(facade).__all__ and (not attribute or hasattr(target, attribute[1:])):
                shown = f"{found['name']}{attribute}{found['rest'] or ''}"
                return f":py:obj:`{shown} <{facade}.{found['name']}{attribute}>`"
        return found[0]

    for number, line in enumerate(lines):
        if not line.startswith("    "):
            lines[number] = _IN_BACKTICKS.sub(linked, line)


_MODULES = ["trio_k8swatch.aio", "trio_k8swatch.blocking", "trio_k8swatch.connect", "trio_k8swatch.controller"]


def _with_what_is_not_released(_app: Sphinx, page: str, source: list[str]) -> None:
    """On the changelog's page, the summary of the next release is followed by its changes: one file each until the release."""
    if page != "changelog":
        return
    folder = _ROOT / "changes"
    recorded = (_ROOT / "CHANGELOG.md").read_text().partition(_CHANGELOG["start_string"])[2].replace("](docs/", "](")
    summary, heading, released = recorded.lstrip().partition("\n## ")
    parts = ["# Changelog\n", summary]
    for type_ in _CHANGELOG["type"]:
        found = sorted(folder.glob(f"*.{type_['directory']}.md"))
        entries = ["- " + " ".join(path.read_text().split()) for path in found]
        if entries:
            parts.append(f"### {type_['name']}\n\n" + "\n".join(entries) + "\n")
    source[0] = "\n".join([*parts, heading + released])


def setup(app: Sphinx) -> None:
    """Called by Sphinx."""
    app.connect("autodoc-process-docstring", _link_names)
    app.connect("source-read", _with_what_is_not_released)
    _find_docs_of_fields()
    app.connect("autodoc-process-signature", _constructor)
