"""Every small mistake that could be made in a module, one at a time."""

from __future__ import annotations

import ast
import copy
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, Final, NamedTuple

__all__ = ["Mutant", "mutants"]

_NEGATED: Final = {
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Lt: ast.GtE,
    ast.LtE: ast.Gt,
    ast.Gt: ast.LtE,
    ast.GtE: ast.Lt,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
}
_AT_THE_EDGE: Final = {ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt}
_ARITHMETIC: Final = {ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult, ast.Mod: ast.Add}

Edit = Callable[[Any], None]
"""Makes the mistake in a copy of the node."""


class Mutant(NamedTuple):
    """A module with one mistake in it."""

    name: str
    """Where and what, without line numbers: it stays the same when other lines change."""
    line: int
    tree: ast.Module


def mutants(source: str) -> Iterator[Mutant]:
    """All mutants of a module, in the order of its text; no two are the same program."""
    tree = ast.parse(source)
    seen = {ast.dump(tree)}
    names: dict[str, int] = {}
    for place, node, where in _places(tree):
        for what, edit in _mistakes(node):
            mutated = copy.deepcopy(tree)
            target = _at(mutated, place)
            edit(target)
            program = ast.dump(mutated)
            if program in seen:
                continue
            seen.add(program)
            name = f"{where}: {what}"
            names[name] = names.get(name, 0) + 1
            if names[name] > 1:
                name += f" ({names[name]})"
            yield Mutant(name, getattr(node, "lineno", 0), ast.fix_missing_locations(mutated))


def _places(
    tree: ast.AST, path: tuple[Any, ...] = (), where: str = ""
) -> Iterator[tuple[tuple[Any, ...], ast.AST, str]]:
    """Each node in which a mistake counts: how to get there, the node, the function that it is in."""
    for field, value in ast.iter_fields(tree):
        for number, node in enumerate(value if isinstance(value, list) else [value]):
            if not isinstance(node, ast.AST) or _says_nothing(tree, field, node):
                continue
            here = (*path, (field, number if isinstance(value, list) else None))
            named = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
            inside = f"{where}.{node.name}".lstrip(".") if named else where
            yield here, node, inside
            yield from _places(node, here, inside)


def _says_nothing(parent: ast.AST, field: str, node: ast.AST) -> bool:
    """What is for people and type checkers: annotations, declarations of classes, messages, docstrings, imports."""
    if field in {"annotation", "returns", "decorator_list", "bases", "type_params"}:
        return True
    if isinstance(node, ast.Import | ast.ImportFrom | ast.Raise | ast.Assert | ast.JoinedStr):
        return True
    if isinstance(parent, ast.ClassDef) and field == "keywords":
        return True
    if isinstance(parent, ast.Subscript) and field == "slice" and not isinstance(parent.ctx, ast.Store):
        # `Row[T]` is no lookup.
        return isinstance(parent.value, ast.Name) and parent.value.id[:1].isupper()
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name | ast.Attribute):
        called = node.func.id if isinstance(node.func, ast.Name) else ast.unparse(node.func)
        if called in {"TypeVar", "cast", "getLogger"} or called.startswith("_log."):
            return True
    is_text = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    exports = isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__"
    return is_text or exports


def _at(tree: ast.AST, path: tuple[Any, ...]) -> Any:
    node: Any = tree
    for field, number in path:
        node = getattr(node, field)
        if number is not None:
            node = node[number]
    return node


def _mistakes(node: ast.AST) -> Iterator[tuple[str, Edit]]:
    """What may be wrong here: how it reads, and how it is done."""
    before = next(iter(ast.unparse(node).splitlines()), "")
    for edit in (*_other_operators(node), *_other_values(node)):
        mutated = copy.deepcopy(node)
        edit(mutated)
        after = next(iter(ast.unparse(ast.fix_missing_locations(mutated)).splitlines()), "nothing")
        if isinstance(node, ast.If | ast.IfExp | ast.While):
            yield f"if {ast.unparse(node.test)}  →  if {ast.unparse(mutated.test)}", edit
        else:
            yield f"{before}  →  {after}", edit
    yield from _omissions(node, before)


def _other_operators(node: ast.AST) -> Iterator[Edit]:
    match node:
        case ast.Compare(ops=[op]):
            if type(op) in _NEGATED:
                yield lambda n: n.ops.__setitem__(0, _NEGATED[type(n.ops[0])]())
            if type(op) in _AT_THE_EDGE:
                yield lambda n: n.ops.__setitem__(0, _AT_THE_EDGE[type(n.ops[0])]())
        case ast.BoolOp(values=values):
            for number in range(len(values)):
                yield partial(_without, number=number)
        case ast.BinOp(op=op) if type(op) in _ARITHMETIC:
            yield lambda n: setattr(n, "op", _ARITHMETIC[type(n.op)]())
        case ast.UnaryOp(op=ast.Not()):
            yield lambda n: _becomes(n, ast.Call(ast.Name("bool", ast.Load()), [n.operand], []))
        case ast.UnaryOp(op=ast.USub()):
            yield lambda n: setattr(n, "op", ast.UAdd())
        case _:
            return


def _other_values(node: ast.AST) -> Iterator[Edit]:
    match node:
        case ast.Constant(value=bool()):
            yield lambda n: setattr(n, "value", not n.value)
        case ast.Constant(value=int() | float()):
            yield lambda n: setattr(n, "value", n.value + 1)
            yield lambda n: setattr(n, "value", n.value - 1)
        case ast.Constant(value=str() | bytes()):
            yield lambda n: setattr(n, "value", n.value + ("X" if isinstance(n.value, str) else b"X"))
        case ast.If() | ast.IfExp() | ast.While():
            yield lambda n: setattr(n, "test", ast.Constant(value=True))
            yield lambda n: setattr(n, "test", ast.Constant(value=False))
        case ast.Return(value=ast.expr() as value) if not isinstance(value, ast.Constant):
            yield lambda n: setattr(n, "value", ast.Constant(None))
        case ast.Break() | ast.Continue():
            yield lambda n: _becomes(n, ast.Pass())
        case _:
            return


def _omissions(node: ast.AST, before: str) -> Iterator[tuple[str, Edit]]:
    """What may be left out."""
    match node:
        case ast.Expr(value=ast.Call() | ast.Await()) | ast.AugAssign() | ast.Delete():
            yield before + "  →  nothing", lambda n: _becomes(n, ast.Pass())
        case ast.Assign(targets=[ast.Attribute() | ast.Subscript(), *_]):
            yield before + "  →  nothing", lambda n: _becomes(n, ast.Pass())
        case ast.MatchOr(patterns=patterns):
            for number, pattern in enumerate(patterns):
                yield f"case {ast.unparse(pattern)}  →  nothing", lambda n, number=number: n.patterns.pop(number)
        case ast.Call(keywords=[_, *_]):
            for number, keyword in enumerate(node.keywords):
                if keyword.arg is not None:
                    yield f"{before}  →  without {keyword.arg}", lambda n, number=number: n.keywords.pop(number)
        case _:
            return


def _without(node: ast.BoolOp, number: int) -> None:
    del node.values[number]
    if len(node.values) == 1:
        _becomes(node, node.values[0])


def _becomes(node: ast.AST, other: ast.AST) -> None:
    """`node` turns into `other`, in its place in the tree."""
    node.__class__ = other.__class__
    vars(node).clear()
    vars(node).update(vars(other))
