"""Comparing resourceVersions: a total order on the well-formed ones, and silence about the rest."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trio_k8swatch._resource_version import compare, is_older, is_well_formed

numbers = st.integers(min_value=1, max_value=10**40)
texts = st.one_of(numbers.map(str), st.text(max_size=6))


@given(numbers, numbers)
def test_well_formed_versions_compare_as_the_numbers_that_they_are(left: int, right: int) -> None:
    """Of any size: no float and no fixed width is on the way."""
    assert compare(str(left), str(right)) == (left > right) - (left < right)


@given(texts, texts)
def test_the_comparison_is_antisymmetric(left: str, right: str) -> None:
    """What is older one way is newer the other way, and what cannot be compared cannot be compared either way."""
    order = compare(left, right)
    assert compare(right, left) == (None if order is None else -order)


@given(texts)
def test_a_version_equals_itself_whatever_it_looks_like(version: str) -> None:
    """A server that sends something else than numbers can still say that nothing changed."""
    assert compare(version, version) == 0
    assert not is_older(version, version)


@pytest.mark.parametrize("version", ["", "0", "01", "-1", "+1", " 1", "1 ", "1.0", "1e3", "0x1", "a", "²", "٣", "1_0"])
def test_what_is_no_decimal_number_is_only_ever_different(version: str) -> None:
    """Leading zeros, signs, spaces and the digits of other scripts included; "0" means "anything" to the server."""
    assert not is_well_formed(version)
    assert compare(version, "5") is None
    assert compare("5", version) is None
    assert not is_older(version, "5")


def test_longer_is_newer() -> None:
    """As texts, "10" would be before "9"."""
    assert is_older("9", "10")
    assert not is_older("10", "9")
