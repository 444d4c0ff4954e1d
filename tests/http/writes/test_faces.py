"""The verbs are the same in trio, in threads and in asyncio: names, arguments, order and defaults."""

import inspect

import pytest

from trio_k8swatch import Resource, aio, blocking

VERBS = [
    "get",
    "in_namespace",
    "create",
    "replace",
    "patch",
    "apply",
    "update",
    "delete",
    "delete_all",
    "subresource",
    "add_finalizer",
    "remove_finalizer",
]


def arguments(cls, verb):
    signature = inspect.signature(getattr(cls, verb))
    return [
        (one.name, one.kind, one.default, str(one.annotation).replace("builtins.", ""))
        for one in signature.parameters.values()
    ]


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("face", [blocking.Resource, aio.Resource])
def test_a_verb_takes_the_same_arguments_everywhere(face, verb):
    """Threads have a timeout besides."""
    taken = arguments(face, verb)
    if face is blocking.Resource and verb not in {"subresource", "in_namespace"}:
        assert taken.pop()[:3] == ("timeout", inspect.Parameter.KEYWORD_ONLY, None)
    assert taken == arguments(Resource, verb)


@pytest.mark.parametrize("face", [blocking.Resource, aio.Resource])
def test_no_verb_is_forgotten(face):
    """Whatever public method the trio resource has, but for what watches need of their client."""
    inside = {"page", "prefers_streaming_lists", "admitted", "has_new_credentials", "next_attempt_at", "metadata"}
    names = {name for name in dir(Resource) if not name.startswith("_")} - inside
    assert names <= set(dir(face))
