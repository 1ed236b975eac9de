#!/usr/bin/env python3
"""Measures what the program does not know about the candidates of a bug report: references of one hop, and git's history.

usage: one_hop.py ask ISSUES.jsonl CLONES WORK OUT.jsonl [--every N] [--only OWNER/NAME] -- PROGRAM
       one_hop.py measure ISSUES.jsonl CLONES OUT.jsonl MEASURED        # adds to MEASURED

ISSUES.jsonl and CLONES are those of issues.py. `ask` lays out each issue's commit in WORK and asks PROGRAM (codescry) for
200 places with --explain; OUT gets one line an issue. `measure` adds, from git alone:

- one hop: for the definitions that a report names, and for those of the first eight places, what they use, what uses
  them, their base classes and subclasses, and methods of the same name elsewhere;
- history: recency and number of changes, changes together with the first files, and the files of earlier commits whose
  messages are like the report. Only ancestors of the issue's commit count.

one_hop_report.py learns from MEASURED. Needs numpy, and ctags (universal) for other languages than Python.
"""
import ast, collections, json, math, os, pickle, re, subprocess, sys, tempfile
import numpy as np

EXTENSIONS = {"py", "c", "h", "cc", "cpp", "hpp", "go", "java", "js", "ts", "jsx", "mjs", "rs"}
TEST = re.compile(r"(^|/)(tests|spec|__tests__|examples?|benchmarks?|benches|docs?|fixtures|galleries|tutorials|testdata|vendor)/"
                  r"|^testing/|(^|/)(test_[^/]*|[^/]*_tests?|conftest|tests)\.(py|go|rs|c|cc)$|(^|/)test/(?!.*\.py$)"
                  r"|\.(test|spec)\.[jt]sx?$|Test\.java$")
IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
KINDS = dict(dict.fromkeys(["class", "struct", "interface", "enum", "union", "typedef", "trait", "type", "alias"], "class"),
             **dict.fromkeys(["function", "method", "func", "macro", "generator"], "function"))
HOPS = ["named.defines", "named.uses", "named.bases", "named.subclasses", "named.users", "named.siblings",
        "first.uses", "first.bases", "first.subclasses", "first.users", "first.siblings"]
HISTORY = ["recent", "changes of a year", "changes of five years", "changed together", "messages", "best message"]

def git(folder, *words, text=None):
    run = subprocess.run(["git", "-C", folder, "-c", "core.quotepath=off", *words], capture_output=True, input=text)
    return run.stdout.decode("utf-8", "replace")

def read_issues(path, clones):
    for line in open(path):
        row = json.loads(line)
        yield row, f"{clones}/{row['clone'].replace('/', '+')}/repo"

# Asking the program

def ask(issues, clones, work, out, every, only, program):
    done = {json.loads(line)["id"] for line in open(out)} if os.path.exists(out) else set()
    by_clone = collections.defaultdict(list)
    for row, folder in read_issues(issues, clones):
        row["date"] = int(git(folder, "show", "-s", "--format=%ct", row["commit"]).split()[-1])
        by_clone[folder].append(row)
    for folder, rows in sorted(by_clone.items(), key=lambda pair: len(pair[1])):
        if only not in (None, rows[0]["clone"]):
            continue
        tree = os.path.join(os.path.abspath(work), rows[0]["clone"].replace("/", "+"))
        os.makedirs(tree, exist_ok=True)
        env = dict(os.environ, GIT_DIR=folder, GIT_WORK_TREE=tree, GIT_INDEX_FILE=tree + ".index")
        for row in sorted(rows, key=lambda row: row["date"])[::every]:
            if row["id"] in done:
                continue
            subprocess.run(["git", "read-tree", "--reset", "-u", row["commit"]], env=env, capture_output=True)
            command = [program, *"search --batch --json --content code --explain --limit 200".split()]
            run = subprocess.run(command, cwd=tree, input=json.dumps({"query": row["text"]}) + "\n", capture_output=True, text=True)
            answer = json.loads(run.stdout) if run.stdout.strip() else {}
            if "results" not in answer:
                print(f"{row['id']}: {run.stderr[-300:]}", file=sys.stderr)
                continue
            keep = ("path", "start_line", "end_line", "kind", "explain", "explain_chunk")
            places = [{key: hit.get(key) for key in keep} for hit in answer["results"]]
            with open(out, "a") as file:
                file.write(json.dumps({"id": row["id"], "results": places}) + "\n")

# Definitions and uses

Definition = collections.namedtuple("Definition", "path name container kind first last bases")

def python_definitions(text):
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError):
        return []
    found = []
    def base_name(node):
        while isinstance(node, (ast.Call, ast.Subscript)):
            node = node.func if isinstance(node, ast.Call) else node.value
        return getattr(node, "id", getattr(node, "attr", None))
    def visit(node, container):
        for child in ast.iter_child_nodes(node):
            if isinstance(child, (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)):
                first = min([child.lineno] + [line.lineno for line in child.decorator_list])
                is_class = isinstance(child, ast.ClassDef)
                bases = [name for name in map(base_name, child.bases) if name] if is_class else []
                found.append((child.name, container, "class" if is_class else "function", first, child.end_lineno, bases))
                if is_class:
                    visit(child, child.name)
            elif not isinstance(child, ast.expr):
                visit(child, container)
    visit(tree, "")
    return found

def other_definitions(texts):
    """The definitions of files of other languages, by key; `texts` maps (key, extension) to bytes."""
    found = collections.defaultdict(list)
    with tempfile.TemporaryDirectory() as folder:
        names = {}
        for number, ((key, extension), data) in enumerate(texts.items()):
            names[f"{number}.{extension}"] = key
            with open(f"{folder}/{number}.{extension}", "wb") as file:
                file.write(data)
        command = ["ctags", "--output-format=json", "--fields=+neKs", "--languages=C,C++,Go,Java,JavaScript,TypeScript,Rust",
                   "--langmap=C++:+.h", "-f", "-", "-L", "-"]
        run = subprocess.run(command, cwd=folder, input="\n".join(names), capture_output=True, text=True, errors="replace")
    for line in run.stdout.splitlines():
        tag = json.loads(line) if line.startswith("{") else {}
        if tag.get("kind") in KINDS:
            container = re.split(r"::|\.", tag.get("scope") or "")[-1]
            first = tag["line"]
            found[names[tag["path"]]].append((tag["name"], container, KINDS[tag["kind"]], first, tag.get("end", first), []))
    return found

class Repository:
    """The parsed files of the commits of a repository, by hash of content."""

    def __init__(self, folder, commits):
        self.ids, self.trees, self.files = {}, {}, {}
        wanted = {}
        for commit in commits:
            tree = self.trees.setdefault(commit, {})
            for line in git(folder, "ls-tree", "-r", "-l", commit).splitlines():
                meta, path = line.split("\t", 1)
                mode, kind, sha, size = meta.split()
                if kind == "blob" and mode != "120000" and path.rsplit(".", 1)[-1] in EXTENSIONS and int(size) < 1_000_000:
                    tree[path] = sha
                    wanted[sha] = path.rsplit(".", 1)[-1]
        cat = subprocess.Popen(["git", "-C", folder, "cat-file", "--batch"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        others = {}
        for sha, extension in wanted.items():
            cat.stdin.write(sha.encode() + b"\n")
            cat.stdin.flush()
            data = cat.stdout.read(int(cat.stdout.readline().split()[2]) + 1)[:-1]
            lines, uses = [], []
            for number, line in enumerate(data.decode("utf-8", "replace").split("\n"), 1):
                for name in set(IDENTIFIER.findall(line)):
                    if len(name) > 2:
                        lines.append(number)
                        uses.append(self.ids.setdefault(name, len(self.ids)))
            definitions = python_definitions(data.decode("utf-8", "replace")) if extension == "py" else []
            if extension != "py":
                others[sha, extension] = data
            self.files[sha] = [definitions, np.array(lines, np.int32), np.array(uses, np.int32), np.unique(uses).astype(np.int32)]
        cat.communicate()
        for sha, definitions in other_definitions(others).items():
            self.files[sha][0] = definitions
        self.names = list(self.ids)

class Tree:
    """The definitions of the code of one commit, without tests, and who uses what."""

    def __init__(self, repository, commit):
        self.repository, self.paths = repository, repository.trees[commit]
        self.code = [path for path in self.paths if not TEST.search(path)]
        self.definitions, self.named, self.of_file, self.subclasses = [], collections.defaultdict(list), collections.defaultdict(list), collections.defaultdict(list)
        for path in self.code:
            for fields in self.file(path)[0]:
                at, definition = len(self.definitions), Definition(path, *fields)
                self.definitions.append(definition)
                self.named[definition.name].append(at)
                self.of_file[path].append(at)
                for base in definition.bases:
                    self.subclasses[base].append(at)
        used = [self.file(path)[3] for path in self.code] or [np.zeros(0, np.int32)]
        self.used = np.concatenate(used)
        self.user = np.concatenate([np.full(len(one), at) for at, one in enumerate(used)])
        self.frequency = np.bincount(self.used, minlength=len(repository.ids))

    def file(self, path):
        return self.repository.files[self.paths[path]]

    def uses(self, path, first, last):
        _, lines, uses, _ = self.file(path)
        return {self.repository.names[use] for use in set(uses[np.searchsorted(lines, first):np.searchsorted(lines, last, "right")].tolist())}

    def files_with(self, name):
        return self.frequency[self.repository.ids[name]] if name in self.repository.ids else 0

    def users(self, name):
        """The innermost definitions with a line that has `name`."""
        found, id = set(), self.repository.ids.get(name, -1)
        for at in self.user[self.used == id].tolist():
            _, lines, uses, _ = self.file(self.code[at])
            for line in lines[uses == id].tolist():
                around = [one for one in self.of_file[self.code[at]] if self.definitions[one].first <= line <= self.definitions[one].last]
                if around:
                    found.add(min(around, key=lambda one: self.definitions[one].last - self.definitions[one].first))
        return found

def written_names(text):
    """The names that a report writes as code, with weights: those of the title count twice, capitalized words 0.4."""
    names = {}
    title, _, rest = text.partition("\n")
    for part, factor in [(title, 2.0), (rest, 1.0)]:
        found = [(name, factor) for quoted in re.findall(r"`([^`\n]{1,200})`", part) for name in IDENTIFIER.findall(quoted)]
        for token in part.split():
            chains = [] if "://" in token else re.finditer(r"[A-Za-z_]\w*(?:(?:\.|::|->|#)[A-Za-z_]\w*)*(\()?", token)
            for chain in chains:
                names_of_chain = IDENTIFIER.findall(chain[0])
                for name in names_of_chain:
                    is_camel = any(c.isupper() for c in name[1:]) and any(c.islower() for c in name)
                    if "_" in name or is_camel or len(names_of_chain) > 1 or chain[1]:
                        found.append((name, factor))
                    elif name[0].isupper() and name[1:].islower():
                        found.append((name, factor * 0.4))
        for name, weight in found:
            if len(name) > 2:
                names[name] = max(names.get(name, 0), weight)
    return names

def hop(tree, text, first_places):
    """The evidence of one hop for each definition: {kind of hop: {definition: score}}."""
    found = {kind: collections.defaultdict(float) for kind in HOPS}
    names = written_names(text)
    few = lambda name, most, kind=None: [at for at in tree.named.get(name, ()) if kind in (None, tree.definitions[at].kind)][:most + 1]
    def follow(origin, at, weight, span=None):
        one = tree.definitions[at] if at is not None else None
        path, first, last = span or (one.path, one.first, one.last)
        if span or origin == "named":
            for name in tree.uses(path, first, last) - names.keys() - {one.name if one else ""}:
                targets = few(name, 4)
                for target in targets if len(targets) <= 4 else ():
                    if tree.definitions[target].path != path or not first <= tree.definitions[target].first <= last:
                        found[origin + ".uses"][target] += weight / math.sqrt(tree.files_with(name)) / len(targets)
        if one is None:
            return
        if one.kind == "class":
            follow_bases(origin, at, weight, 0)
            below = tree.subclasses.get(one.name, ())
            for target in below if len(below) <= 12 else ():
                found[origin + ".subclasses"][target] += weight / math.sqrt(len(below))
        elif one.container:
            for around in few(one.container, 11, "class") if origin == "first" else ():
                if tree.definitions[around].path == one.path:  # the class of a method that is among the first places
                    follow_bases(origin, around, weight / 2, 0)
            same = [target for target in few(one.name, 11, "function") if target != at]
            for target in same if len(same) <= 10 else ():
                found[origin + ".siblings"][target] += weight / math.sqrt(len(same))
        if tree.files_with(one.name) <= 12 and len(tree.named[one.name]) <= 5:
            users = tree.users(one.name) - set(tree.named[one.name])
            for target in users:
                found[origin + ".users"][target] += weight / math.sqrt(len(users))
    def follow_bases(origin, at, weight, depth):
        for base in tree.definitions[at].bases if depth < 4 else ():
            targets = [target for target in few(base, 4, "class") if target != at]
            for target in targets if len(targets) <= 4 else ():
                found[origin + ".bases"][target] += weight / len(targets)
                follow_bases(origin, target, weight * 0.6 / len(targets), depth + 1)
    for name, weight in names.items():
        definitions = few(name, 5)
        if len(definitions) > 5 or weight < 0.9 and not any(tree.definitions[at].kind == "class" for at in definitions):
            continue
        for at in definitions:
            found["named.defines"][at] += weight / len(definitions)
            follow("named", at, weight / len(definitions))
    for rank, (path, first, last) in enumerate(first_places):
        follow("first", None, 1 / (1 + rank), (path, first, last))
        for at in tree.of_file[path]:
            one = tree.definitions[at]
            if first <= one.first <= last or one.kind != "class" and one.first <= first and one.last >= last:
                follow("first", at, 1 / (1 + rank))
    return found

# History

def words_of(text):
    spaced = re.sub(r"([a-z])([A-Z])", r"\1 \2", text.replace("_", " ")).lower()
    plain = "the and for with that this from are was not when use fix fixes fixed refs add added remove removed into have has can been its but you all any test tests"
    words = [word for word in re.findall(r"[a-z][a-z0-9]{2,}", spaced) if word not in plain.split()]
    return collections.Counter(re.sub(r"(ing|ies|es|s|ed)$", "", word) if len(word) > 5 else word for word in words)

class History:
    def __init__(self, folder, commits):
        log = git(folder, "log", "--name-only", "--no-merges", "--no-renames", "--format=%x01%H%x02%ct%x02%B%x03", *commits)
        self.folder, self.commits = folder, {}
        for entry in log.split("\x01")[1:]:
            head, _, files = entry.partition("\x03")
            name, time, message = head.split("\x02", 2)
            self.commits[name] = (int(time), [path for path in files.split("\n") if path], message[:600])
        self.words = {}

    def measure(self, commit, text, wanted, first_files):
        """The values of HISTORY for the files in `wanted`, from the 8,000 last ancestors of five years."""
        now = int(git(self.folder, "show", "-s", "--format=%ct", commit).split()[-1])
        names = [name for name in git(self.folder, "rev-list", "--no-merges", commit).split() if name in self.commits]
        names = sorted((name for name in names if self.commits[name][0] > now - 5 * 365 * 86400), key=lambda name: -self.commits[name][0])[:8000]
        age, year, all_years = {}, collections.Counter(), collections.Counter()
        together, alone = collections.defaultdict(collections.Counter), collections.Counter()
        for name in names:
            time, files, _ = self.commits[name]
            changed = [path for path in files if path in wanted]
            for path in changed:
                age.setdefault(path, (now - time) / 86400)
                year[path] += now - time < 365 * 86400
                all_years[path] += 1
            for first in set(changed) & set(first_files) if 1 < len(files) <= 15 else ():
                alone[first] += 1
                together[first].update(path for path in changed if path != first)
        changed_together = collections.Counter()
        for rank, first in enumerate(first_files):
            for path, count in together[first].items():
                changed_together[path] += count / (alone[first] + 3) / (1 + rank)
        for name in names:
            self.words.setdefault(name, None)
            self.words[name] = self.words[name] or words_of(self.commits[name][2])
        query = words_of(text.split("\n")[0])
        for word, count in words_of(text[:600]).items():
            query[word] += 0.3 * min(count, 3)
        frequency = collections.Counter(word for name in names for word in self.words[name])
        rarity = {word: math.log(1 + (len(names) - frequency[word] + 0.5) / (frequency[word] + 0.5)) for word in query if frequency[word]}
        alike = []
        for name in names:
            words = self.words[name]
            length = sum(words.values()) / 15
            score = sum(query[word] * rarity[word] * words[word] * 2.2 / (words[word] + 1.2 * (0.4 + 0.6 * length)) for word in rarity if word in words)
            if score > 0 and 0 < len(self.commits[name][1]) <= 20:
                alike.append((score, name))
        alike.sort(reverse=True)
        most = sum(query[word] * rarity[word] for word in rarity) or 1
        messages, best = collections.Counter(), collections.Counter()
        for score, name in alike[:60]:
            changed = [path for path in self.commits[name][1] if path in wanted]
            for path in changed:
                messages[path] += (score / alike[0][0]) ** 2 / math.sqrt(len(changed))
                best[path] = max(best[path], score / most / math.sqrt(len(changed)))
        relative = lambda values: {path: value / max(values.values()) for path, value in values.items()} if values else {}
        logs = lambda counts: {path: math.log1p(count) for path, count in counts.items()}
        recent = {path: 1 / (1 + days / 60) for path, days in age.items()}
        return [recent, relative(logs(year)), relative(logs(all_years)), relative(changed_together), relative(messages), best]

# Measuring

def measure(issues, clones, answers, out):
    done = pickle.load(open(out, "rb")) if os.path.exists(out) else {}
    answered = {answer["id"]: answer["results"] for answer in map(json.loads, open(answers))}
    by_folder = collections.defaultdict(list)
    for row, folder in read_issues(issues, clones):
        if row["id"] in answered and row["id"] not in done:
            by_folder[folder].append(row)
    for folder, rows in by_folder.items():
        commits = sorted({row["commit"] for row in rows})
        repository, history = Repository(folder, commits), History(folder, commits)
        for row in rows:
            done[row["id"]] = measure_issue(row, answered[row["id"]], repository, history)
        pickle.dump(done, open(out, "wb"))
        print(f"{rows[0]['clone']}: {len(rows)}", flush=True)

def measure_issue(row, results, repository, history):
    tree = Tree(repository, row["commit"])
    files = list(dict.fromkeys(hit["path"] for hit in results))
    code = [hit for hit in results if hit["path"] in tree.paths and not TEST.search(hit["path"])]
    found = hop(tree, row["text"], [(hit["path"], hit["start_line"], hit["end_line"]) for hit in code[:8]])
    of_files = np.zeros((len(files), 2 * len(HOPS)), np.float32)
    for column, kind in enumerate(HOPS):
        best, total = collections.Counter(), collections.Counter()
        for at, score in found[kind].items():
            path = tree.definitions[at].path
            best[path] = max(best[path], score)
            total[path] += score
        for at, path in enumerate(files):
            if total[path]:
                of_files[at, 2 * column:2 * column + 2] = best[path] / max(best.values()), total[path] / max(total.values())
    first_files = list(dict.fromkeys(hit["path"] for hit in code))[:5]
    values = history.measure(row["commit"], row["text"], set(files) | set(tree.code), first_files)
    past = np.array([[value.get(path, 0) for value in values] for path in files], np.float32)
    places = []
    for hit in results:
        near = np.zeros(len(HOPS), np.float32)
        for at in tree.of_file.get(hit["path"], ()):
            one = tree.definitions[at]
            last = min(one.last, one.first + 12) if one.kind == "class" else one.last  # a class is found by its head
            shared = min(hit["end_line"], last) - max(hit["start_line"], one.first) + 1
            if shared > 0 and (shared * 2 >= last - one.first + 1 or hit["start_line"] >= one.first and hit["end_line"] <= last):
                for column, kind in enumerate(HOPS):
                    near[column] = max(near[column], found[kind].get(at, 0) / max(found[kind].values(), default=1))
        places.append((files.index(hit["path"]), hit["start_line"], hit["end_line"], hit["explain_chunk"] or [], near))
    functions = {}
    for path in files if row["functions"] else ():
        functions[path] = [(".".join(filter(None, [container, name])), first, last) for name, container, kind, first, last, _ in
                           (tree.file(path)[0] if path in tree.paths else ()) if kind == "function"]
    explained = [next(hit["explain"] for hit in results if hit["path"] == path) for path in files]
    return {"id": row["id"], "clone": row["clone"], "gold": row["files"], "gold_functions": row["functions"], "files": files,
            "explained": explained, "hops": of_files, "history": past, "places": places, "functions": functions}

def main(words):
    option = lambda name, default: words[words.index(name) + 1] if name in words else default
    if words[:1] == ["ask"] and "--" in words:
        return ask(*words[1:5], int(option("--every", 1)), option("--only", None), words[words.index("--") + 1])
    if words[:1] == ["measure"] and len(words) == 5:
        return measure(*words[1:])
    sys.exit(__doc__)

if __name__ == "__main__":
    main(sys.argv[1:])
