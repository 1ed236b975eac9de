#!/usr/bin/env python3
"""Measures the time of a query on a warm server, the time of a whole process, and the memory of the server.

    benches/python/query_time.py PROGRAM FOLDER QUESTIONS [--index-dir DIR] [--count 300] [--rounds 3]

QUESTIONS is a folder of JSON files, each a list of {"query": ...}. Runs one `serve --stdio --no-share`, and measures
the round trip of `search_code` (limit 5) in the client, over questions in a fixed random order, after 50 uncounted ones.
Prints one JSON object: p50, p99 and processor time per question in ms for each round; memory in MiB (PSS, and the
peak of resident memory); and the seconds from start to end for five processes of `codescry search --no-index`. Linux
only."""

import argparse
import glob
import json
import os
import random
import subprocess
import time

from mcp_client import Client, pss_kib

TICK_MS = 1000 / os.sysconf("SC_CLK_TCK")


class Server(Client):
    def __init__(self, words):
        super().__init__(words)
        self.greet()

    def search_ms(self, query):
        begun = time.perf_counter()
        self.hits(query, limit=5)
        return (time.perf_counter() - begun) * 1000

    def processor_ms(self):
        with open(f"/proc/{self.process.pid}/stat") as stat:
            fields = stat.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) * TICK_MS

    def memory(self):
        with open(f"/proc/{self.process.pid}/status") as lines:
            peak = next(int(line.split()[1]) for line in lines if line.startswith("VmHWM"))
        return {"pss_mib": round(pss_kib(self.process.pid) / 1024), "peak_resident_mib": round(peak / 1024)}


def at(times, share):
    return round(sorted(times)[min(len(times) - 1, int(len(times) * share))], 2)


def main():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("program")
    parser.add_argument("folder")
    parser.add_argument("questions")
    parser.add_argument("--index-dir", default=None)
    parser.add_argument("--count", type=int, default=300)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    places = ["--index-dir", given.index_dir] if given.index_dir else []
    questions = [task["query"] for file in sorted(glob.glob(given.questions + "/*.json")) for task in json.load(open(file))]
    random.Random(1).shuffle(questions)
    subprocess.run([given.program, "index", *places, given.folder], check=True, stdout=subprocess.DEVNULL)
    one = [given.program, "search", "--no-index", *places, "connection pool", given.folder]
    loads = []
    for _ in range(5):
        begun = time.perf_counter()
        subprocess.run(one, check=True, stdout=subprocess.DEVNULL)
        loads.append(round(time.perf_counter() - begun, 3))
    server = Server([given.program, "serve", "--stdio", "--no-share", "--no-watch", *places, given.folder])
    for query in questions[:50]:
        server.search_ms(query)
    asked = questions[50:50 + given.count]
    rounds = []
    for _ in range(given.rounds):
        before = server.processor_ms()
        times = [server.search_ms(query) for query in asked]
        spent = (server.processor_ms() - before) / len(asked)
        rounds.append({"p50_ms": at(times, 0.5), "p99_ms": at(times, 0.99), "processor_ms": round(spent, 2)})
    report = {"rounds": rounds, "questions": len(asked), "whole_process_s": loads, **server.memory()}
    server.end()
    print(json.dumps(report))


if __name__ == "__main__":
    main()
