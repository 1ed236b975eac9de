"""A client of `codescry serve --stdio`, for the measurements in this folder. Linux only."""

import json
import subprocess
import sys


def pss_kib(process_id):
    """Returns the proportional set size of a process, in KiB."""
    with open(f"/proc/{process_id}/smaps_rollup") as lines:
        return next(int(line.split()[1]) for line in lines if line.startswith("Pss:"))


class Client:
    """A server process and its client."""

    def __init__(self, words, env=None):
        words = ["--structured" if word == "--stdio" else word for word in words]
        self.process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=env)
        self.number = 0

    def send(self, message):
        self.process.stdin.write(json.dumps({"jsonrpc": "2.0", **message}).encode() + b"\n")
        self.process.stdin.flush()

    def ask(self, method, params):
        self.number += 1
        self.send({"id": self.number, "method": method, "params": params})

    def answer(self):
        """Returns the answer to the last request. Skips notifications."""
        while True:
            line = self.process.stdout.readline()
            if not line:
                sys.exit(f"process {self.process.pid} ended without an answer")
            message = json.loads(line)
            if message.get("id") == self.number:
                if "result" not in message or message["result"].get("isError"):
                    sys.exit(f"the call failed: {line.decode()[:400]}")
                return message["result"]

    def greet(self):
        client = {"name": "codescry-benches", "version": "1"}
        self.ask("initialize", {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": client})
        self.answer()
        self.send({"method": "notifications/initialized"})

    def call(self, tool, arguments):
        self.ask("tools/call", {"name": tool, "arguments": arguments})

    def hits(self, query, **arguments):
        """Returns the hits of `search_code`."""
        self.call("search_code", {"query": query, **arguments})
        return self.answer().get("structuredContent", {}).get("hits", [])

    def wait_for_index(self):
        """Waits until the index is complete, and returns its number of chunks."""
        while True:
            self.call("index_project", {})
            answer = self.answer()["structuredContent"]
            if answer["ended"]:
                return answer["coverage"]["chunks"]

    def end(self):
        self.process.stdin.close()
        self.process.wait()
