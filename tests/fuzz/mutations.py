"""Inputs made from others by small accidents, the same ones for the same seed."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence

from fuzz.corpus import DICTIONARY, MAX_BYTES

__all__ = ["mutated"]


def mutated(seeds: Sequence[bytes], rng: random.Random) -> bytes:
    """One of `seeds` after one to four accidents."""
    data = rng.choice(seeds)
    for _ in range(rng.randint(1, 4)):
        data = rng.choice(_ACCIDENTS)(data, seeds, rng)
    return data[:MAX_BYTES]


def _flip(data: bytes, seeds: Sequence[bytes], rng: random.Random) -> bytes:
    at = rng.randrange(len(data) + 1)
    return data[:at] + bytes([rng.randrange(256)]) + data[at + 1 :]


def _cut(data: bytes, seeds: Sequence[bytes], rng: random.Random) -> bytes:
    begin, end = sorted(rng.randrange(len(data) + 1) for _ in range(2))
    return data[:begin] + data[end:]


def _end(data: bytes, seeds: Sequence[bytes], rng: random.Random) -> bytes:
    return data[: rng.randrange(len(data) + 1)]


def _repeat(data: bytes, seeds: Sequence[bytes], rng: random.Random) -> bytes:
    begin, end = sorted(rng.randrange(len(data) + 1) for _ in range(2))
    return data[:end] + data[begin:end] * rng.randint(1, 8) + data[end:]


def _splice(data: bytes, seeds: Sequence[bytes], rng: random.Random) -> bytes:
    other = rng.choice(seeds)
    return data[: rng.randrange(len(data) + 1)] + other[rng.randrange(len(other) + 1) :]


def _insert(data: bytes, seeds: Sequence[bytes], rng: random.Random) -> bytes:
    at = rng.randrange(len(data) + 1)
    return data[:at] + rng.choice(DICTIONARY) + data[at:]


def _replace_value(data: bytes, seeds: Sequence[bytes], rng: random.Random) -> bytes:
    """What is between a colon and the next comma, line end or brace."""
    colon = data.find(b":", rng.randrange(len(data) + 1)) + 1
    ends = [end for mark in b",\n}" if (end := data.find(mark, colon)) >= 0]
    return data[:colon] + rng.choice(DICTIONARY) + data[min(ends, default=len(data)) :]


_ACCIDENTS: Sequence[Callable[[bytes, Sequence[bytes], random.Random], bytes]] = (
    *(_flip, _cut, _end, _repeat, _splice),
    *(_insert, _insert, _replace_value, _replace_value),
)
