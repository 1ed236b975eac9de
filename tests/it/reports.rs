//! Tests of pasted texts: bug reports, error messages and traces.

use serde_json::Value;

use crate::support::cli::Project;

const POOL: &str = "class PoolError(Exception):\n    pass\n\n\nclass ConnectionPool:\n    \"\"\"Keeps connections to a \
    host.\"\"\"\n\n    def acquire(self, wait):\n        if not self.free:\n            raise PoolError(f\"no connection to \
    {self.host} is free after {wait} seconds\")\n        return self.free.pop()\n\n    def release_all(self):\n        \
    for connection in self.free:\n            connection.close()\n        self.free = []\n\n    def resize(self, \
    size):\n        self.size = size\n";

const REPORT: &str = "release_all leaves sockets open when the pool was resized\n<!-- Please search for duplicates \
    first. -->\n### What happened\nI use a `ConnectionPool` with a few hundred hosts. After resizing, the sockets of \
    connections that were handed out stay open, and the process runs out of file descriptors.\n\n### \
    Reproduction\n```python\nimport pool_test_helper\n\ndef test_reproduction():\n    pool = make_pool(size=3)\n    \
    connection = pool.acquire(wait=1)\n    pool.release_all()\n    assert connection.closed\n```\n\n### \
    Environment\nPython 3.11, Linux 6.1, netlib 2.31\n";

fn project() -> Project {
    let project = Project::empty();
    project.write("README.md", "# netlib\n\nA connection pool: `release_all` closes sockets.\n");
    project.write("netlib/pool.py", POOL);
    project.write(
        "netlib/session.py",
        "from .pool import ConnectionPool\n\n\nclass Session:\n    def __init__(self):\n        self.pool = \
         ConnectionPool()\n\n    def get(self, url):\n        return self.pool.acquire(3).send(url)\n\n    def \
         close(self):\n        self.pool.release_all()\n",
    );
    project.write(
        "netlib/sockets.py",
        "def open_socket(host):\n    return connect(host)\n\n\ndef file_descriptors():\n    return count()\n",
    );
    project.write(
        "tests/test_pool.py",
        "def test_reproduction():\n    pool = make_pool(size=3)\n    connection = pool.acquire(wait=1)\n    \
         pool.release_all()\n    assert connection.closed\n\n\ndef test_resized():\n    pool.resize(4)\n    \
         pool.release_all()\n",
    );
    project.write("LICENSE", "Permission is granted to any person to deal in the software without restriction.\n");
    project
}

fn first(project: &Project, query: &str) -> Value {
    let answer = project.run(&["search", query, "--json"]).json();
    answer["results"][0].clone()
}

fn holds(place: &Value, path: &str, line: u64) -> bool {
    let number = |key: &str| place[key].as_u64().expect("a line");
    place["path"] == path && (number("start_line")..=number("end_line")).contains(&line)
}

#[test]
fn a_bug_report_finds_the_function_and_not_its_test() {
    let project = project();
    let answer = project.run(&["search", REPORT, "--json", "--explain"]).json();
    assert!(answer["understood"].as_str().is_some_and(|text| text.starts_with("a report")), "{answer}");
    let place = &answer["results"][0];
    assert!(holds(place, "netlib/pool.py", 13), "{place}");
}

#[test]
fn a_pasted_message_finds_where_it_is_raised() {
    let project = project();
    for message in [
        "no connection to example.org is free after 30 seconds",
        "netlib.pool.PoolError: no connection to 10.0.0.7 is free after 3 seconds",
    ] {
        let place = first(&project, message);
        assert!(holds(&place, "netlib/pool.py", 10), "{message}: {place}");
    }
}

#[test]
fn the_innermost_frame_of_a_trace_in_a_report_comes_first() {
    let project = project();
    let trace = "Traceback (most recent call last):\n  File \"/srv/app/main.py\", line 3, in main\n    session.get(url)\n  \
        File \"/usr/lib/python3/site-packages/netlib/session.py\", line 9, in get\n    return \
        self.pool.acquire(3).send(url)\n  File \"/usr/lib/python3/site-packages/netlib/pool.py\", line 10, in acquire\n    \
        raise PoolError(text)\nPoolError: no connection to a is free after 3 seconds\n";
    assert!(holds(&first(&project, trace), "netlib/pool.py", 10));
    let report = format!(
        "Requests fail under load\nIt works for a while and then every request ends like this:\n\n```\n{trace}```\n"
    );
    assert!(holds(&first(&project, &report), "netlib/pool.py", 10));
}

#[test]
fn a_name_that_is_nowhere_is_said_to_be_nowhere() {
    let ran = project().run(&["search", "Quuxifier"]);
    assert!(ran.err.contains("`Quuxifier` is nowhere in the index"), "{}", ran.err);
}
