//! Tests the first hits of each kind of query in an index of many projects.

use super::*;
use crate::Explanation;
use types::SymbolKind;

/// Number of projects with a few files at the top level, which share words with the queries.
const PROJECTS: usize = 12;

const POOL: &str = "class PoolError(Exception):\n    pass\n\n\nclass Pool:\n    def acquire(self, wait):\n        \"\"\"Hands \
    out a connection.\"\"\"\n        if not self.free:\n            raise PoolError('no connection is free')\n        return \
    self.free.pop()\n\n    def release(self, connection):\n        self.free.append(connection)\n";

const SESSION: &str = "package session\n\n// Open begins a session for a user.\nfunc Open(user string) *Session {\n\treturn \
    &Session{user: user}\n}\n\n// getUserById looks a user up.\nfunc getUserById(id int) string {\n\treturn \
    table[id]\n}\n";

const CACHE: &str = "export class Cache {\n  acquire(key) {\n    return this.map.get(key);\n  }\n\n  evictOldest() {\n    \
    const first = this.map.keys().next().value;\n    this.map.delete(first);\n  }\n}\n";

pub(super) fn snapshot_of_many_projects() -> Arc<Snapshot> {
    let mut files = Vec::new();
    for at in 0..PROJECTS {
        let project = format!("owner{at}+project{at}");
        let main = format!(
            "\"\"\"Project {at}: begins here, quokka and zebra.\"\"\"\n\n\ndef main{at}(value):\n    return value\n"
        );
        files.push((format!("{project}/main.py"), main));
        files.push((format!("{project}/Rakefile"), "task :value do\n  puts 'zebra finch quokka'\nend\n".to_owned()));
        files.push((format!("{project}/lib/project{at}.rb"), "module Finch\n  VALUE = 7\nend\n".to_owned()));
    }
    let deep = "owner3+project3/test/typing/plain_files/orm/nested/write_only.py";
    files.push((deep.to_owned(), "def zebrafinch7quokka(value):\n    return value\n".to_owned()));
    files.push(("owner5+project5/src/app/net/pool.py".to_owned(), POOL.to_owned()));
    files.push((
        "owner5+project5/tests/test_pool.py".to_owned(),
        "def test_pool():\n    Pool().acquire(wait=1)\n".to_owned(),
    ));
    files.push(("owner6+project6/internal/session/session.go".to_owned(), SESSION.to_owned()));
    files.push(("owner7+project7/src/cache.js".to_owned(), CACHE.to_owned()));
    files.push(("owner7+project7/vendor/cache.js".to_owned(), CACHE.replace("evictOldest", "evictFirst")));
    snapshot_of(files.into_iter())
}

fn answer(text: &str) -> Result<SearchResults, QueryError> {
    static FOLDER: std::sync::LazyLock<Arc<Snapshot>> = std::sync::LazyLock::new(snapshot_of_many_projects);
    searcher(&FOLDER, StaticModel::builtin().as_ref(), &[]).search(&query(text))
}

/// Formats the path, first line and name of the first hit.
fn first_hit(text: &str) -> String {
    let results = answer(text).expect("an answer");
    let hit = results.hits.first().expect("a hit");
    format!("{}:{} {}", hit.path, hit.span.start_line, hit.qualified_name())
}

#[test]
fn the_meant_definition_is_the_first_hit() {
    for (text, path) in [
        // Names, in various notations
        ("zebrafinch7quokka", "orm/nested/write_only.py:1 zebrafinch7quokka"),
        ("zebrafinch7quokka()", "orm/nested/write_only.py:1 zebrafinch7quokka"),
        ("Zebrafinch7Quokka", "orm/nested/write_only.py:1 zebrafinch7quokka"),
        ("zebrafinch7quoka", "orm/nested/write_only.py:1 zebrafinch7quokka"),
        ("Pool.acquire", "net/pool.py"),
        ("Pool::acquire", "net/pool.py"),
        ("Cache#acquire", "project7/src/cache.js"),
        ("get_user_by_id", "session/session.go"),
        // Questions
        ("where is the oldest entry of the cache evicted", "project7/src/cache.js"),
        ("hands out a connection", "net/pool.py"),
        ("test of the pool", "tests/test_pool.py"),
        ("where is the oldest entry of the cache evicted, rather than in main.py", "project7/src/cache.js"),
        ("how does pool.py say that no connection is free", "net/pool.py"),
        // Files and paths
        ("write_only.py", "orm/nested/write_only.py"),
        ("session.go", "session/session.go"),
        ("net/pool.py:9", "net/pool.py:"),
        ("Write_Only.py", "orm/nested/write_only.py"),
        ("tests/test_pool.py::test_pool", "tests/test_pool.py"),
        // Stack traces
        (
            "Traceback (most recent call last):\n  File \"/srv/project5/src/app/main.py\", line 3, in run\n    \
             pool.acquire(1)\n  File \"/srv/project5/src/app/net/pool.py\", line 9, in acquire\n    raise \
             PoolError('no connection is free')\nPoolError: no connection is free",
            "net/pool.py",
        ),
        (
            "panic: no user\n\ngoroutine 1 [running]:\nruntime.throw(0x1)\n\t/usr/local/go/src/runtime/panic.go:77 \
             +0x1\nexample.com/app/internal/session.getUserById(...)\n\t/srv/app/internal/session/session.go:10 +0x2a",
            "session/session.go",
        ),
        (
            "TypeError: first is undefined\n    at Cache.evictOldest (/srv/app/src/cache.js:8:5)",
            "project7/src/cache.js",
        ),
        ("PoolError: no connection is free", "net/pool.py"),
        // Code
        ("const first = this.map.keys().next().value;\nthis.map.delete(first);", "cache.js"),
        ("if not self.free:\n    raise PoolError('no connection is free')", "net/pool.py"),
        // Filters
        ("lang:go open", "session/session.go"),
        ("acquire file:cache.js -generated", "project7/src/cache.js"),
        ("path:owner5+project5/** -test acquire", "net/pool.py"),
        ("\"no connection is free\"", "net/pool.py"),
    ] {
        let found = first_hit(text);
        assert!(found.contains(path), "{text}: {found}");
    }
}

#[test]
fn the_chunk_with_the_line_is_shown() {
    let hit = |text: &str| answer(text).expect("an answer").hits.remove(0);
    for (text, line) in
        [("net/pool.py:9", 9), ("pool.py:13", 13), ("at Cache.evictOldest (/srv/app/src/cache.js:8:5)", 8)]
    {
        assert!(hit(text).span.contains(line), "{text}");
    }
}

#[test]
fn a_named_line_decides_about_its_hit() {
    for (text, line) in [
        ("net/pool.py:10", 10),
        ("at acquire (/app/net/pool.py:8:3)", 8),
        ("Traceback (most recent call last):\n  File \"/app/net/pool.py\", line 13, in release", 13),
    ] {
        let results = answer(text).expect("an answer");
        let hit = results.hits.first().expect("a hit");
        assert_eq!(hit.deciding_lines.first(), Some(&line), "{text}: {hit:?}");
    }
}

#[test]
fn filters_exclude_results() {
    let paths = |text: &str| -> Vec<String> {
        let mut paths: Vec<String> =
            answer(text).expect("an answer").hits.iter().map(|hit| hit.path.to_string()).collect();
        paths.sort();
        paths.dedup();
        paths
    };
    assert!(paths("pool acquire -test").iter().all(|path| !path.contains("test")));
    assert!(paths("value -lang:python").iter().all(|path| !path.ends_with(".py")));
    let of_kind = answer("kind:class pool").expect("an answer").hits;
    assert!(
        of_kind.iter().all(|hit| hit.kind == SymbolKind::Class) && of_kind[0].path.as_str().ends_with("net/pool.py")
    );
    assert_eq!(answer("kind:Classes pool").expect("an answer").hits, of_kind);
    assert!(paths("path:owner7+project7/** -path:vendor acquire").iter().all(|path| path.ends_with("src/cache.js")));
    let notes = answer("path:src/{a acquire").expect("an answer").notes;
    assert!(notes[0].starts_with("`path:` is searched as a word: cannot read the glob src/{a"), "{notes:?}");
    let message = answer("lang:go -test").expect_err("no words").to_string();
    assert!(message.contains("the query has filters only"), "{message}");
}

#[test]
fn the_interpretation_and_corrections_are_reported() {
    let understood = |text: &str| answer(text).expect("an answer").understood;
    assert_eq!(understood("Pool.acquire"), "a name (acquire in Pool)");
    assert_eq!(understood("lang:go -test where is a session opened"), "words; filters: lang:go -test");
    assert_eq!(understood("net/pool.py:9"), "a path (net/pool.py:9)");
    let notes = |text: &str| answer(text).expect("an answer").notes;
    assert_eq!(notes("getUserByld"), ["no exact match for `getUserByld`; showing `getUserById`"]);
    assert_eq!(notes("where is getUesrById called"), ["no exact match for `getUesrById`; showing `getUserById`"]);
    assert!(notes("getUserById").is_empty() && notes("acquires").is_empty() && notes("connection").is_empty());
    assert_eq!(notes("\"never written\" pool").len(), 1);
    assert_eq!(notes("Quuxifier"), ["`Quuxifier` is nowhere in the index; showing what is near it"]);
    assert_eq!(notes("getUserByld lang:python"), ["no exact match for `getUserByld`"], "another file defines it");
    assert_eq!(notes("Pol.acquire"), ["no exact match for `Pol`; showing `Pool`"]);
    assert_eq!(notes("Quuxifier.acquire"), ["there is no `Quuxifier.acquire`; these match the name alone"]);
    assert!(notes("net.acquire").is_empty() && notes("self.acquire").is_empty(), "a folder and the object itself");
    assert_eq!(notes("acquire path:"), ["`path:` is searched as a word: it needs a value right after the colon"]);
    assert_eq!(notes("how does sesion.go begin a sesion"), ["no exact match for `sesion.go`; showing `session.go`"]);
    assert_eq!(notes("net/poool.py:9"), ["no exact match for `poool.py`; showing `pool.py`"]);
    assert_eq!(notes("net/nosuch.py:9"), ["`net/nosuch.py` is nowhere in the index; showing what is near it"]);
    let no_line = "owner5+project5/src/app/net/pool.py has no line 900 in the index; its last one is 13";
    assert_eq!(notes("net/pool.py:900"), [no_line]);
    assert_eq!(notes("where are conections handed out"), Vec::<String>::new(), "no name contains the word");
    assert!(notes("write an oly.py server").is_empty() && notes("Node.js server").is_empty());
    assert_eq!(notes("which entry is evictd from the cache"), ["no exact match for `evictd`; showing `evict`"]);
    let unknown = |name: &str| notes(&format!("lang:{name} open")).remove(0);
    let languages = "the index has ruby, python, javascript, go";
    assert_eq!(
        unknown("klingon"),
        format!("`lang:` is searched as a word: unknown language klingon; {languages}"),
        "most files first"
    );
    assert!(unknown("pyton").ends_with(&format!("unknown language pyton; did you mean python? {languages}")));
    assert!(notes("kind:verb open")[0].contains("unknown kind verb; known: function, method"));
    assert!(notes("kind:strct open")[0].contains("unknown kind strct; did you mean struct? known: function, method"));
    assert!(notes("kind:Pod\nmetadata:\n  name: pool").is_empty(), "a pasted text");
}

/// Returns a snapshot of a file that has a word often in a function but not in its class, and of a file that has it
/// once in a class.
fn zebras() -> Arc<Snapshot> {
    let lines = |line: &str| format!("    {line}\n").repeat(60);
    let (feed, cage) = (lines("zebra = zebra + quokka"), lines("bars = iron(bars)"));
    let files = [
        ("a.py", format!("def feed():\n{feed}\n\nclass Cage:\n{cage}")),
        ("b.py", format!("class Stable:\n{}    zebra = 7\n", lines("straw = hay(straw)"))),
    ];
    snapshot_of(files.into_iter().map(|(path, text)| (path.to_owned(), text)))
}

#[test]
fn only_allowed_chunks_count_for_a_file() {
    let snapshot = zebras();
    let first = |text: &str| {
        let results =
            searcher(&snapshot, StaticModel::builtin().as_ref(), &[]).search(&query(text)).expect("an answer");
        results.hits[0].path.to_string()
    };
    assert_eq!(first("zebra"), "a.py");
    assert_eq!(first("kind:class zebra"), "b.py", "words of the function do not count for the class");
}

#[test]
fn phrases_are_found_in_low_ranked_chunks() {
    // Every file contains the words often; the phrase is in a file that contains few of these words.
    let mut files: Vec<(String, String)> = (0..900)
        .map(|at| (format!("a{at:03}.py"), "def open_the_gate():\n    return gate.open() or the_gate\n".to_owned()))
        .collect();
    let filler = "    x = y\n".repeat(40);
    files.push(("z.py".to_owned(), format!("def other():\n{filler}    say('Open  the gate')\n{filler}")));
    let snapshot = snapshot_of(files.into_iter());
    let ask =
        |text: &str| searcher(&snapshot, StaticModel::builtin().as_ref(), &[]).search(&query(text)).expect("an answer");
    let results = ask("\"open the gate\"");
    assert_eq!(results.hits.iter().map(|hit| hit.path.as_str()).collect::<Vec<_>>(), ["z.py"]);
    assert!(results.notes.is_empty(), "{:?}", results.notes);
    let absent = ask("\"gate the open\"");
    assert_eq!(absent.notes, ["no code or text has \"gate the open\" word for word; showing what is near it"]);
    assert!(!absent.hits.is_empty());
    let empty = ask("\"gate the open\" lang:go");
    assert_eq!(empty.notes, ["no code or text has \"gate the open\" word for word"], "nothing is shown");
    assert!(empty.hits.is_empty());
    assert!(ask("\"gate.open() or\" path:a00*").hits.len() > 2);
}

#[test]
fn scores_of_places_are_explained() {
    let (snapshot, model) = (zebras(), StaticModel::builtin());
    let zebras = searcher(&snapshot, model.as_ref(), &[]);
    let hits = zebras.search(&SearchQuery { explain: true, ..query("zebra bars") }).expect("an answer").hits;
    let further = hits.iter().filter(|hit| {
        let terms = &hit.explanation.as_ref().expect("an explanation").terms;
        terms.iter().any(|term| term.name == "further place of a file above" && term.share < 0.0)
    });
    assert!(further.count() > 0, "a file has two chunks");
    for hit in &hits {
        let Explanation { terms, chunk } = hit.explanation.as_ref().expect("an explanation");
        let sum: f32 = terms.iter().map(|term| term.share).sum();
        assert!((sum - hit.score).abs() < 1e-4 && !chunk.is_empty(), "{hit:?}");
    }
}

#[test]
fn the_definition_of_a_name_comes_before_its_implementations_in_a_file() {
    let filler = |name: &str| {
        format!("    fn {name}(&self) -> u32 {{\n{}        0\n    }}\n", "        self.step();\n".repeat(30))
    };
    let glob_set = format!(
        "/// Matches.\n#[derive(Clone)]\npub struct GlobSet {{\n    len: usize,\n{}}}\n\nimpl GlobSet {{\n{}}}\n\nimpl Default for GlobSet \
         {{\n{}}}\n",
        "    strats: Vec<Strategy>,\n".repeat(40),
        filler("matcher"),
        filler("default"),
    );
    let snapshot = snapshot_of(
        [("src/lib.rs".to_owned(), glob_set), ("src/other.rs".to_owned(), "fn f() {}\n".to_owned())].into_iter(),
    );
    let ask =
        |text: &str| searcher(&snapshot, StaticModel::builtin().as_ref(), &[]).search(&query(text)).expect("an answer");
    for text in ["GlobSet", "globset", "GlobSet()", "kind:struct GlobSet"] {
        let hits = ask(text).hits;
        assert_eq!((hits[0].kind, hits[0].symbol.as_str()), (SymbolKind::Struct, "GlobSet"), "{text}: {:?}", hits[0]);
        assert!(hits.windows(2).all(|pair| pair[0].score >= pair[1].score));
    }
}

#[test]
fn a_pasted_call_is_found_where_it_stands() {
    let many = (0..20).map(|at| {
        let text = format!(
            "use std::thread;\n// thread parallelism available {at}\nfn thread_{at}() {{ thread::spawn(available); }}\n"
        );
        (format!("src/thread{at}.rs"), text)
    });
    let call =
        "pub fn search_parallel() {\n    let n = std::thread::available_parallelism().map_or(1, |n| n.get());\n}\n";
    let snapshot = snapshot_of(many.chain([("core/main.rs".to_owned(), call.to_owned())]));
    let model = StaticModel::builtin();
    let searcher = searcher(&snapshot, model.as_ref(), &[]);
    for text in ["std::thread::available_parallelism()", "thread::available_parallelism"] {
        let results = searcher.search(&query(text)).expect("an answer");
        assert_eq!(results.hits[0].path.as_str(), "core/main.rs", "{text}: {}", results.understood);
    }
}

#[test]
fn a_message_with_values_is_found_where_its_string_stands() {
    let files = [
        (
            "src/loader.py",
            "def load(name):\n    module = find(name)\n    if module is None:\n        raise Missing(\"module not registered: %s\" % \
             name)\n    return module\n",
        ),
        (
            "src/docs.py",
            "# A module that is not registered, such as foo.bar, cannot be loaded: it is registered first.\ndef registered(module): \
             pass\n",
        ),
        (
            "tests/test_loader.py",
            "def test_module_not_registered():\n    # the module foo.bar is not registered\n    load('foo.bar')\n",
        ),
        (
            "src/registry.py",
            "class Registry:\n    def register(self, module):\n        self.registered[module.foo] = module.bar\n",
        ),
    ];
    let snapshot = snapshot_of(files.into_iter().map(|(path, text)| (path.to_owned(), text.to_owned())));
    let model = StaticModel::builtin();
    let searcher = searcher(&snapshot, model.as_ref(), &[]);
    for text in ["module not registered: foo.bar", "Missing: module not registered: foo.bar"] {
        let results = searcher.search(&query(text)).expect("an answer");
        assert_eq!(results.hits[0].path.as_str(), "src/loader.py", "{text}");
    }
}

#[test]
fn tests_inside_of_source_files_are_left_out_on_request() {
    let body = "    let budget = retry_budget(3);\n    assert_eq!(budget.left(), 3);\n".repeat(12);
    let text = format!(
        "pub fn retry_budget(n: u32) -> Budget {{\n{}    Budget(n)\n}}\n\n#[cfg(test)]\nmod tests {{\n    use super::*;\n\n    #[test]\n    fn \
         a_retry_budget_is_spent() {{\n{body}    }}\n\n    fn retry_budget_helper() {{\n{body}    }}\n}}\n",
        "    let n = n.max(1);\n".repeat(25)
    );
    let snapshot = snapshot_of([("src/retry.rs".to_owned(), text)].into_iter());
    let ask = |text: &str| {
        let hits =
            searcher(&snapshot, StaticModel::builtin().as_ref(), &[]).search(&query(text)).expect("an answer").hits;
        hits.iter().map(Hit::qualified_name).collect::<Vec<_>>()
    };
    let mut all = ask("retry budget");
    all.sort();
    assert_eq!(all, ["retry_budget", "tests"]);
    assert_eq!(ask("retry budget -test"), ["retry_budget"]);
}

#[test]
fn a_whole_rare_identifier_comes_before_its_parts() {
    let guide = "# Zyxel tree99\n\nHow part8 of each tree99 of a zyxel is summed up, and why.\n\n## Sum of part8\n\nThe sum of part8.\n";
    let tree = "class ZyxelTree99:\n    \"\"\"A tree99 of a zyxel, summed up.\"\"\"\n\n    def sum_up_part8(self):\n        return \
                sum(self.part8)\n";
    let total = "class Gross:\n    pass\n\n\nclass Total:\n    def round_total(self, invoice):\n        return round(invoice.total)\n";
    let lines = "class InvoiceLine:\n    kind = 1\n\n\nclass GrossTotal:\n    digits = 2\n";
    let files = [
        ("guide.md", guide),
        ("zyxel/tree99.py", tree),
        ("notes/old/2019/values.txt", "Measured in spring, and never again since then:\nzyxel_tree99_part8 is 12\n"),
        ("total.py", total),
        ("billing/legacy/old/parts/lines.py", lines),
        ("billing/legacy/old/parts/sub_total.py", "def add(left, right):\n    return left + right\n"),
        (
            "billing/lines.py",
            "from parts import sub_total\n\nclass Lines:\n    def sum(self):\n        return sub_total.add(1, 2)\n",
        ),
    ];
    let snapshot = snapshot_of(files.into_iter().map(|(path, text)| (path.to_owned(), text.to_owned())));
    let paths = |text: &str| -> Vec<String> {
        let results = searcher(&snapshot, StaticModel::builtin().as_ref(), &[]).search(&query(text));
        results.expect("an answer").hits.iter().map(|hit| hit.path.to_string()).collect()
    };
    for (text, path) in [
        ("how is zyxel_tree99_part8 summed up", "notes/old/2019/values.txt"),
        ("zyxel_tree99_part8 sum", "notes/old/2019/values.txt"),
        ("where is the GrossTotal of an invoice rounded", "billing/legacy/old/parts/lines.py"),
        ("how is the total of an invoice rounded", "total.py"),
    ] {
        assert_eq!(paths(text)[0], path, "{text}: {:?}", paths(text));
    }
    let named = paths("where does sub_total add both sides");
    assert!(named.iter().take(2).any(|path| path.ends_with("sub_total.py")), "a file with this name: {named:?}");
}
