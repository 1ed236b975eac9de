"""Publishes the repositories in a folder into one collection, by several workers at once, and compacts it.

    python3 benches/python/publish_collection.py PROGRAM FOLDER LOCATION WORKERS

Each worker publishes every WORKERS-th folder in FOLDER from a home folder of its own, as separate machines would. Then one
of them compacts the collection. Prints the times, the processor times and the sizes. LOCATION may be a folder or a URL; the
variables of the store, such as AWS_ENDPOINT_URL, are passed on.
"""

import concurrent.futures
import json
import os
import pathlib
import resource
import subprocess
import sys
import tempfile
import time


def run(program, home, *words):
    """Runs a command in a home folder of its own, and returns its output as JSON."""
    env = {**os.environ, "HOME": str(home), "XDG_DATA_HOME": f"{home}/data", "XDG_CACHE_HOME": f"{home}/cache",
           "CODESCRY_NO_SHARE": "1"}
    ran = subprocess.run([program, *map(str, words)], env=env, cwd=home, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                         text=True)
    if ran.returncode:
        sys.exit(f"{words}: {ran.returncode}: {ran.stderr}")
    return json.loads(ran.stdout)


def main(program, folder, location, workers):
    program, workers = os.path.abspath(program), int(workers)
    repositories = sorted(path for path in pathlib.Path(folder).iterdir() if path.is_dir())
    with tempfile.TemporaryDirectory() as work:
        homes = [pathlib.Path(work) / f"worker-{number}" for number in range(workers)]
        for home in homes:
            home.mkdir()

        def publish(number):
            own = repositories[number::workers]
            return [run(program, homes[number], "publish", "--json", f"{location}#{path.name.lower()}", path)
                    for path in own]

        def children():
            used = resource.getrusage(resource.RUSAGE_CHILDREN)
            return used.ru_utime + used.ru_stime

        begun, used = time.monotonic(), children()
        with concurrent.futures.ThreadPoolExecutor(workers) as pool:
            done = [one for group in pool.map(publish, range(workers)) for one in group]
        print(f"{len(done)} repositories published by {workers} workers in {time.monotonic() - begun:.0f} s, "
              f"{children() - used:.0f} s of processor time, {sum(one['bytes'] for one in done) / 1e6:.0f} MB, "
              f"{sum(one['rebases'] for one in done)} lost races", flush=True)
        listed = run(program, homes[0], "collection", "list", "--json", location)
        missing = {path.name.lower() for path in repositories} - {one["name"] for one in listed["repositories"]}
        if missing:
            sys.exit(f"not in the collection: {sorted(missing)}")
        begun, used = time.monotonic(), children()
        compacted = run(program, homes[0], "collection", "compact", "--json", location)
        print(f"compacted in {time.monotonic() - begun:.0f} s, {children() - used:.0f} s of processor time: {compacted}",
              flush=True)
        begun = time.monotonic()
        verified = run(program, homes[0], "collection", "verify", "--full", "--json", location)
        print(f"verified in {time.monotonic() - begun:.0f} s: {verified}")


if len(sys.argv) != 5:
    sys.exit(__doc__)
main(*sys.argv[1:])
