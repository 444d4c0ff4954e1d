"""Many invocations of the command line in one process, one after the other: arguments as JSON on stdin, results on stdout."""

from __future__ import annotations

import json
import os
import sys
import tempfile

from trio_k8swatch.cli._commands import run


def main() -> None:
    """Run each with standard output and error in files, and print status, output and errors of all as JSON."""
    results: list[tuple[int, str, str]] = []
    real = os.dup(1), os.dup(2)
    for arguments in json.load(sys.stdin):
        with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
            os.dup2(out.fileno(), 1)
            os.dup2(err.fileno(), 2)
            status = run(arguments)
            sys.stdout.flush()
            sys.stderr.flush()
            os.dup2(real[0], 1)
            os.dup2(real[1], 2)
            out.seek(0)
            err.seek(0)
            results.append((status, out.read().decode(), err.read().decode()))
    json.dump(results, sys.stdout)


if __name__ == "__main__":
    main()
