#!/usr/bin/env python3
"""Lay out the tasks of the agent trial: for each task and side a folder that an agent works in.

usage: prepare.py CLONES ROWS OUT [--round N] [--task ID] [--side grep|codescry] [--program PATH] [--with-grep]

CLONES: a folder of OWNER+NAME/repo git folders that have the commits of tasks.json.
ROWS: the file with the texts of the issues, one JSON object a line with "id" and "text".
OUT: gets ID/tree (the files of the commit), ID/index (codescry's index of it) and ID/SIDE with TASK.md and `ask`.
--program: the codescry program; needed for its side. --with-grep: that side may use grep and the like as well.
"""
import argparse, json, os, shlex, stat, subprocess, sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
SIDES = ("grep", "codescry")

TASK = """# Find where to change the code

Below is an issue of the repository {clone}. Find the source files (no tests, no documentation) that must be changed to
resolve it. Change nothing. The files are reachable only through `./ask`, run in this folder:

{tools}
    ./ask answer PATH [PATH ...]    the files to change, the surest first, at most five; ends the task

Use no other tool and nothing that you remember of the repository's later versions. Give the answer as soon as you are
sure. Each call and what it returns is counted.

# The issue

{text}
"""

TOOLS = {
    "grep": """    ./ask grep ...                  any of these, with their usual arguments; paths are relative to the repository
    ./ask find ...
    ./ask cat FILE ...
    ./ask sed -n 10,40p FILE
    ./ask ls, head, tail, wc ...
""",
    "codescry": """    ./ask search "QUESTION"         places, best first, the first with its code and who names it: for a question, the text of an
                                    error, names, or an issue as it is
    ./ask read WHAT ...             code: names (Config.load) and places (src/a.rs:10-40), as many as you like
    ./ask symbol NAME ...           where names are defined
    ./ask references NAME           where a name is used, and other definitions of it
    ./ask outline PATH              the definitions of a file, or the files of a folder

Each takes options as KEY=VALUE: search path=src limit=5 detail=full; read max_tokens=2000; references kind=call -test.
""",
}


def lay_out_tree(clones, task, tree):
    """Writes the files of the task's commit, once."""
    if tree.is_dir():
        return
    git = clones / task["clone"].replace("/", "+") / "repo"
    git = git / ".git" if (git / ".git").is_dir() else git
    part = tree.with_suffix(".part")
    part.mkdir(parents=True, exist_ok=True)
    archive = subprocess.Popen(["git", f"--git-dir={git}", "archive", task["commit"]], stdout=subprocess.PIPE)
    subprocess.run(["tar", "-x", "-C", part], stdin=archive.stdout, check=True)
    if archive.wait() != 0:
        sys.exit(f"{git} does not have commit {task['commit']} of {task['clone']}: fetch it, then run this again")
    part.rename(tree)


def write_side(out, task, side, text, program, with_grep):
    """Writes TASK.md and `ask` of one side, and builds the index."""
    folder = out / task["id"] / side
    folder.mkdir(parents=True, exist_ok=True)
    tools = TOOLS[side] + (TOOLS["grep"] if with_grep and side == "codescry" else "")
    (folder / "TASK.md").write_text(TASK.format(clone=task["clone"], tools=tools, text=text))
    command = ["python3", str(HERE / "tools.py"), "--folder", str(folder), "--tree", str(out / task["id"] / "tree")]
    if side == "codescry":
        index = out / task["id"] / "index"
        command += ["--program", str(program), "--index", str(index)]
        build = [str(program), "index", str(out / task["id"] / "tree"), "--quiet"]
        subprocess.run(build, env={**os.environ, "CODESCRY_INDEX_DIR": str(index)}, check=True, stdout=subprocess.DEVNULL)
    command += ["--with-grep"] if side == "grep" or with_grep else []
    ask = folder / "ask"
    ask.write_text(f"#!/bin/sh\nexec {shlex.join(command)} -- \"$@\"\n")
    ask.chmod(ask.stat().st_mode | stat.S_IXUSR | stat.S_IXGRP | stat.S_IXOTH)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clones", type=Path)
    parser.add_argument("rows", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--round", type=int)
    parser.add_argument("--task")
    parser.add_argument("--side", choices=SIDES)
    parser.add_argument("--program", type=Path)
    parser.add_argument("--with-grep", action="store_true")
    given = parser.parse_args()
    out, program = given.out.resolve(), given.program and given.program.resolve()
    tasks = json.loads((HERE / "tasks.json").read_text())
    tasks = [task for task in tasks if given.round in (None, task["round"]) and given.task in (None, task["id"])]
    if not tasks:
        sys.exit("no task of tasks.json has this round and id")
    rows = (json.loads(line) for line in given.rows.read_text().splitlines() if line.strip())
    texts = {row["id"]: row["text"] for row in rows}
    for number, task in enumerate(tasks):
        if task["id"] not in texts:
            sys.exit(f"{given.rows} has no issue {task['id']}; give the file that tasks.json was chosen from")
        # Each side is the first one in every other task.
        sides = [given.side] if given.side else SIDES if number % 2 == 0 else SIDES[::-1]
        if "codescry" in sides and not program:
            sys.exit("--program is missing; give the codescry program, or --side grep")
        lay_out_tree(given.clones.resolve(), task, out / task["id"] / "tree")
        for side in sides:
            write_side(out, task, side, texts[task["id"]], program, given.with_grep)
            print(out / task["id"] / side)


main()
