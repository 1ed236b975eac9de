#!/usr/bin/env python3
"""Learns the weights of the ranking of places from what `cargo xtask measure-places` writes.

usage: train_places.py tasks ISSUES.jsonl CLONES INDEXES OUT       # tasks for measure-places, with labels
       train_places.py reports TASKS.jsonl MEASURED.jsonl WEIGHTS   # cross-validated figures; --write changes WEIGHTS
       train_places.py reports ... --ablate                         # the same without each group of features

INDEXES holds one index folder an issue, INDEXES/ID, made by `codescry index TREE --index-dir` at the issue's commit.
Files learn from the files of the fixes, chunks from the functions (pairwise logistic loss weighted by the change of
nDCG, as in crates/search/src/rank/learn.rs). For the figures, the weights never come from the issue's repository: large
repositories are held out alone, small ones in groups.
"""
import ast, collections, json, math, subprocess, sys
import numpy as np

PARTS = 3
AGAINST = {"Aside", "Docs", "Foreign", "Declarations", "Depth", "Boilerplate", "Long", "Test"}
EITHER = {"Entrance", "Size", "Type", "Length", "First", "Outside"}
# Features that are the same for every part of a report have one weight, with the first part.
SHARED = {"Literal", "Aside", "Docs", "Foreign", "Entrance", "Declarations", "Size", "Depth", "Located", "Boilerplate",
          "Type", "Outside", "Test", "Length", "Long", "First"}
FORM = {"Type", "Outside", "Test", "Length", "Long", "First"}
GROUPS = {"meaning": {"DenseChunkRank", "DenseChunk", "DenseFile", "Dense"},
          "words": {"LexicalChunkRank", "LexicalChunk", "LexicalFile", "Joined", "CoverageFile", "Lexical", "Coverage"},
          "names that are defined": {"CoverageNames", "DefinedType", "Exact", "ExactType", "Qualified", "Rare", "NameCoverage", "Fit", "Defines", "Spelled"},
          "paths": {"FileName", "Path", "Stem"}, "tests, docs, copies": {"Aside", "Docs", "Foreign", "Declarations", "Boilerplate"},
          "size and depth": {"Size", "Depth", "Entrance"}, "traces and paths in the text": {"Located"}, "messages": {"Literal"},
          "form of the chunk": FORM, "title": "0", "prose": "1", "names": "2"}

def functions_of(text):
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError):
        return []
    found = []
    def visit(node, prefix):
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.ClassDef):
                visit(child, prefix + [child.name])
            elif isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef)):
                first = min([child.lineno] + [d.lineno for d in child.decorator_list])
                found.append((".".join(prefix + [child.name]), first, child.end_lineno))
            else:
                visit(child, prefix)
    visit(tree, [])
    return found

def make_tasks(issues, clones, indexes, out):
    with open(out, "w") as file:
        for line in open(issues):
            row, ranges = json.loads(line), {}
            git = f"{clones}/{row['clone'].replace('/', '+')}/repo"
            for path in {name.split(":")[0] for name in row["functions"]}:
                shown = subprocess.run(["git", "-C", git, "show", f"{row['commit']}:{path}"], capture_output=True).stdout
                ranges[path] = functions_of(shown.decode("utf-8", "replace"))
            task = {"id": row["id"], "root": ".", "index_dir": f"{indexes}/{row['id']}", "query": row["text"], "repo": row["clone"],
                    "files": row["files"], "functions": row["functions"], "ranges": ranges}
            file.write(json.dumps(task) + "\n")

class Report:
    def __init__(self, task, measured):
        self.task, self.repo, self.files = task, task["repo"], measured["files"][:120]
        flat = lambda parts: np.concatenate([np.array(part, dtype=np.float32) for part in parts])
        self.paths = [file["path"] for file in self.files]
        self.features = np.array([flat(file["f"]) for file in self.files])
        self.evidence = np.array([file["e"] for file in self.files])
        self.chunks = [np.array([flat(chunk["f"]) for chunk in file["chunks"]]) for file in self.files]
        self.spans = [[(chunk["a"], chunk["b"]) for chunk in file["chunks"]] for file in self.files]
        self.targets = np.array([task["files"].index(path) if path in task["files"] else -1 for path in self.paths])
        self.files = None

    def functions_at(self, file, chunk):
        """The functions that a chunk lies in or covers by half."""
        first, last = self.spans[file][chunk]
        path = self.paths[file]
        for name, start, end in self.task["ranges"].get(path, []):
            if first >= start and last <= end or (min(end, last) - max(start, first) + 1) * 2 >= end - start + 1:
                yield f"{path}:{name}"

def load(tasks_path, measured_path):
    tasks = {task["id"]: task for task in map(json.loads, open(tasks_path))}
    lines = open(measured_path)
    names = json.loads(next(lines))
    measured = (json.loads(line) for line in lines)
    return [Report(tasks[one["id"]], one) for one in measured if one["kind"] == "Report" and one["files"]], names

def learn(data, active, sign, rounds, decay=0.002, step=0.3):
    data = [one for one in data if len(one[0]) and one[1].max() >= 0 and one[1].min() < 0]
    variance = np.mean([features.var(0) for features, _, _ in data], axis=0)
    scale = np.where(variance > 1e-12, 1 / np.sqrt(variance + 1e-20), 0)
    weights, squares = np.zeros(len(scale)), np.full(len(scale), 1e-8)
    prepared = [((features * scale).astype(np.float32), np.where(targets >= 0)[0], np.where(targets < 0)[0],
                 sum(1 / math.log2(at + 2) for at in range(min(10, max(1, count))))) for features, targets, count in data]
    for number in range(rounds):
        gradient = np.zeros(len(scale))
        for features, right, wrong, ideal in prepared:
            scores = features @ weights
            ranks = np.empty(len(scores), int)
            ranks[np.argsort(-scores, kind="stable")] = np.arange(len(scores))
            discount = 1 / np.log2(ranks + 2.0)
            worth = np.abs(discount[right][:, None] - discount[wrong][None, :]) / ideal
            moves = worth / (1 + np.exp(np.clip(scores[right][:, None] - scores[wrong][None, :], -30, 30)))
            move = np.zeros(len(scores))
            move[right] += moves.sum(1)
            move[wrong] -= moves.sum(0)
            gradient -= move @ features
        gradient = gradient / len(data) + decay * weights
        squares = squares * 0.95 + gradient * gradient * 0.05
        weights -= step * (1 - number / rounds) * gradient / np.sqrt(squares) * 0.1 * active
        weights = np.where((sign > 0) & (weights < 0) | (sign < 0) & (weights > 0), 0, weights)
    return weights * scale

class Learner:
    def __init__(self, names, drop=()):
        self.names, self.drop = names, drop

    def active(self, kind):
        on = lambda name, part: not (part and name in SHARED or name in self.drop or str(part) == self.drop)
        return np.array([float(on(name, part)) for part in range(PARTS) for name in self.names[kind]])

    def sign(self, kind):
        return np.tile([-1 if name in AGAINST else 0 if name in EITHER else 1 for name in self.names[kind]], PARTS)

    def fit(self, reports, rounds=120):
        files = learn([(one.features, one.targets, len(one.task["files"])) for one in reports], self.active("files"), self.sign("files"), rounds)
        places = [self.places(one, files) for one in reports if one.task["functions"]]
        chunks = learn(places, np.concatenate([[1], self.active("chunks")]), np.concatenate([[1], self.sign("chunks")]), rounds // 2)
        return files, chunks[1:] / max(chunks[0], 1e-6)

    @staticmethod
    def places(report, files, count=20):
        scores = report.features @ files + report.evidence
        gold = {name: at for at, name in enumerate(report.task["functions"])}
        targets = []
        rows = []
        for file in np.argsort(-scores, kind="stable")[:count]:
            for chunk in range(len(report.spans[file])):
                rows.append(np.concatenate([[scores[file]], report.chunks[file][chunk]]))
                targets.append(max([gold.get(name, -1) for name in report.functions_at(file, chunk)], default=-1))
        return np.array(rows, dtype=np.float32), np.array(targets), max(1, len(gold))

    def rank(self, report, weights, cost, slope, share, limit=20):
        files, chunks = weights
        counted = np.tile([0.0 if name in FORM else 1.0 for name in self.names["chunks"]], PARTS)
        scores = report.features @ files + report.evidence
        ranked = []
        for order, file in enumerate(np.argsort(-scores, kind="stable")[:limit]):
            if not len(report.spans[file]):
                continue
            own = report.chunks[file] @ chunks
            best = np.argsort(-own, kind="stable")
            lift = share * (report.chunks[file][best[0]] @ (chunks * counted))
            for depth, chunk in enumerate(best[:limit]):
                lost = cost * depth + slope * (own[best[0]] - own[chunk]) if depth else 0
                ranked.append((scores[file] + lift - lost, order, depth, file, chunk))
        ranked.sort(key=lambda one: -one[0])
        return [(file, chunk) for _, _, _, file, chunk in ranked[:limit]]

def cross_validate(reports, learner):
    counts = collections.Counter(one.repo for one in reports)
    large = sorted((repo for repo in counts if counts[repo] >= 12), key=lambda repo: -counts[repo])
    small = sorted(repo for repo in counts if counts[repo] < 12)
    groups = [[repo] for repo in large[:4]] + [large[4 + at::3] for at in range(3)] + [small[at::2] for at in range(2)]
    weights = {}
    for group in filter(None, groups):
        learned = learner.fit([one for one in reports if one.repo not in group])
        weights.update({repo: learned for repo in group})
    return weights

def figures(reports, learner, weights, settings):
    rows = []
    for one in reports:
        places = learner.rank(one, weights[one.repo], *settings)
        files = list(dict.fromkeys(one.paths[file] for file, _ in places))
        found = list(dict.fromkeys(name for file, chunk in places for name in ([*learner_functions(one, file, chunk)])))
        right = [set(one.task["files"]) <= set(files[:k]) for k in (1, 5, 10)]
        functions = [set(one.task["functions"]) <= set(found[:k]) for k in (1, 5, 10)] if one.task["functions"] else None
        rows.append((one.repo, right, functions))
    show = lambda values: " / ".join(f"{100 * value:.1f}" for value in np.mean(np.array(values, float), axis=0)) if len(values) else "-"
    by_repo = collections.defaultdict(list)
    for repo, right, _ in rows:
        by_repo[repo].append(right)
    means = [np.mean(np.array(one, float), axis=0) for one in by_repo.values()]
    return (f"{len(rows)} reports: files @1/5/10 {show([row[1] for row in rows])}; over {len(means)} repositories {show(means)}; "
            f"functions {show([row[2] for row in rows if row[2]])}")

def learner_functions(report, file, chunk):
    if report.paths[file] in report.task["ranges"]:
        yield from report.functions_at(file, chunk)
    else:
        yield f"{report.paths[file]}:{report.spans[file][chunk][0]}"  # a function of another file takes a place

def write(path, names, weights):
    lines = []
    for line in open(path):
        kind, name = ("chunks", line.split()[0].removeprefix("chunk.")) if line.startswith("chunk.") else ("files", line.split()[0])
        if name in names[kind]:
            at, columns = names[kind].index(name), line.split()
            learned = weights[0 if kind == "files" else 1]
            columns[3:] = [f"{learned[part * len(names[kind]) + at]:.4f}".replace("-0.0000", "0.0000") for part in range(PARTS)]
            line = " ".join(columns) + "\n"
        lines.append(line)
    open(path, "w").writelines(lines)

def main(words):
    if len(words) == 5 and words[0] == "tasks":
        return make_tasks(*words[1:])
    if len(words) < 4 or words[0] != "reports":
        sys.exit(__doc__)
    reports, names = load(words[1], words[2])
    single = {line.split()[0]: float(line.split()[3]) for line in open(words[3]) if line.startswith(("repeat.", "place."))}
    settings = (single["repeat.cost"], single["repeat.slope"], single["place.share"])
    python = [one for one in reports if one.task["functions"]]
    others = [one for one in reports if not one.task["functions"]]
    for label, drop in [("all evidence", ()), *(GROUPS.items() if "--ablate" in words else ())]:
        learner = Learner(names, drop)
        weights = cross_validate(reports, learner)
        prefix = label if not drop else f"without {label}"
        print(f"{prefix}, with functions: {figures(python, learner, weights, settings)}", flush=True)
        print(f"{prefix}, others: {figures(others, learner, weights, settings)}", flush=True)
    if "--write" in words:
        write(words[3], names, Learner(names).fit(reports, 200))

if __name__ == "__main__":
    main(sys.argv[1:])
