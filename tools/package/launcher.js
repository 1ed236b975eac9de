#!/usr/bin/env node
// Starts the program of the package for this platform, with the same arguments, input and output.
"use strict";

const { spawn } = require("node:child_process");
const { constants } = require("node:os");
const path = require("node:path");

const REPOSITORY = "https://github.com/codescry/codescry";
const manifest = require("../package.json");

/** Ends with an error that names the reason and the remedy. */
function fail(message) {
  process.stderr.write(`error: ${message}\n`);
  process.exit(2);
}

/** Returns whether this system has musl in place of glibc. */
function hasMusl() {
  if (process.platform !== "linux" || !process.report) return false;
  // Without this, the report lists network interfaces, which can take seconds.
  process.report.excludeNetwork = true;
  return !process.report.getReport().header.glibcVersionRuntime;
}

/** Returns the program's file. */
function findProgram() {
  const platform = `${process.platform}-${process.arch}`;
  const name = `@codescry/${platform}`;
  const names = Object.keys(manifest.optionalDependencies);
  if (!names.includes(name)) {
    const platforms = names.map((known) => known.split("/")[1]).join(", ");
    fail(`codescry has no npm package for ${platform}, only for ${platforms}; build it from source: ${REPOSITORY}`);
  }
  const file = process.platform === "win32" ? "codescry.exe" : "codescry";
  try {
    return path.join(path.dirname(require.resolve(`${name}/package.json`)), "bin", file);
  } catch {
    if (hasMusl()) {
      fail(`the npm package ${name} needs glibc, and this system has musl; build codescry from source: ${REPOSITORY}`);
    }
    return fail(
      `the npm package ${name} is not installed; install codescry again on this system, without --omit=optional ` +
        `(a lock file or a node_modules folder from another system lacks the package)`,
    );
  }
}

const program = findProgram();
const child = spawn(program, process.argv.slice(2), { stdio: "inherit", windowsHide: true });

// A terminal sends Ctrl-C to both processes. Forwarded again, it would count as the second one.
const onTerminal = process.stdin.isTTY || process.stdout.isTTY || process.stderr.isTTY;
const forwarded = ["SIGTERM", "SIGHUP", "SIGQUIT", "SIGINT"];
for (const signal of process.platform === "win32" ? [] : forwarded) {
  process.on(signal, () => {
    if (signal !== "SIGINT" || !onTerminal) child.kill(signal);
  });
}
if (process.platform === "win32") process.on("SIGINT", () => {});

child.on("error", (error) => fail(`${program} cannot be started: ${error.message}; install codescry again`));
child.on("exit", (code, signal) => {
  if (signal === null) process.exit(code);
  for (const name of forwarded) process.removeAllListeners(name);
  // Ends as the program ended. If Node ignores the signal, the exit code is the one that shells use.
  process.kill(process.pid, signal);
  process.exit(128 + (constants.signals[signal] ?? 0));
});
