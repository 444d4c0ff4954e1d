"""How the documentation is built: `nox -s docs`."""

from __future__ import annotations

import tomllib
from pathlib import Path

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
