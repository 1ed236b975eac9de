#!/usr/bin/env python3
"""Measures the time from saving an edit until a search over MCP finds it.

    benches/python/edit_latency.py PROGRAM FOLDER [--index-dir DIR] [--edits 10]

Runs one `serve --stdio --no-share`, which watches the folder. Each edit writes a function with a unique name into one file
of FOLDER, which the first edit creates. `search_code` is then called with the name until the first hit is that file. Prints
one JSON object with the times in ms, from the end of the write to the end of the answer. The file is removed at the end.
--pause 0 makes the first edit while the server does not watch all folders yet."""

import argparse
import json
import pathlib
import time

from mcp_client import Client
from query_time import at


def main():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("program")
    parser.add_argument("folder")
    parser.add_argument("--index-dir", default=None)
    parser.add_argument("--edits", type=int, default=10)
    parser.add_argument("--pause", type=float, default=10, help="seconds before the first edit")
    given = parser.parse_args()
    places = ["--index-dir", given.index_dir] if given.index_dir else []
    server = Client([given.program, "serve", "--stdio", "--no-share", *places, given.folder])
    edited, times = pathlib.Path(given.folder) / "codescry_edit_latency.py", []
    try:
        server.greet()
        server.wait_for_index()
        for number in range(given.edits):
            time.sleep(1.5 if number else given.pause)
            name = f"quokka{number}zebra{time.time_ns()}"
            edited.write_text(f"def {name}(value):\n    return value + {number}\n")
            saved = time.perf_counter()
            while True:
                hits = server.hits(name, limit=5)
                if hits and hits[0]["path"] == edited.name and name in json.dumps(hits[0]):
                    break
                if time.perf_counter() - saved > 60:
                    raise SystemExit(f"edit {number} was not found within a minute")
                time.sleep(0.01)
            times.append(round((time.perf_counter() - saved) * 1000))
    finally:
        edited.unlink(missing_ok=True)
        server.end()
    print(json.dumps({"edits": len(times), "median_ms": at(times, 0.5), "longest_ms": max(times), "all_ms": times}))


if __name__ == "__main__":
    main()
