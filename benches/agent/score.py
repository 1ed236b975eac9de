#!/usr/bin/env python3
"""Score the agent trial: a table of calls, bytes and correctness of each task and side, from the logs.

usage: score.py OUT [--round N]

OUT: the folder that prepare.py filled and agents worked in. A task is right if every file of the fix is among the (at
most five) paths of the first `answer`, and exact if there is no other. Bytes are those of the calls and what they return.
"""
import argparse, json
from pathlib import Path
from statistics import median

HERE = Path(__file__).resolve().parent
SIDES = ("grep", "codescry")


def read_side(folder, gold):
    """Returns the figures of one side; None if no agent has worked there."""
    log = folder / "log.jsonl"
    if not log.is_file():
        return None
    calls, size, paths = 0, 0, None
    for entry in map(json.loads, log.read_text().splitlines()):
        if entry["tool"] == "answer":
            paths = entry["paths"]
            break
        calls += 1
        size += entry["asked_bytes"] + entry["returned_bytes"]
    given = set(paths or [])
    return {"calls": calls, "bytes": size, "answered": paths is not None, "right": set(gold) <= given, "exact": set(gold) == given}


def format_side(side):
    if side is None:
        return "– | – | –"
    verdict = "exact" if side["exact"] else "right" if side["right"] else "wrong" if side["answered"] else "no answer"
    return f"{side['calls']} | {side['bytes'] / 1000:.1f} | {verdict}"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("--round", type=int)
    given = parser.parse_args()
    tasks = [task for task in json.loads((HERE / "tasks.json").read_text()) if given.round in (None, task["round"])]
    print("| issue | grep: calls | kB | answer | codescry: calls | kB | answer |\n|---|---|---|---|---|---|---|")
    both = []
    for task in tasks:
        sides = [read_side(given.out / task["id"] / side, task["files"]) for side in SIDES]
        if any(sides):
            print(f"| {task['id']} | {format_side(sides[0])} | {format_side(sides[1])} |")
        if all(sides):
            both.append(sides)
    if not both:
        return print("\nno task has been done on both sides")
    cells = []
    for number, side in enumerate(SIDES):
        done = [pair[number] for pair in both]
        calls, size = median(one["calls"] for one in done), median(one["bytes"] for one in done)
        right, exact = sum(one["right"] for one in done), sum(one["exact"] for one in done)
        cells.append(f"{calls:g} | {size / 1000:.1f} | {right} right, {exact} exact")
    print(f"| **median of {len(both)}** | {cells[0]} | {cells[1]} |")
    for what, name in (("calls", "calls"), ("bytes", "bytes")):
        grep, ours = (median(pair[number][what] for pair in both) for number in (0, 1))
        paired = median(pair[1][what] / max(1, pair[0][what]) for pair in both)
        print(f"\ncodescry's {name}: {100 * ours / max(1, grep):.0f} % of grep's by medians; {100 * paired:.0f} % in the median task")


main()
