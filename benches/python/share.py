#!/usr/bin/env python3
"""Measures the effect of sharing a server on a folder: the memory of one and of ten `serve` processes, and how long the
others wait after the process with the index is killed.

    benches/python/share.py PROGRAM FOLDER [--servers 10] [--index-dir DIR] [--kills 3]

Linux only (/proc). Prints one JSON object; memory is PSS in KiB from /proc/PID/smaps_rollup, which counts a page that
several processes share once. The index is updated first, so that only serving is measured. Writes only the index and
the cache, both in --index-dir."""

import argparse
import json
import os
import sys
import tempfile
import threading
import time

from mcp_client import Client

QUERIES = ["where is a failed request tried again", "connection pool", "parse the command line", "render a template"]


class Server(Client):
    """A `codescry serve` and its client."""

    def __init__(self, program, folder, index, runtime, extra=()):
        env = dict(os.environ, CODESCRY_RUNTIME_DIR=os.path.join(runtime, "codescry"))
        env.pop("CODESCRY_NO_SHARE", None)
        words = [program, "serve", "--stdio", folder, "--index-dir", index + "/index", "--cache-dir", index + "/cache"]
        self.begun = time.monotonic()
        super().__init__([*words, *extra], env)

    def search(self, query):
        if not self.hits(query):
            sys.exit(f"nothing found for {query!r}: the index is not complete")

    def warm(self):
        for query in QUERIES:
            self.search(query)

    def memory(self):
        with open(f"/proc/{self.process.pid}/smaps_rollup") as lines:
            found = dict(line.split(":", 1) for line in lines if ":" in line)
        return {what: int(found[what].split()[0]) for what in ("Pss", "Pss_Anon", "Rss", "Private_Dirty")}

    def end(self):
        begun = time.monotonic()
        super().end()
        return round(time.monotonic() - begun, 3)


def takeover(servers, runtime):
    """Kills the owner while every other client waits for an answer. Returns the seconds until each answer."""
    owners = [open(os.path.join(runtime, "codescry", name)).read() for name in os.listdir(runtime + "/codescry")
              if name.endswith(".owner")]
    owner = next(server for server in servers if str(server.process.pid) in owners)
    servers.remove(owner)
    # The owner is stopped first, so that every call is running when the owner is killed.
    owner.process.send_signal(19)
    for server in servers:
        server.call("search_code", {"query": QUERIES[0]})
    time.sleep(0.2)
    seconds = [None] * len(servers)

    def listen(place, server):
        server.answer()
        seconds[place] = round(time.monotonic() - killed, 3)

    threads = [threading.Thread(target=listen, args=pair) for pair in enumerate(servers)]
    killed = time.monotonic()
    owner.process.kill()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    owner.process.wait()
    return sorted(seconds)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("program")
    parser.add_argument("folder")
    parser.add_argument("--servers", type=int, default=10)
    parser.add_argument("--kills", type=int, default=3)
    parser.add_argument("--index-dir", help="keeps the index for the next time [default: a temporary folder]")
    given = parser.parse_args()
    temporary = tempfile.TemporaryDirectory()
    runtime = temporary.name
    index = os.path.abspath(given.index_dir or temporary.name)
    start = lambda *extra: Server(os.path.abspath(given.program), os.path.abspath(given.folder), index, runtime, extra)
    told = {}

    alone = start("--no-share")
    alone.greet()
    told["chunks"] = alone.wait_for_index()
    alone.end()

    # This server finds a complete index, as usual after the first run.
    alone = start("--no-share")
    alone.greet()
    alone.search(QUERIES[0])
    told["seconds_to_first_answer_alone"] = round(time.monotonic() - alone.begun, 3)
    alone.warm()
    told["one_alone"] = alone.memory()
    told["seconds_to_end_alone"] = alone.end()

    servers, joined = [], []
    for _ in range(given.servers):
        server = start()
        server.greet()
        server.search(QUERIES[0])
        joined.append(round(time.monotonic() - server.begun, 3))
        servers.append(server)
    for server in servers:
        server.warm()
    told["seconds_to_first_answer_shared"] = joined
    memory = sorted((server.memory() for server in servers), key=lambda one: -one["Pss"])
    told["shared"] = memory
    told["shared_pss_total"] = sum(one["Pss"] for one in memory)
    told["ratio_to_one_alone"] = round(told["shared_pss_total"] / told["one_alone"]["Pss"], 3)
    told["seconds_after_kill"] = [takeover(servers, runtime) for _ in range(min(given.kills, given.servers - 1))]
    told["seconds_to_end_shared"] = [server.end() for server in servers]
    print(json.dumps(told, indent=1))


if __name__ == "__main__":
    main()
