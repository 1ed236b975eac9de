#!/usr/bin/env python3
"""Indexes 2,000 good files beside files that abort, hang and explode their parser, under ten windows, twice.

    benches/python/fault_folder.py PROGRAM FAULTY_WORKER FOLDER [--max-memory MIB]

FAULTY_WORKER is `faulty-parse-worker`, which the tests of `codescry-workers` build. FOLDER is made new. In each of six
languages three files have a marker on which that worker aborts, loops for ever or allocates without end. Ten windows
(`serve --stdio`) open the folder together, and search while it is indexed; then all of them end, and ten others open it.
Prints a line per start: files of the index, good functions that are found first, files whose problem is reported, windows
alive, the largest PSS of the process tree in MiB, and the seconds until the index is complete. Linux only."""

import argparse
import os
import pathlib
import shutil
import sys
import threading
import time

from mcp_client import Client, pss_kib

LANGUAGES = {
    "rs": ("//", "pub fn {name}(a: u32) -> u32 {{\n    a + {number}\n}}\n"),
    "py": ("#", "def {name}(a):\n    return a + {number}\n"),
    "go": ("//", "package p\n\nfunc {name}(a int) int {{\n\treturn a + {number}\n}}\n"),
    "java": ("//", "class C{number} {{\n    int {name}(int a) {{\n        return a + {number};\n    }}\n}}\n"),
    "ts": ("//", "export function {name}(a: number): number {{\n  return a + {number};\n}}\n"),
    "rb": ("#", "def {name}(a)\n  a + {number}\nend\n"),
}
FAULTS = ("abort", "spin", "explode")
GOOD, WINDOWS = 2_000, 10


def name(number):
    return f"unit_number_{number}"


def make(folder):
    shutil.rmtree(folder, ignore_errors=True)
    languages = list(LANGUAGES.items())
    for number in range(GOOD):
        extension, (_, text) = languages[number % len(languages)]
        path = folder / f"part{number // 100}" / f"good_{number}.{extension}"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text.format(name=name(number), number=number))
    for extension, (comment, text) in LANGUAGES.items():
        for at, fault in enumerate(FAULTS):
            number = GOOD + at
            body = text.format(name=f"{fault}_in_{extension}", number=number)
            (folder / f"bad_{fault}.{extension}").write_text(f"{comment} FAULT:{fault} {extension}\n{body}")


def tree_memory(ids):
    """Returns the proportional set size of the processes and their descendants, in MiB."""
    ids, seen, kib = list(ids), set(), 0
    while ids:
        process = ids.pop()
        if process in seen:
            continue
        seen.add(process)
        try:
            for task in os.listdir(f"/proc/{process}/task"):
                ids += [int(child) for child in open(f"/proc/{process}/task/{task}/children").read().split()]
            kib += pss_kib(process)
        except (OSError, StopIteration):
            pass
    return kib // 1024


def main():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("program")
    parser.add_argument("faulty_worker")
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--max-memory", type=int, default=512, help="MiB")
    given = parser.parse_args()
    make(given.folder / "project")
    homes = {f"XDG_{kind}_HOME": str(given.folder / kind.lower()) for kind in ("DATA", "CACHE", "CONFIG")}
    runtime = given.folder / "run"
    runtime.mkdir(mode=0o700, exist_ok=True)
    env = {**os.environ, **homes, "XDG_RUNTIME_DIR": str(runtime), "CODESCRY_PARSER": str(pathlib.Path(given.faulty_worker).resolve())}
    command = [given.program, "serve", "--stdio", "--max-memory", f"{given.max_memory}MiB", str(given.folder / "project")]
    print("start\tfiles\tgood found\tproblems\twindows alive\tpeak MiB\tseconds")
    right = True
    for start in (1, 2):
        begun, peak, done = time.time(), [0], threading.Event()
        windows = [Client(command, env) for _ in range(WINDOWS)]

        def watch():
            while not done.wait(0.05):
                peak[0] = max(peak[0], tree_memory(window.process.pid for window in windows))

        watcher = threading.Thread(target=watch)
        watcher.start()
        for window in windows:
            window.greet()
        for window in windows:
            window.hits("which number is added")
        windows[0].wait_for_index()
        seconds = time.time() - begun
        found = sum(
            any(hit["path"].rsplit("/", 1)[-1].startswith(f"good_{number}.") for hit in windows[number % WINDOWS].hits(name(number), limit=1))
            for number in range(GOOD)
        )
        windows[1].call("index_status", {})
        status = windows[1].answer()["structuredContent"]["roots"][0]
        told, files = status["problem_files"], status["coverage"]["files_indexed"]
        alive = sum(window.process.poll() is None for window in windows)
        done.set()
        watcher.join()
        print(f"{start}\t{files}\t{found}\t{told}\t{alive}\t{peak[0]}\t{seconds:.1f}", flush=True)
        right &= found == GOOD and told == len(LANGUAGES) * len(FAULTS) and alive == WINDOWS
        for window in windows:
            window.end()
    sys.exit(0 if right else 1)


if __name__ == "__main__":
    main()
