#!/usr/bin/env python3
"""Does an assistant that has a shell use the server's tools, when they are loaded and when they are deferred?

usage: assistant.py prepare OUT --program PATH --root FOLDER (--deferred | --loaded) --question TEXT
       assistant.py ask FOLDER TOOL ARGUMENT ...                  (what `ask` of a prepared folder runs)

`prepare` writes OUT/TASK.md and OUT/ask. The task has what an assistant's prompt holds: the server's instructions, and
either the whole of `tools/list` (loaded) or the names and search hints of the tools alone (deferred), whose schemas
`./ask load NAME` shows. Beside them are grep, find, cat, sed, ls, head, tail and wc. OUT/log.jsonl has each call.
"""
import argparse, json, os, shlex, subprocess, sys
from pathlib import Path

SHELL = ("grep", "find", "cat", "sed", "ls", "head", "tail", "wc")
MAX_BYTES = 30_000

TASK = """# A question about the code in this folder

You are a coding assistant. Answer the question below about a code base. Everything goes through `./ask`, run in this
folder:

    ./ask grep ... | find ... | cat ... | sed -n 10,40p FILE | ls ... | head ... | tail ... | wc ...
    ./ask call TOOL '{{"argument": "value"}}'       calls a tool of the connected MCP server
{load}    ./ask answer 'PATH:LINE and a sentence'      ends the task

Use no other tool. Use whichever of them you would use in your everyday work. Answer as soon as you are sure.

## The connected MCP server `codescry`

Its instructions:

{instructions}

Its tools{kind}:

{tools}

## The question

{question}
"""


class Server:
    """A server over stdio for one call."""

    def __init__(self, program, root):
        command = [program, "serve", "--stdio", root]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=subprocess.DEVNULL, text=True)
        client = {"name": "assistant-trial", "version": "1"}
        hello = {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": client}
        self.greeting = self.ask("initialize", hello)["result"]
        self.send({"method": "notifications/initialized"})

    def send(self, message):
        self.process.stdin.write(json.dumps({"jsonrpc": "2.0", **message}) + "\n")
        self.process.stdin.flush()

    def ask(self, method, params):
        self.send({"id": 1, "method": method, "params": params})
        for line in self.process.stdout:
            message = json.loads(line)
            if message.get("id") == 1:
                return message
        sys.exit("the server ended without an answer; run `codescry doctor`")

    def end(self):
        self.process.stdin.close()
        self.process.wait()


def describe(tool):
    schema = json.dumps(tool["inputSchema"])
    return f"### {tool['name']}\n\n{tool['description']}\n\nArguments: `{schema}`\n"


def prepare(given):
    out = Path(given.out)
    out.mkdir(parents=True, exist_ok=True)
    server = Server(given.program, given.root)
    listed = server.ask("tools/list", {})["result"]["tools"]
    server.end()
    if given.deferred:
        hint = lambda tool: tool.get("_meta", {}).get("anthropic/searchHint", "")
        tools = "\n".join(f"- {tool['name']}: {hint(tool)}".rstrip(": ") for tool in listed)
        load = "    ./ask load TOOL                              shows what a tool does, and its arguments\n"
        kind = " (deferred: load one before you call it)"
    else:
        tools, load, kind = "\n".join(map(describe, listed)), "", ""
    instructions = server.greeting.get("instructions", "")
    text = TASK.format(load=load, instructions=instructions, kind=kind, tools=tools, question=given.question)
    (out / "TASK.md").write_text(text)
    (out / "trial.json").write_text(json.dumps({"program": given.program, "root": given.root}))
    words = " ".join(map(shlex.quote, ["python3", str(Path(__file__).resolve()), "ask", str(out.resolve())]))
    (out / "ask").write_text(f'#!/bin/sh\nexec {words} "$@"\n')
    (out / "ask").chmod(0o755)


def ask(folder, tool, arguments):
    folder = Path(folder)
    trial = json.loads((folder / "trial.json").read_text())
    if tool in SHELL:
        if any(word.startswith("/") or ".." in word.split("/") for word in arguments[1:]):
            sys.exit(f"{tool}: give paths inside of the folder")
        run = subprocess.run([tool, *arguments], cwd=trial["root"], stdin=subprocess.DEVNULL, capture_output=True)
        output = (run.stdout + run.stderr).decode("utf-8", "replace")
    elif tool in ("call", "load"):
        server = Server(trial["program"], trial["root"])
        if tool == "load":
            listed = server.ask("tools/list", {})["result"]["tools"]
            output = "\n".join(describe(entry) for entry in listed if entry["name"] in arguments)
        else:
            try:
                given = json.loads(arguments[1]) if len(arguments) > 1 else {}
            except ValueError as error:
                sys.exit(f"the arguments are no JSON: {error}")
            message = server.ask("tools/call", {"name": arguments[0], "arguments": given})
            result = message.get("result", {"content": [{"text": message.get("error", {}).get("message", "")}]})
            output = "\n".join(block.get("text", "") for block in result["content"]) + "\n"
        server.end()
    elif tool == "answer":
        output = "noted: the task has ended\n"
    else:
        sys.exit(f"{tool}: not a tool here")
    output = output[:MAX_BYTES]
    with (folder / "log.jsonl").open("a") as log:
        log.write(json.dumps({"tool": tool, "arguments": arguments, "returned_bytes": len(output.encode())}) + "\n")
    sys.stdout.write(output)


def main():
    if sys.argv[1:2] == ["ask"]:
        return ask(sys.argv[2], sys.argv[3], sys.argv[4:])
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("action", choices=["prepare"])
    parser.add_argument("out")
    parser.add_argument("--program", required=True)
    parser.add_argument("--root", required=True)
    parser.add_argument("--question", required=True)
    kind = parser.add_mutually_exclusive_group(required=True)
    kind.add_argument("--deferred", action="store_true")
    kind.add_argument("--loaded", action="store_true")
    prepare(parser.parse_args())


main()
