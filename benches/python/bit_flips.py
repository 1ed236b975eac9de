#!/usr/bin/env python3
"""Flips single bits in the files of an index and checks that no answer shows a wrong text as current.

    benches/python/bit_flips.py PROGRAM FOLDER WORK [--flips 500] [--seed 1] [--repairs 10] [--queries 30]

Indexes FOLDER into WORK, edits a few files of it twice (on a copy in WORK) so that the index has deleted rows and several
segments, and then flips one bit a time: half of the flips anywhere in the bytes of the index, half in each kind of file
in turn. After each, one `search --no-index --batch` process answers the queries with 100 hits each. A hit that is not
stale must have the text of its lines on disk; an answer with other hits than those of the intact index must say that
the index is damaged. `--repairs` times, `codescry index` repairs the index, and the answers must be
those of the intact one again, up to the order of like scores. Prints one JSON object with the outcomes by kind of file. Ends with 1 if any verdict is wrong."""

import argparse
import collections
import json
import os
import pathlib
import random
import shutil
import subprocess
import sys
import time

QUERIES = [
    "parse a number from text", "open a file for reading", "allocate memory and grow a buffer", "hash a string",
    "read the next token", "compare two versions", "write bytes to a socket", "lock a mutex and wait", "iterate over a map",
    "encode as base64", "parse command line arguments", "format a date and time", "spawn a thread", "sort a slice in place",
    "error type with a source", "decode UTF-8", "insert into a tree", "tests of rounding", "unsafe pointer cast",
    "configuration of features", "build script that finds a library", "serialize a struct", "drop and free", "poll a future",
    "regular expression matching", "compress a block", "draw a progress bar", "walk a directory", "\"impl Iterator for\"",
    "fn new(capacity: usize) -> Self {\n    Self { buffer: Vec::with_capacity(capacity) }\n}",
]


class Flips:
    def __init__(self, given):
        self.program, self.work = given.program, pathlib.Path(given.work).resolve()
        self.root, self.intact, self.index = self.work / "root", self.work / "intact", self.work / "index"
        self.environment = {**os.environ, "CODESCRY_INDEX_DIR": str(self.index), "CODESCRY_CACHE_DIR": str(self.work / "cache"),
                            "CODESCRY_RUNTIME_DIR": str(self.work / "run"), "HOME": str(self.work)}
        self.texts, self.queries = {}, QUERIES[-given.queries:]

    def run(self, *words, given=None):
        return subprocess.run([self.program, *words], cwd=self.root, env=self.environment, input=given, capture_output=True, text=True)

    def build(self, folder):
        if self.intact.exists():
            return
        shutil.rmtree(self.work, ignore_errors=True)
        self.work.mkdir(parents=True)
        shutil.copytree(folder, self.root, symlinks=True)
        self.check(self.run("index", "--json"))
        files = sorted(path for path in self.root.rglob("*.rs") if path.is_file())
        for rest in (0, 1):
            for path in files[rest::97]:
                path.write_text(path.read_text(errors="replace") + f"\n// edited {rest}\nfn edited_{rest}() {{}}\n")
            self.check(self.run("index", "--json"))
        self.check(self.run("search", "--no-index", "open a file"))
        self.index.rename(self.intact)

    def check(self, ran):
        if ran.returncode != 0:
            sys.exit(f"{ran.args}: {ran.stderr}")
        return ran

    def restore(self):
        """Puts the intact index back. Files that the program replaces are linked, those that it writes in place are copied."""
        shutil.rmtree(self.index, ignore_errors=True)
        in_place = {"writer.txt", "lock"}
        copy = lambda here, there: shutil.copy2(here, there) if pathlib.Path(here).name in in_place else os.link(here, there)
        shutil.copytree(self.intact, self.index, copy_function=copy)

    def lines(self, path):
        if path not in self.texts:
            self.texts[path] = (self.root / path).read_bytes().decode(errors="replace").split("\n")
        return self.texts[path]

    def ask(self):
        """Returns the answers: for each query its places and whether it tells of damage, or None for an error that does."""
        given = "\n".join(json.dumps({"query": query, "limit": 100}) for query in self.queries)
        ran = self.run("search", "--no-index", "--batch", given=given)
        problems = []
        if ran.returncode not in (0, 1, 2):
            problems.append(f"crash: {ran.returncode}: {ran.stderr[-400:]}")
        if ".cargo/registry" in ran.stderr or "/rustc/" in ran.stderr:
            problems.append(f"a path of the build machine: {ran.stderr[-400:]}")
        answers = []
        for line in ran.stdout.splitlines():
            answer = json.loads(line)
            if "error" in answer:
                if "damaged" not in answer["error"]:
                    problems.append(f"another error: {answer['error']}")
                answers.append(None)
                continue
            for hit in answer["results"]:
                lines = "\n".join(self.lines(hit["path"])[hit["start_line"] - 1:hit["end_line"]])
                if not hit["stale"] and hit["text"] != lines.removesuffix("\r"):
                    problems.append(f"WRONG TEXT AS CURRENT: {hit['path']}:{hit['start_line']}-{hit['end_line']}")
            places = [(hit["path"], hit["start_line"], hit["end_line"], hit["stale"]) for hit in answer["results"]]
            answers.append((places, "damaged" in " ".join(answer.get("notes", []))))
        if not answers:
            if "damaged" not in ran.stderr:
                problems.append(f"another error: {ran.stderr[-400:]}")
            answers = [None] * len(self.queries)
        return answers, problems

    def is_repaired(self, answers, wanted):
        """Whether no answer tells of damage and nine tenths of the hits are those of the intact index. A new index has
        no deleted rows, whose words count in the old one, so that hits of like score change places."""
        pairs = list(zip(answers, wanted))
        if any(answer is None or answer[1] for answer in answers):
            return False
        return sum(len(set(one[0]) & set(other[0])) for one, other in pairs) >= 0.9 * sum(len(other[0]) for _, other in pairs)

    def kinds(self):
        kinds = collections.defaultdict(list)
        for path in sorted(self.intact.rglob("*")):
            if path.is_file() and path.stat().st_size:
                parts = path.relative_to(self.intact).parts
                kind = f"{parts[1].rstrip('.lance0123456789')} {parts[2]}" if parts[0] == "data" and len(parts) == 4 else parts[0]
                kinds[kind].append(path.relative_to(self.intact))
        return kinds


def main():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("program")
    parser.add_argument("folder")
    parser.add_argument("work")
    parser.add_argument("--flips", type=int, default=500)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--repairs", type=int, default=10)
    parser.add_argument("--queries", type=int, default=len(QUERIES))
    given = parser.parse_args()
    flips, chance = Flips(given), random.Random(given.seed)
    flips.build(given.folder)
    flips.restore()
    status = json.loads(flips.check(flips.run("status", "--json")).stdout)
    wanted, problems = flips.ask()
    assert not problems and all(answer and answer[0] and not answer[1] for answer in wanted), problems
    kinds = flips.kinds()
    files = [path for paths in kinds.values() for path in paths]
    sizes = [(flips.intact / path).stat().st_size for path in files]
    kind_of = {path: kind for kind, paths in kinds.items() for path in paths}
    outcomes, wrong = collections.defaultdict(collections.Counter), []
    begun, repaired = time.time(), 0
    for flip in range(given.flips):
        path = chance.choices(files, sizes)[0] if flip % 2 else chance.choice(kinds[sorted(kinds)[flip // 2 % len(kinds)]])
        data = bytearray((flips.intact / path).read_bytes())
        bit = chance.randrange(len(data) * 8)
        data[bit // 8] ^= 1 << bit % 8
        (flips.index / path).unlink()
        (flips.index / path).write_bytes(data)
        answers, problems = flips.ask()
        silent = [query for query, answer, right in zip(flips.queries, answers, wanted) if answer and not answer[1] and answer[0] != right[0]]
        problems += [f"silently other hits: {query}" for query in silent]
        told = sum(answer is None or answer[1] for answer in answers)
        errors = sum(answer is None for answer in answers)
        outcome = "wrong" if problems else "error that tells" if errors == len(answers) else "told" if told else "right"
        if flip % max(1, given.flips // given.repairs) == 0:
            repair = flips.run("index", "--json")
            answers, more = flips.ask()
            problems += more + [f"not repaired: {repair.stderr[-300:]}"] * (repair.returncode != 0 or not flips.is_repaired(answers, wanted))
            repaired += 1
        outcomes[kind_of[path]][outcome] += 1
        if flip % 50 == 49:
            print(f"{flip + 1} flips, {sum(outcomes.values(), collections.Counter())}", file=sys.stderr, flush=True)
        if problems:
            wrong.append({"flip": flip, "file": str(path), "bit": bit, "problems": problems[:5]})
            print(json.dumps(wrong[-1]), file=sys.stderr, flush=True)
        flips.restore()
    totals = sum(outcomes.values(), collections.Counter())
    print(json.dumps({
        "flips": given.flips, "seed": given.seed, "chunks": status["coverage"]["chunks"], "files": status["coverage"]["files_indexed"],
        "index_bytes": sum(sizes), "totals": totals, "kinds": {kind: outcomes[kind] for kind in sorted(outcomes)}, "repairs": repaired,
        "seconds": round(time.time() - begun), "wrong": wrong}, indent=1))
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
