#!/usr/bin/env python3
"""Measures how many questions in Chinese, Japanese and Korean find their file.

    benches/python/scripts_recall.py PROGRAM CORPORA [--mode MODE] [--content CONTENT] [--show]

`benches/scripts/questions.jsonl` has ten questions about each of three repositories with comments in these languages,
made from comments and reworded, with the files that answer them. CORPORA is a folder with each repository, at the
revision of its questions, in a folder of the repository's name (`hutool`). Indexes each with PROGRAM into a temporary
folder, asks, and prints recall@10 (an answer is among the first ten results), recall@1 and MRR@10 by language. Counts
each file once, in the order of its first result."""

import argparse
import json
import os
import subprocess
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))


def ranks(program, folder, questions, filters):
    with tempfile.TemporaryDirectory() as data:
        environment = dict(os.environ, XDG_DATA_HOME=data, XDG_CACHE_HOME=data, CODESCRY_NO_SHARE="1")
        subprocess.run([program, "index", folder], env=environment, check=True, capture_output=True)
        lines = "".join(json.dumps({"query": question["query"]}) + "\n" for question in questions)
        words = [program, "search", "--batch", "--json", "--limit", "10", "--no-index", *filters]
        ran = subprocess.run(words, cwd=folder, env=environment, input=lines, text=True, capture_output=True)
        if ran.returncode:
            raise SystemExit(ran.stderr)
    found = []
    for question, line in zip(questions, ran.stdout.splitlines(), strict=True):
        paths = list(dict.fromkeys(result["path"] for result in json.loads(line)["results"]))
        found.append(next((rank for rank, path in enumerate(paths, 1) if path in question["paths"]), 0))
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program", type=os.path.abspath)
    parser.add_argument("corpora")
    parser.add_argument("--mode", default="hybrid")
    parser.add_argument("--content", help="code: without documentation")
    parser.add_argument("--show", action="store_true", help="print the rank of each question")
    arguments = parser.parse_args()
    with open(os.path.join(HERE, "..", "scripts", "questions.jsonl"), encoding="utf-8") as file:
        questions = [json.loads(line) for line in file]
    filters = ["--mode", arguments.mode] + (["--content", arguments.content] if arguments.content else [])
    everything = []
    for repository in dict.fromkeys(question["repository"] for question in questions):
        own = [question for question in questions if question["repository"] == repository]
        found = ranks(arguments.program, os.path.join(arguments.corpora, repository.split("/")[1]), own, filters)
        if arguments.show:
            for rank, question in zip(found, own):
                print(f"{rank or '-':>3} {question['query']}")
        report(f"{own[0]['language']} {repository}", found)
        everything += found
    report("all", everything)


def report(name, found):
    count = len(found)
    recall, first = sum(rank > 0 for rank in found), sum(rank == 1 for rank in found)
    mrr = sum(1 / rank for rank in found if rank) / count
    print(f"{name:40} recall@10 {recall}/{count}  recall@1 {first}/{count}  MRR@10 {mrr:.3f}")


if __name__ == "__main__":
    main()
