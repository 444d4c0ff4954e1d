"""JSONPath templates, as kubectl reads them."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
import trio
from cli.process import environment
from hypothesis import given
from hypothesis import strategies as st

from trio_k8swatch.cli._output.jsonpath import Template, TemplateError, parse_template
from trio_k8swatch.testing import FakeApiServer

KUBECTL = shutil.which("kubectl")

OBJECT: dict[str, Any] = {
    "apiVersion": "v1",
    "kind": "ConfigMap",
    "metadata": {"name": "a", "namespace": "default", "labels": {"app.kubernetes.io/name": "x"}},
    "spec": {"containers": [{"name": "c1", "image": "i1", "n": 3}, {"name": "c2", "image": "i2"}], "text": "ü"},
    "flag": True,
}

TEMPLATES = {
    "": "",
    "plain": "plain",
    "{.metadata.name}": "a",
    "{$.metadata.name}": "a",
    "{@.metadata.name}": "a",
    "{.metadata.name}{'\\n'}": "a\n",
    '{.metadata.name}{"\\t"}|': "a\t|",
    "name: {.metadata.name}, {.spec.text}": "name: a, ü",
    "{.metadata['name']}": "a",
    "{.metadata.labels['app\\.kubernetes\\.io/name']}": "x",
    "{.metadata.labels.app\\.kubernetes\\.io/name}": "x",
    "{.metadata.labels}": '{"app.kubernetes.io/name":"x"}',
    "{.spec.containers[0].name}": "c1",
    "{.spec.containers[-1].name}": "c2",
    "{.spec.containers[*].name}": "c1 c2",
    "{.spec.containers[0:1].name}": "c1",
    "{.spec.containers[1:].name}": "c2",
    "{.spec.containers[0,1].name}": "c1 c2",
    "{.spec.containers[*]['name','image']}": "c1 c2 i1 i2",
    "{.spec.containers[?(@.name=='c2')].image}": "i2",
    '{.spec.containers[?(@.name!="c2")].image}': "i1",
    "{.spec.containers[?(@.n>2)].name}": "c1",
    "{.spec.containers[?(@.n)].name}": "c1",
    "{..image}": "i1 i2",
    "{range .spec.containers[*]}{.name}={.image};{end}": "c1=i1;c2=i2;",
    "{.flag}": "true",
    "{.nowhere.at.all}": "",
}


@pytest.mark.parametrize(("template", "text"), TEMPLATES.items())
def test_templates(template: str, text: str) -> None:
    """Fields, elements, slices, unions, filters, recursion, ranges and quoted text."""
    assert parse_template(template).text(OBJECT) == text


@pytest.mark.skipif(KUBECTL is None, reason="there is no kubectl on the PATH")
async def test_kubectl_says_the_same(tmp_path: Path) -> None:
    """All templates in one call."""
    assert KUBECTL is not None
    fake = FakeApiServer()
    fake.create(OBJECT)
    separator = "|next|"
    with trio.fail_after(30):
        async with fake.serve() as url:
            template = separator.join(TEMPLATES)
            command = [KUBECTL, "--server", str(url), "get", "configmap", "a", f"-o=jsonpath={template}"]
            done = await trio.run_process(command, capture_stdout=True, env=environment(tmp_path))
    assert done.stdout.decode().split(separator) == list(TEMPLATES.values())


@pytest.mark.parametrize(
    ("template", "complaint"),
    [
        ("{.a", "the brace at character 1 is not closed"),
        ("{range .a}", "{range} without {end}"),
        ("{end}", "{end} without {range}"),
        ("{.a[}", "is no path from '[' on"),
        ("{.a[?(@.b==c)]}", "c is neither a string in quotes nor a number"),
        ("x" * 10_001, "it is too long"),
    ],
)
def test_what_is_no_template_is_refused(template: str, complaint: str) -> None:
    """With the place."""
    with pytest.raises(TemplateError) as caught:
        parse_template(template)
    assert complaint in str(caught.value)


@given(st.text(alphabet="{}[]().*?@$,:'\"\\ab0- =<rangend", max_size=30))
def test_any_text_is_a_template_or_refused(text: str) -> None:
    """Nothing else is raised, neither in reading nor in use."""
    try:
        template = parse_template(text)
    except TemplateError:
        return
    assert isinstance(template, Template)
    template.text(OBJECT)
