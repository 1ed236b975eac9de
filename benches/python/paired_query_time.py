#!/usr/bin/env python3
"""Compares the time of queries and the memory of the server of two programs, which are asked in turns.

    benches/python/paired_query_time.py PROGRAM OTHER FOLDER QUESTIONS ISSUES [--count 150]

QUESTIONS is a folder of JSON files, each a list of {"query": ...}; ISSUES is a file of JSON lines, each with a "text", cut
to 4,000 characters. Each program indexes FOLDER into a folder of its own and serves it over stdio; the round trip of
`search_code` with default arguments is measured in the client, after 30 uncounted questions. Prints one JSON object:
for questions and for issues the p50 of each program in ms and the median of the ratios of single queries, processor time
in ms for each query, and the memory in MiB (PSS) after all of them. Linux only."""

import argparse
import glob
import json
import os
import random
import statistics
import subprocess
import tempfile
import time

from mcp_client import Client, pss_kib

TICK_MS = 1000 / os.sysconf("SC_CLK_TCK")


class Server(Client):
    def __init__(self, program, folder, home):
        environment = {**os.environ, "HOME": home, "XDG_CONFIG_HOME": home, "XDG_DATA_HOME": home, "XDG_CACHE_HOME": home}
        index = ["--index-dir", os.path.join(home, "index")]
        subprocess.run([program, "index", *index, folder], check=True, env=environment, stdout=subprocess.DEVNULL,
                       stderr=subprocess.DEVNULL)
        super().__init__([program, "serve", "--no-share", "--no-watch", *index, folder], environment)
        self.greet()
        self.times, self.processor = {}, {}

    def search(self, kind, query):
        before, begun = self.ticks(), time.perf_counter()
        self.call("search_code", {"query": query})
        self.answer()
        self.times.setdefault(kind, []).append((time.perf_counter() - begun) * 1000)
        self.processor[kind] = self.processor.get(kind, 0) + self.ticks() - before

    def ticks(self):
        with open(f"/proc/{self.process.pid}/stat") as stat:
            fields = stat.read().rsplit(")", 1)[1].split()
        return int(fields[11]) + int(fields[12])


def main():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("program")
    parser.add_argument("other")
    parser.add_argument("folder")
    parser.add_argument("questions")
    parser.add_argument("issues")
    parser.add_argument("--count", type=int, default=150)
    given = parser.parse_args()
    questions = [task["query"] for file in sorted(glob.glob(given.questions + "/*.json")) for task in json.load(open(file))]
    with open(given.issues) as lines:
        issues = [json.loads(line)["text"][:4000] for line in lines]
    long = [text for text in issues if len(text) == 4000]
    for texts in (questions, issues, long):
        random.Random(1).shuffle(texts)
    homes = [tempfile.TemporaryDirectory() for _ in range(2)]
    servers = [Server(program, given.folder, home.name) for program, home in zip((given.program, given.other), homes)]
    kinds = {"warm-up": questions[:30], "questions": questions[30:30 + given.count], "issues": issues[:given.count],
             "issues of 4,000 characters": long[:given.count]}
    for kind, texts in kinds.items():
        for at, text in enumerate(texts):
            for server in servers if at % 2 else servers[::-1]:
                server.search(kind, text)
    report = {"memory_mib": [round(pss_kib(server.process.pid) / 1024) for server in servers]}
    for kind, texts in list(kinds.items())[1:]:
        pairs = list(zip(*(server.times[kind] for server in servers)))
        report[kind] = {
            "count": len(texts),
            "p50_ms": [round(statistics.median(side), 2) for side in zip(*pairs)],
            "median_ratio": round(statistics.median(one / other for one, other in pairs), 2),
            "processor_ms": [round(server.processor[kind] * TICK_MS / len(texts), 1) for server in servers],
        }
    for server in servers:
        server.end()
    print(json.dumps(report, indent=1))


if __name__ == "__main__":
    main()
