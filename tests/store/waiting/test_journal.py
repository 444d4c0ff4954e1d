"""Which objects have changed, for readers of different pace."""

from __future__ import annotations

import gc

from trio_k8swatch._store.waiting.journal import Entry, Journal


def test_each_reader_gets_every_key_once_from_where_it_began() -> None:
    """However many entries it is behind; what was written before it came is not for it."""
    journal = Journal()
    with journal:
        journal.write(["before"])
        first = journal.end
        journal.write(["a", "b"])
        second = journal.end
        journal.write(["b", "c"])
        end, keys = first.read()
        assert list(keys) == ["a", "b", "c"]
        assert end is journal.end
        assert not end.written.is_set()
        assert list(second.read()[1]) == ["b", "c"]
        assert list(end.read()[1]) == []


def test_readers_are_counted() -> None:
    """So that nothing is written for nobody, after an error neither."""
    journal = Journal()
    try:
        with journal, journal:
            assert journal.readers == 2
            raise KeyError
    except KeyError:
        pass
    assert journal.readers == 0


def test_R19_what_all_have_read_is_forgotten() -> None:
    """A reader holds what it has not read, and nothing before that."""
    gc.collect()
    before = sum(isinstance(one, Entry) for one in gc.get_objects())
    journal = Journal()
    with journal:
        entry = journal.end
        for n in range(100):
            journal.write([str(n)])
            entry, _ = entry.read()
        gc.collect()
        assert sum(isinstance(one, Entry) for one in gc.get_objects()) == before + 1
