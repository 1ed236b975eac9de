#!/usr/bin/env python3
"""Ask the questions of all repositories over one group, beside one index a repository.

usage: groups.py EVAL CORPORA OUT -- PROGRAM [OPTION ...]

EVAL holds score.py, repos.json and annotations/; CORPORA holds the repositories. PROGRAM is codescry, with options of
`search` such as --no-index. The indexes must be there, or are made by the first question.

Each question is asked three times in turn, of processes that stay open: the repository's own index, the group of all
repositories, and the group with the filter repo:NAME. A result counts only if it is of the repository of the question.
Writes one line a question to OUT: repository, number of the question in its file, nDCG@10 and nDCG@10 by file of each, milliseconds of each, and the rank of
the first result of the right repository in the group. Prints means, medians and the memory of the processes.
"""
import importlib.util, json, os, random, statistics, subprocess, sys, time


def load_score(folder):
    spec = importlib.util.spec_from_file_location("score", os.path.join(folder, "score.py"))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class Batch:
    """A process that answers one query a line."""

    def __init__(self, command):
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=subprocess.DEVNULL, text=True, bufsize=1)

    def ask(self, query):
        start = time.perf_counter()
        self.process.stdin.write(json.dumps({"query": query}) + "\n")
        self.process.stdin.flush()
        answer = json.loads(self.process.stdout.readline())
        elapsed = (time.perf_counter() - start) * 1000
        if "error" in answer:
            sys.exit(f"{query}: {answer['error']}")
        return answer["results"], elapsed

    def private_bytes(self):
        """Memory that belongs to the process alone, without pages of files."""
        lines = open(f"/proc/{self.process.pid}/smaps_rollup").read().split("\n")
        return sum(int(line.split()[1]) << 10 for line in lines if line.startswith("Anonymous:"))

    def close(self):
        self.process.stdin.close()
        self.process.wait()


def scores(score, results, targets):
    firsts = sorted({r["path"]: i for i, r in reversed(list(enumerate(results)))}.values())
    return score.ndcg10(results, targets), score.ndcg10([results[i] for i in firsts], targets)


def of_repository(results, name):
    """Paths in the repository; results of others match no target."""
    own = []
    for result in results:
        path = result["path"]
        path = path[len(name) + 1:] if result["repository"] == name else "\0" + path.replace("/", "\0")
        own.append({**result, "path": path})
    return own


def main(folder, corpora, out, command):
    score = load_score(folder)
    specs = json.load(open(os.path.join(folder, "repos.json")))
    roots = {s["name"]: os.path.realpath(os.path.join(corpora, s["name"], s.get("benchmark_root") or "")) for s in specs}
    search = command[:1] + ["search", "--json", "--quiet"] + command[1:]
    batch = search + ["--batch", "--limit", "10"]
    inside = [f"--in={root}" for root in roots.values()]
    named = subprocess.run(search + ["--limit", "1"] + inside + ["main"], capture_output=True, text=True, check=False)
    by_folder = {root: name for name, root in json.loads(named.stdout)["repositories"].items()}
    start = time.perf_counter()
    group = Batch(batch + inside)
    group.ask("warm up")
    print(f"group of {len(roots)} repositories: first answer after {time.perf_counter() - start:.2f} s")
    singles = {}
    for name, root in roots.items():
        singles[name] = Batch(batch + [f"--in={root}"])
        singles[name].ask("warm up")
    questions = []
    for spec in specs:
        tasks = json.load(open(os.path.join(folder, "annotations", spec["name"] + ".json")))
        for number, task in enumerate(tasks):
            targets = task.get("relevant", []) + task.get("secondary", [])
            if targets:
                questions.append((spec["name"], number, task["query"], targets))
    random.Random(7).shuffle(questions)
    rows = []
    with open(out, "w", buffering=1) as written:
        written.write("repository\tquestion\town\town_by_file\tgroup\tgroup_by_file\tfilter\tfilter_by_file\t"
                      "own_ms\tgroup_ms\tfilter_ms\tfirst_own_rank\tsame_as_own\n")
        for repository, number, query, targets in questions:
            name = by_folder[roots[repository]]
            own, own_ms = singles[repository].ask(query)
            all_found, group_ms = group.ask(query)
            separator = "\n" if "\n" in query.strip() else " "
            filtered, filter_ms = group.ask(f"repo:{name}{separator}{query}")
            ranks = [at for at, result in enumerate(all_found, 1) if result["repository"] == name]
            row = [*scores(score, own, targets), *scores(score, of_repository(all_found, name), targets),
                   *scores(score, of_repository(filtered, name), targets), own_ms, group_ms, filter_ms]
            place = lambda r, path: (path, r["start_line"], r["end_line"])
            is_same = [place(r, r["path"]) for r in own] == [place(r, r["path"]) for r in of_repository(filtered, name)]
            rows.append((repository, row))
            numbers = "\t".join(f"{value:.4f}" for value in row)
            written.write(f"{repository}\t{number}\t{numbers}\t{ranks[0] if ranks else 0}\t{int(is_same)}\n")
    labels = ["own index", "group", "group, repo:"]
    for at, label in enumerate(labels):
        means = [statistics.mean(row[2 * at + part] for _, row in rows) for part in (0, 1)]
        times = sorted(row[6 + at] for _, row in rows)
        print(f"{label:14} nDCG@10 {means[0]:.4f}  by file {means[1]:.4f}  median {statistics.median(times):.2f} ms  "
              f"p95 {times[int(len(times) * 0.95)]:.2f} ms")
    worse = sum(row[5] < row[1] - 1e-9 for _, row in rows)
    better = sum(row[5] > row[1] + 1e-9 for _, row in rows)
    print(f"by file with repo: against the own index: {better} questions better, {worse} worse, of {len(rows)}")
    alone = [process.private_bytes() for process in singles.values()]
    print(f"private memory: group {group.private_bytes() / 1e6:.1f} MB, own processes {sum(alone) / 1e6:.1f} MB in all, "
          f"least {min(alone) / 1e6:.1f} MB")
    for process in [group, *singles.values()]:
        process.close()


if __name__ == "__main__":
    if len(sys.argv) < 6 or sys.argv[4] != "--":
        sys.exit(__doc__)
    main(sys.argv[1], sys.argv[2], sys.argv[3], sys.argv[5:])
