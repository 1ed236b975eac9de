#!/usr/bin/env python3
"""Error messages pasted without quotes: makes a set from folders of sources, and measures a command on it.

usage: error_messages.py make SET.jsonl FOLDER... [--per-folder N]
       error_messages.py score SET.jsonl [--quoted] -- COMMAND...

A message is a string literal of at least four words that stands once in all files of its folder, outside of tests,
examples and documentation, on a line that looks like an error (raise, throw, panic, error, fail, bail, fatal, warn,
assert, die, abort, exception). Placeholders become values: `{}`, `%s` and `${x}` a word, `%d` a number. COMMAND is run
once in each folder with one JSON object {"query": ...} a line on standard input, and answers one JSON object a line,
{"results": [{"path", "start_line", "end_line"}, ...]}. Prints how often a place that holds the line is first, in three
and in ten.
"""
import hashlib, json, os, re, subprocess, sys

CODE = {".py", ".rs", ".go", ".java", ".kt", ".scala", ".js", ".ts", ".c", ".h", ".cc", ".cpp", ".cs", ".php", ".rb", ".swift", ".ex", ".hs", ".zig", ".lua", ".sh"}
ASIDE = re.compile(r"(^|[/_.\-])(tests?|testing|specs?|examples?|samples?|docs?|bench\w*|fixtures?|mocks?|vendor|third_party|node_modules)([/_.\-]|$)|Tests?\.|Spec\.", re.I)
ERROR = re.compile(r"raise|throw|panic|error|fail|bail|fatal|warn|assert|die\b|abort|exception|except", re.I)
PROSE = re.compile(r"[^=;]*[A-Za-z]{2,} [A-Za-z]{2,}[^=;]*$")  # code between two strings is no message
LITERAL = re.compile(r'"((?:[^"\\\n]|\\.){18,140})"')

def files_of(folder):
    for path, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names):
            full = os.path.join(path, name)
            if os.path.getsize(full) < 1_000_000:
                try:
                    yield os.path.relpath(full, folder), open(full, encoding="utf-8").read()
                except (UnicodeDecodeError, OSError):
                    continue

def fill(text):
    text = re.sub(r"\\[nt]", " ", text).replace('\\"', '"')
    text = re.sub(r"%[-+0-9.]*l*[dux]", "7", text)
    text = re.sub(r"%[-+0-9.]*[a-zA-Z@]", "alpha", text)
    return re.sub(r"#\{[^}]*\}|\$\{[^}]*\}|\\\([^)]*\)|\{[^{}]*\}|\$\w+", "alpha", text)

def make(out, folders, count):
    with open(out, "w") as file:
        for folder in folders:
            texts = dict(files_of(folder))
            everything = "\n".join(texts.values())
            found = []
            for path, text in texts.items():
                if os.path.splitext(path)[1] not in CODE or ASIDE.search(path):
                    continue
                for number, line in enumerate(text.split("\n"), 1):
                    if len(line) > 300 or not ERROR.search(line):
                        continue
                    for match in LITERAL.finditer(line):
                        literal = match.group(1)
                        words = re.findall(r"[A-Za-z]{2,}", re.sub(r"\{[^}]*\}|%\w|\\.|\$\{[^}]*\}", " ", literal))
                        if len(words) >= 4 and PROSE.match(literal) and everything.count(literal) == 1:
                            found.append({"folder": folder, "query": fill(literal).strip(), "path": path, "line": number})
            found.sort(key=lambda one: hashlib.sha256(one["query"].encode()).hexdigest())
            for one in found[:count]:
                file.write(json.dumps(one) + "\n")
            print(f"{folder}: {min(len(found), count)} of {len(found)}", file=sys.stderr)

def score(path, command, quoted):
    by_folder = {}
    for line in open(path):
        one = json.loads(line)
        by_folder.setdefault(one["folder"], []).append(one)
    ranks, missed = [], []
    for folder, rows in by_folder.items():
        ask = lambda text: f'"{text}"' if quoted else text
        asked = "".join(json.dumps({"query": ask(one["query"])}) + "\n" for one in rows)
        run = subprocess.run(command, cwd=folder, input=asked, capture_output=True, text=True)
        answers = [json.loads(line) for line in run.stdout.splitlines() if line.strip()]
        assert len(answers) == len(rows), run.stderr[-500:]
        for one, answer in zip(rows, answers):
            holds = lambda hit: hit["path"] == one["path"] and hit["start_line"] <= one["line"] <= hit["end_line"]
            rank = next((at for at, hit in enumerate(answer.get("results", []), 1) if holds(hit)), 99)
            ranks.append(rank)
            if rank > 1:
                missed.append((rank, folder, one["query"], one["path"]))
    for one in missed:
        print(*one, sep="\t")
    share = lambda k: f"{sum(rank <= k for rank in ranks)} ({100 * sum(rank <= k for rank in ranks) / max(1, len(ranks)):.1f} %)"
    print(f"{len(ranks)} messages: first {share(1)}, in three {share(3)}, in ten {share(10)}")

if __name__ == "__main__":
    if len(sys.argv) < 4 or sys.argv[1] not in ("make", "score"):
        sys.exit(__doc__)
    words = sys.argv[2:]
    if sys.argv[1] == "make":
        count = int(words[words.index("--per-folder") + 1]) if "--per-folder" in words else 8
        make(words[0], [one for one in words[1:] if os.path.isdir(one)], count)
    else:
        cut = words.index("--")
        score(words[0], words[cut + 1:], "--quoted" in words[:cut])
