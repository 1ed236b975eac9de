#!/usr/bin/env python3
"""Scores a search command on the questions of strangers.

    benches/strangers/score.py CLONES [--only NAME] [--trees FOLDER] [--out FILE] -- COMMAND...

COMMAND runs in a repository's tree, reads one {"query": TEXT} per line and writes one {"results": [{"path", "start_line",
"end_line"}, ...]} per line, best first. Prints, for each kind of question, the share whose right file is first, among the
first three and the first ten different files, the share whose right place is among the first one, three and ten results,
and the median number of lines of a result. `--out` writes each question's rank as JSON lines."""

import argparse
import json
import pathlib
import statistics
import subprocess
import sys
import tempfile

SETS = pathlib.Path(__file__).parent
MAX_PLACE_LINES = 60


def lay_out(clones, repository, commit, folder):
    """Writes the tree of a commit, without files whose blobs the clone lacks."""
    done = folder / ".laid-out"
    if done.exists() and done.read_text() == commit:
        return
    git = ["git", "--git-dir", str(next((clones / repository.replace("/", "+")).glob("repo*")))]
    folder.mkdir(parents=True, exist_ok=True)
    listing = subprocess.run([*git, "ls-tree", "-r", "-z", commit], capture_output=True, check=True).stdout
    entries = [entry.split(b"\t", 1) for entry in listing.split(b"\0") if entry]
    blobs = [(head.split()[2].decode(), path.decode()) for head, path in entries if head.split()[1] == b"blob"]
    wanted = "\n".join(blob for blob, _ in blobs)
    cat = subprocess.run([*git, "cat-file", "--batch"], input=wanted.encode(), capture_output=True, check=True).stdout
    at = 0
    for blob, path in blobs:
        end = cat.index(b"\n", at)
        head, at = cat[at:end].split(), end + 1
        if head[1] == b"missing":
            continue
        size = int(head[2])
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        if not target.is_symlink():
            target.write_bytes(cat[at : at + size])
        at += size + 1
    done.write_text(commit)


def is_place(hit, place):
    first, last = place["lines"]
    start, end = hit["start_line"], hit["end_line"]
    if hit["path"] != place["path"] or end - start + 1 > MAX_PLACE_LINES:
        return False
    overlap = min(last, end) - max(first, start) + 1
    return (start >= first and end <= last) or overlap * 2 >= last - first + 1


def rank_of(values, is_right):
    return next((rank for rank, value in enumerate(values, 1) if is_right(value)), None)


def main():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("clones", type=pathlib.Path)
    parser.add_argument("--only")
    parser.add_argument("--trees", type=pathlib.Path)
    parser.add_argument("--out", type=pathlib.Path)
    at = sys.argv.index("--")
    given, command = parser.parse_args(sys.argv[1:at]), sys.argv[at + 1 :]
    trees = given.trees or pathlib.Path(tempfile.mkdtemp())
    rows = []
    for path in sorted(SETS.glob("*.json")):
        if given.only and path.stem != given.only:
            continue
        questions = json.loads(path.read_text())
        tree = (trees / path.stem).resolve()
        lay_out(given.clones, questions["repository"], questions["commit"], tree)
        asked = [question for question in questions["questions"] if not question.get("drop")]
        text = "".join(json.dumps({"query": question["text"]}) + "\n" for question in asked)
        run = subprocess.run(command, cwd=tree, input=text, capture_output=True, text=True)
        answers = [json.loads(line) for line in run.stdout.splitlines() if line.startswith("{")]
        if len(answers) != len(asked):
            sys.exit(f"{path.stem}: {len(answers)} answers to {len(asked)} questions: {run.stderr[-400:]}")
        for question, answer in zip(asked, answers):
            hits, places = answer["results"], question["places"]
            files = list(dict.fromkeys(hit["path"] for hit in hits))
            right = {place["path"] for place in places}
            rows.append({
                "repository": path.stem,
                "kind": question["kind"],
                "text": question["text"],
                "file": rank_of(files, lambda file: file in right),
                "place": rank_of(hits, lambda hit: any(is_place(hit, place) for place in places)),
                "lines": [hit["end_line"] - hit["start_line"] + 1 for hit in hits],
            })
    if given.out:
        given.out.write_text("".join(json.dumps(row) + "\n" for row in rows))
    print("kind      questions  file@1  @3  @10   place@1  @3  @10  median lines   mean of the repositories: file@1 @3 @10 place@3")
    for kind in ("stranger", "near", "message"):
        part = [row for row in rows if row["kind"] == kind]
        if not part:
            continue

        def share(field, limit, among):
            return 100 * sum(row[field] is not None and row[field] <= limit for row in among) / len(among)

        def mean(field, limit):
            groups = [[row for row in part if row["repository"] == name] for name in {row["repository"] for row in part}]
            return statistics.mean(share(field, limit, group) for group in groups)

        files = " ".join(f"{share('file', limit, part):5.0f}" for limit in (1, 3, 10))
        places = " ".join(f"{share('place', limit, part):5.0f}" for limit in (1, 3, 10))
        lines = statistics.median([count for row in part for count in row["lines"]] or [0])
        means = " ".join(f"{mean(*each):5.0f}" for each in (("file", 1), ("file", 3), ("file", 10), ("place", 3)))
        print(f"{kind:9} {len(part):9} {files}    {places}  {lines:12.0f}   {means}")


if __name__ == "__main__":
    main()
