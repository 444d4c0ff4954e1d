"""Coverage-guided fuzzing of one reader: `python -m fuzz READER SECONDS [FOLDER]`, in `tests`. `nox -s fuzz` does it for all.

The corpus grows in FOLDER. The first input that breaks the reader in some place is written there as `broke-…`, with what
happened on standard error, and the run goes on; at its end such files make it fail. Give an input a name in `found/`, mend
the reader, and every run of the tests reads it from then on.
"""

from __future__ import annotations

import hashlib
import sys
import tempfile
import traceback
from collections.abc import Callable
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["trio_k8swatch", "yaml", "h11", "email"]):
    from fuzz.readers import READERS

from fuzz.corpus import DICTIONARY, MAX_BYTES, seeds
from fuzz.oracle import check


class Checked:
    """A reader under the oracle. Each place in which it breaks is reported once."""

    def __init__(self, reader: Callable[[bytes], None], folder: Path) -> None:
        self._reader = reader
        self._folder = folder
        self._known: set[str] = set()

    def __call__(self, data: bytes) -> None:
        try:
            check(self._reader, data)
        except Exception as error:  # noqa: BLE001 - whatever it is
            frames = traceback.extract_tb(error.__traceback__)
            place = f"{type(error).__name__} at {' '.join(f'{Path(f.filename).name}:{f.lineno}' for f in frames[-3:])}"
            if place not in self._known:
                self._known.add(place)
                (self._folder / f"broke-{hashlib.sha256(data).hexdigest()[:8]}").write_bytes(data)
                print(f"{place}: {error!s:.200}", data[:200], file=sys.stderr, flush=True)


def main(name: str, seconds: str, folder: str = "") -> None:
    """Fuzz one reader for some seconds."""
    corpus = Path(folder or tempfile.mkdtemp(prefix=f"fuzz-{name}-"))
    (corpus / "inputs").mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate(seeds(name)):
        (corpus / "inputs" / f"seed-{number}").write_bytes(seed)
    words = ("".join(f"\\x{byte:02x}" for byte in word) for word in DICTIONARY if len(word) < 100)
    (corpus / "dictionary").write_text("".join(f'"{word}"\n' for word in words))
    options = {
        "max_total_time": seconds,
        "max_len": MAX_BYTES,
        "timeout": 30,
        "rss_limit_mb": 2048,
        "artifact_prefix": f"{corpus}/",
        "dict": corpus / "dictionary",
        "print_final_stats": 1,
        "verbosity": 0,
    }
    arguments = [f"-{key}={value}" for key, value in options.items()]
    atheris.Setup([sys.argv[0], *arguments, str(corpus / "inputs")], Checked(READERS[name], corpus))
    atheris.Fuzz()


if __name__ == "__main__":
    main(*sys.argv[1:])
