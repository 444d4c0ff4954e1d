"""How the documentation is built: `nox -s docs`."""

from __future__ import annotations

import tomllib
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from sphinx.pycode import ModuleAnalyzer

if TYPE_CHECKING:
    from sphinx.application import Sphinx

_PROJECT = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text())["project"]

project = "trio-k8swatch"
author = copyright = "The trio-k8swatch developers"
release = version = _PROJECT["version"]

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx_copybutton"]
exclude_patterns = ["_build"]
html_theme = "furo"
html_title = "trio-k8swatch"
html_static_path = ["_static"]
html_extra_path: list[str] = []

myst_enable_extensions = ["colon_fence", "deflist", "fieldlist"]
myst_heading_anchors = 3
copybutton_prompt_text = "$ "

# Docstrings write names of code as `code`.
default_role = "code"
autodoc_default_options = {"members": True, "member-order": "bysource"}
autodoc_class_signature = "separated"
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
]

# Nobody makes these: they come out of calls, so their constructors are nobody's business.
_COME_FROM_CALLS = {
    "trio_k8swatch": ["ApiClient", "EventStream", "Listener", "MetricsConfig", "RelistTicket", "Resource", "Store"],
    "trio_k8swatch.blocking": ["ApiClient", "Incoming", "Listener", "RelistTicket", "Resource", "Store"],
    "trio_k8swatch.testing": ["Fault", "Faults"],
}


def _find_docs_of_fields() -> None:
    """Public classes name the facade as their module: Sphinx looks there for what their source says of fields."""
    facade = ModuleAnalyzer.for_module("trio_k8swatch")
    facade.analyze()
    for path in sorted((Path(__file__).parents[1] / "trio_k8swatch").glob("_[!_]*.py")):
        source = ModuleAnalyzer.for_module(f"trio_k8swatch.{path.stem}")
        source.analyze()
        before = len(facade.tagorder)
        facade.tagorder.update({name: before + order for name, order in source.tagorder.items()})
        facade.attr_docs.update(source.attr_docs)
        facade.annotations.update(source.annotations)
        facade.overloads.update(source.overloads)


def _without_constructor(_app: Sphinx, what: str, _name: str, thing: object, *_: object) -> tuple[str, None] | None:
    return ("", None) if what == "class" and thing in _HIDDEN else None


_HIDDEN = [getattr(import_module(module), name) for module, names in _COME_FROM_CALLS.items() for name in names]


def setup(app: Sphinx) -> None:
    """Called by Sphinx."""
    _find_docs_of_fields()
    app.connect("autodoc-process-signature", _without_constructor)
