//! What the commands say of uses, words and fields that a request leaves out or gets wrong.

use serde_json::{Value, json};

use crate::support::cli::Project;
use crate::support::mcp::{RawClient, Repository};

/// A project with a class, a test of it, its documentation and a style sheet.
fn project() -> Project {
    Project::with_files(&[
        (
            "src/session.py",
            "class Session:\n    def get(self, url):\n        return gettext(url)\n\n\ndef gettext(text):\n    return text\n",
        ),
        ("src/store.py", "class Store:\n    def load_everything(self, url):\n        return url\n"),
        (
            "tests/test_session.py",
            "def test_get(session, store):\n    session.get('a')\n    assert store.load_everything('b')\n",
        ),
        ("docs/session.md", "# Session\n\nCall `Session.get` to fetch.\n"),
        ("web/page.css", "a { color: red; }\n"),
    ])
}

#[test]
fn uses_outside_of_the_filters_are_named_instead_of_a_similar_name() {
    let project = project();
    let used = "`get` is used in tests/test_session.py:2, which the filters leave out";
    for arguments in [
        &["references", "Session.get", "path:docs"][..],
        &["references", "get", "--path", "src", "--kind", "call"],
        &["references", "get", "--lang", "css"],
    ] {
        let ran = project.run(arguments);
        assert!(ran.code == 1 && ran.err.contains(used), "{arguments:?}: {}", ran.err);
        assert!(!ran.err.contains("did you mean") && !ran.err.contains("documentation"), "{arguments:?}: {}", ran.err);
    }
    let answer = project.run(&["references", "get", "path:docs", "--json"]).json();
    assert_eq!(answer["notes"], json!([used]), "{answer}");
}

#[test]
fn an_assistant_is_told_of_uses_outside_of_the_filters() {
    let repository = Repository::new();
    repository.write("lib/a.py", "def unpack_frame(data):\n    return data\n");
    repository.write("lib/b.py", "from a import unpack_frame\n\nunpack_frame(1)\n");
    repository.write("web/c.css", "a { color: red; }\n");
    let mut raw = RawClient::initialized(&repository);
    crate::support::mcp::index_until_ended(json!({}), |arguments| raw.call("index_project", arguments));
    let found = raw.call("find_references", json!({ "name": "unpack_frame", "path": "web" }));
    let text = found["result"]["content"][0]["text"].as_str().unwrap_or_default();
    let used = "`unpack_frame` is used in lib/b.py:1 and 1 more place, which the filters leave out";
    assert!(text.starts_with("no uses of unpack_frame") && text.contains(used), "{found}");
    let refused = raw.call("find_symbol", json!({ "name": "unpack_frame", "kind": "functoin" })).to_string();
    assert!(refused.contains("unknown kind functoin; did you mean function?"), "{refused}");
    assert!(raw.close().success());
}

#[test]
fn similar_takes_filters_after_a_place_and_no_other_words() {
    let project = project();
    let paths = |arguments: &[&str]| -> Vec<String> {
        let answer = project.run(&[&["similar", "src/session.py:2", "--json"], arguments].concat()).json();
        let hits = answer["results"].as_array().expect("results").clone();
        hits.iter().map(|hit| hit["path"].as_str().expect("a path").to_owned()).collect()
    };
    assert!(paths(&[]).iter().any(|path| path.starts_with("tests/")), "{:?}", paths(&[]));
    let filtered = paths(&["-test", "lang:python", "-n", "3"]);
    assert!(!filtered.is_empty() && filtered.iter().all(|path| path.starts_with("src/")), "{filtered:?}");
    for (arguments, message) in [
        (&["similar", "src/session.py:2", "tests", "store"][..], "\"tests store\" after the place src/session.py:2"),
        (&["similar", "src/session.py", "-test"], "src/session.py is a file; add a line"),
        (&["similar", "src"], "src is a folder; give a line of a file"),
    ] {
        let ran = project.run(arguments);
        assert!(ran.code == 2 && ran.err.contains(message), "{arguments:?}: {} {}", ran.out, ran.err);
    }
}

#[test]
fn a_line_of_a_batch_has_its_own_filters_and_unknown_fields_are_named() {
    let lines = [
        json!({"query": "session", "path": "docs"}),
        json!({"query": "session", "lang": ["python"], "limit": 1}),
        json!({"query": "session", "lang": "python", "limit": 1, "offset": 1}),
        json!({"query": "session", "lnag": "python"}),
        json!({"query": "session", "lnag": "go"}),
        json!({"query": "session", "content": "prose"}),
    ];
    let ran = project().run_with(&["search", "--batch"], &lines.map(|line| line.to_string()).join("\n"));
    assert_eq!(ran.code, 2);
    let answers: Vec<Value> = ran.out.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let paths = |at: usize| -> Vec<&str> {
        let hits = answers[at]["results"].as_array().expect("results");
        hits.iter().filter_map(|hit| hit["path"].as_str()).collect()
    };
    assert_eq!(paths(0), ["docs/session.md"]);
    assert!(
        paths(1).len() == 1 && paths(2).len() == 1 && answers[1]["results"] != answers[2]["results"],
        "{}",
        ran.out
    );
    let error = |at: usize| answers[at]["error"].as_str().unwrap_or_default().to_owned();
    assert!(
        !paths(3).is_empty() && ran.err.matches("the field `lnag` of a line is ignored").count() == 1,
        "{}",
        ran.err
    );
    assert_eq!(error(5), "unknown content \"prose\"; give one of code, docs, config, all");
}

#[test]
fn filters_without_a_value_and_unknown_kinds_are_named() {
    let project = project();
    for (arguments, note) in [
        (&["symbol", "Session", "path:"][..], "`path:` was ignored: it needs a value"),
        (&["references", "gettext", "-path:"], "`path:` was ignored: it needs a value"),
        (&["search", "session", "lang:"], "`lang:` is searched as a word: it needs a value"),
        (&["symbol", "Session", "kind:clas"], "`kind:` was ignored: unknown kind clas; did you mean class?"),
        (&["symbol", "Session", "lang:klingon"], "`lang:` was ignored: unknown language klingon"),
        (&["references", "gettext", "kind:banana"], "`kind:` was ignored: unknown kind banana; the kinds are: "),
        (&["references", "gettext", "kind:function"], "unknown kind function; the kinds are: "),
    ] {
        let ran = project.run(arguments);
        assert!(ran.code == 0 && ran.err.contains(note), "{arguments:?}: {} {}", ran.out, ran.err);
    }
    assert!(project.run(&["symbol", "gettext", "--kind", "fn"]).out.starts_with("src/session.py:6-7"));
    let refused = project.run(&["symbol", "gettext", "--kind", "functoin"]);
    assert!(refused.code == 2 && refused.err.contains("did you mean function?"), "{}", refused.err);
}

#[test]
fn a_misspelt_name_is_corrected_with_a_filter_and_an_unknown_container_is_named() {
    let project = project();
    let ran = project.run(&["search", "load_evrything", "path:tests"]);
    assert!(ran.err.contains("no exact match for `load_evrything`; showing `load_everything`"), "{}", ran.err);
    assert!(ran.out.starts_with("tests/test_session.py") && !ran.err.contains("nowhere"), "{} {}", ran.out, ran.err);
    let ran = project.run(&["search", "Nope.gettext"]);
    assert!(ran.err.contains("there is no `Nope.gettext`; these match the name alone"), "{}", ran.err);
    assert!(!project.run(&["search", "Session.get"]).err.contains("there is no"));
}
