"""The modules that decide, the tests that hold them, and the mutants that no test can tell from the program."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Final

__all__ = ["EXPLAINED", "ROOT", "TESTS"]

ROOT: Final = Path(__file__).parents[2]

TESTS: Final[dict[str, list[str]]] = {
    "_reflector/next_step.py": ["tests/reflector/test_next_step.py"],
    "_reflector/pause_before_retry.py": ["tests/reflector/test_pause_before_retry.py"],
    "_reflector/heartbeat.py": ["tests/reflector/test_heartbeat.py"],
    "_store/deltas.py": ["tests/store/test_deltas.py"],
    "_store/indexes/key_indexes.py": ["tests/store/indexes"],
    "_store/indexes/registered_indexes.py": ["tests/store/indexes"],
    "_store/indexes/indexed_store.py": ["tests/seed/test_seed_store.py", "tests/faults/test_own_indexes.py"],
    "_store/waiting/journal.py": ["tests/store/waiting/test_journal.py", "tests/store/test_store.py"],
    "_store/waiting/relist_tickets.py": ["tests/store/waiting/test_relist_tickets.py"],
    "_store/waiting/change_queues.py": ["tests/store/waiting/test_change_queues.py", "tests/store/waiting"],
    "_wire/item_boundaries.py": ["tests/wire/test_item_boundaries.py", "tests/wire/test_page_decoder.py"],
    "_wire/managed_fields.py": ["tests/wire/test_managed_fields.py"],
    "_wire/object_decoder.py": ["tests/wire"],
    "_http/writes/throttled.py": ["tests/http/writes/test_throttled.py"],
    "_http/writes/update.py": ["tests/http/writes/test_update.py", "tests/http/writes/test_verbs.py"],
    "_http/recorder/series.py": ["tests/http/recorder/test_series.py"],
}
"""What is run for each, cheapest first."""

EXPLAINED: Final[dict[str, dict[str, str]]] = tomllib.loads((Path(__file__).parent / "explained.toml").read_text())
"""By module and mutant, in one line, why no test has to notice it."""
