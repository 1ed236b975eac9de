#!/usr/bin/env python3
"""Run one call of an agent, print what it returns and log its size; `ask` of a prepared folder calls this.

usage: tools.py --folder FOLDER --tree TREE [--program PATH --index FOLDER] [--with-grep] -- TOOL ARGUMENT ...

The log is FOLDER/log.jsonl: a line a call with "tool", "arguments", "asked_bytes" and "returned_bytes"; the call `answer`
adds "paths". The server of codescry starts for each call, which is not counted.
"""
import argparse, json, os, subprocess, sys
from pathlib import Path

# What agents usually see of a longer output, on both sides.
MAX_BYTES = 30_000

SHELL_TOOLS = ("grep", "find", "cat", "sed", "ls", "head", "tail", "wc")
# Arguments that would change files or run programs.
FORBIDDEN = ("-exec", "-execdir", "-ok", "-okdir", "-delete", "-fprint", "-fprintf", "-fls", "-i", "--in-place")
# Commands of sed that write files or run programs.
SED_PRINTS = frozenset("0123456789,$pq;~+ ")

# Tool of this command -> tool of the server, and the argument that the plain words are joined to.
SERVER_TOOLS = {
    "search": ("search_code", "query"),
    "read": ("read_code", "symbol"),
    "symbol": ("find_symbol", "name"),
    "references": ("find_references", "name"),
    "outline": ("outline", "path"),
    "similar": ("find_similar", "snippet"),
}
# Tools whose plain words are several values rather than one text.
LISTS = ("read", "symbol")


def run_shell_tool(tool, arguments, tree):
    """Runs grep and the like in the tree; returns its output with its errors."""
    plain = [argument for argument in arguments if not argument.startswith("-")]
    # The first plain argument of grep and sed is no path.
    paths = plain[1:] if tool in ("grep", "sed") else plain
    leaves = any(path.startswith("/") or ".." in path.split("/") for path in paths)
    writes = tool in ("find", "sed") and any(argument in FORBIDDEN or argument.startswith("-i") and tool == "sed"
                                             for argument in arguments)
    scripts = plain[:1] if tool == "sed" else []
    if leaves or writes or any(set(script) - SED_PRINTS for script in scripts):
        return f"{tool}: refused: give paths of the repository, and print only\n"
    # Without a file, grep searches the folder, as agents expect, and reads no terminal.
    run = subprocess.run([tool, *arguments], cwd=tree, stdin=subprocess.DEVNULL, capture_output=True)
    return (run.stdout + run.stderr).decode("utf-8", "replace")


def to_server_arguments(tool, words):
    """Returns the arguments of the server's tool: KEY=VALUE as they are, the other words joined."""
    name, argument = SERVER_TOOLS[tool]
    keys = {"path", "limit", "detail", "kind", "language", "max_tokens", "cursor", "lines", "context", "container",
            "content", "depth", "line", "symbol", "project"}
    given, plain = {}, []
    for word in words:
        key, equals, value = word.partition("=")
        if equals and key in keys:
            given[key] = value
        else:
            plain.append(word)
    if plain:
        given[argument] = plain if tool in LISTS and len(plain) > 1 else " ".join(plain)
    return name, given


def call_server(program, index, tree, name, arguments):
    """Starts the server, calls one tool and returns its text."""
    command = [program, "serve", "--stdio", "--no-share", tree]
    environment = {**os.environ, "CODESCRY_INDEX_DIR": index}
    server = subprocess.Popen(command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                              stderr=subprocess.DEVNULL, text=True)
    client = {"name": "agent-trial", "version": "1"}
    hello = {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": client}
    messages = [
        {"id": 0, "method": "initialize", "params": hello},
        {"method": "notifications/initialized"},
        {"id": 1, "method": "tools/call", "params": {"name": name, "arguments": arguments}},
    ]
    for message in messages:
        server.stdin.write(json.dumps({"jsonrpc": "2.0", **message}) + "\n")
    server.stdin.flush()
    for line in server.stdout:
        message = json.loads(line)
        if message.get("id") == 1:
            break
    else:
        sys.exit("the server ended without an answer; run `codescry doctor`")
    server.stdin.close()
    server.wait()
    if "error" in message:
        return message["error"]["message"]
    return "\n".join(block.get("text", "") for block in message["result"]["content"])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("--folder", "--tree", "--program", "--index"):
        parser.add_argument(name)
    parser.add_argument("--with-grep", action="store_true")
    parser.add_argument("call", nargs="+")
    given = parser.parse_args()
    tool, *arguments = given.call
    log = Path(given.folder) / "log.jsonl"
    entry = {"tool": tool, "arguments": arguments, "asked_bytes": len(" ".join(given.call).encode())}
    shell, served = SHELL_TOOLS if given.with_grep else (), tuple(SERVER_TOOLS) if given.program else ()
    if tool == "answer":
        entry["paths"] = [path.removeprefix("./").split(":")[0] for path in arguments][:5]
        output = "noted: the task has ended\n"
    elif tool in shell:
        output = run_shell_tool(tool, arguments, given.tree)
    elif tool in served:
        output = call_server(given.program, given.index, given.tree, *to_server_arguments(tool, arguments)) + "\n"
    else:
        sys.exit(f"{tool}: not a tool here; the tools are: {', '.join([*served, *shell, 'answer'])}")
    whole = output.encode()
    if len(whole) > MAX_BYTES:
        cut = whole[:MAX_BYTES].decode("utf-8", "ignore")
        output = f"{cut}\n[{len(whole) - MAX_BYTES} more bytes cut off]\n"
    entry["returned_bytes"] = len(output.encode())
    with log.open("a") as file:
        file.write(json.dumps(entry) + "\n")
    sys.stdout.write(output)


main()
