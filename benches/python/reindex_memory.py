#!/usr/bin/env python3
"""Measures the memory of a server after each of several complete index runs of one folder.

    benches/python/reindex_memory.py PROGRAM FOLDER [--runs 5]

Runs one `serve --stdio --no-share` with an index and caches in a temporary folder, and calls `index_project` with
`rebuild` that many times. Prints the resident memory in MiB after each run, and the peak. Linux only."""

import argparse
import os
import tempfile

from mcp_client import Client


def memory_mib(pid, name):
    with open(f"/proc/{pid}/status") as status:
        return next(int(line.split()[1]) // 1024 for line in status if line.startswith(name))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("program")
    parser.add_argument("folder")
    parser.add_argument("--runs", type=int, default=5)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        home = {**os.environ, "XDG_CACHE_HOME": f"{scratch}/cache", "XDG_DATA_HOME": f"{scratch}/data"}
        client = Client([given.program, "serve", "--stdio", "--no-share", given.folder], env=home)
        client.greet()
        chunks = client.wait_for_index()
        resident = []
        for _ in range(given.runs):
            client.call("index_project", {"rebuild": True})
            client.answer()
            client.wait_for_index()
            resident.append(memory_mib(client.process.pid, "VmRSS"))
        print({"chunks": chunks, "resident_mib": resident, "peak_mib": memory_mib(client.process.pid, "VmHWM")})
        client.end()


if __name__ == "__main__":
    main()
