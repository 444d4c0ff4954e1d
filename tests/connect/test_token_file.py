"""A token file that is rotated as the kubelet rotates it."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest
import trio
from trio.testing import MockClock

from trio_k8swatch._errors import ConfigError
from trio_k8swatch.connect._credentials.credential import Credential
from trio_k8swatch.connect._credentials.token_file import TokenFile
from trio_k8swatch.connect._data_or_file import File


class Volume:
    """A projected volume: files are links through `..data`, which is swapped in one step."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.generation = 0
        folder.mkdir()
        self.publish("first")
        (folder / "token").symlink_to("..data/token")

    def publish(self, token: str | None) -> None:
        self.generation += 1
        fresh = self.folder / f"..{self.generation}"
        fresh.mkdir()
        if token is not None:
            (fresh / "token").write_text(token)
        link = self.folder / "..data_tmp"
        link.symlink_to(fresh.name)
        link.replace(self.folder / "..data")


@pytest.fixture
def volume(tmp_path: Path) -> Volume:
    return Volume(tmp_path / "serviceaccount")


@pytest.fixture
def source(volume: Volume) -> TokenFile:
    return TokenFile(File("service account token", volume.folder / "token"))


async def token(source: TokenFile) -> str | None:
    return (await source.current()).authorization


async def test_it_is_read_again_each_minute(volume: Volume, source: TokenFile, mock_clock: MockClock) -> None:
    """And not sooner."""
    assert await token(source) == "Bearer first"
    volume.publish("second")
    mock_clock.jump(59)
    assert await token(source) == "Bearer first"
    mock_clock.jump(2)
    assert await token(source) == "Bearer second"


@pytest.mark.parametrize("bad", ["", "  \n", None, "two\nlines"])
async def test_the_last_good_one_stays(
    bad: str | None, volume: Volume, source: TokenFile, mock_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    """While the file is empty, missing or junk; the next request looks again."""
    await token(source)
    volume.publish(bad)
    mock_clock.jump(61)
    with caplog.at_level(logging.WARNING):
        assert await token(source) == "Bearer first"
    assert "the last token stays in use" in caplog.text
    assert "lines" not in caplog.text
    volume.publish("second")
    assert await token(source) == "Bearer second"


async def test_a_rejected_token_is_replaced_at_once(volume: Volume, source: TokenFile, mock_clock: MockClock) -> None:
    """Without waiting for the minute to end."""
    rejected = await source.current()
    assert await source.renewed(rejected) == rejected
    volume.publish("second")
    better = await source.renewed(rejected)
    assert better == Credential("Bearer second")
    volume.publish("third")
    assert await source.renewed(rejected) == better


async def test_no_token_at_the_start(volume: Volume, source: TokenFile) -> None:
    """There is no old one to keep: the error names the file."""
    volume.publish("")
    with pytest.raises(ConfigError) as caught:
        await source.current()
    assert str(caught.value) == f"service account token: {volume.folder}/token is empty"
    volume.publish("late")
    assert await token(source) == "Bearer late"


async def test_a_hundred_readers_during_rotations(volume: Volume, source: TokenFile, mock_clock: MockClock) -> None:
    """Each sees a token that was in the file."""
    seen = {await token(source)}

    async def read() -> None:
        for _ in range(20):
            seen.add(await token(source))

    async with trio.open_nursery() as nursery:
        for _ in range(100):
            nursery.start_soon(read)
        for number in range(20):
            volume.publish(f"t{number}" if number % 3 else None)
            mock_clock.jump(61)
            await trio.lowlevel.checkpoint()
    assert seen <= {"Bearer first", *(f"Bearer t{number}" for number in range(20))}
    assert len(seen) > 1
