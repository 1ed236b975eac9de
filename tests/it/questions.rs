//! Tests of queries of each kind: names, filters, typing errors and stack traces.

use serde_json::json;

use crate::support::cli::Project;
use crate::support::mcp::{ProgressListener, Repository, call, connect, indexed, structured, text};

/// Creates a folder of projects. Only one of them defines `zebrafinch7quokka`, deep in its tests.
fn folder() -> Project {
    let project = Project::empty();
    for at in 0..8 {
        project.write(&format!("p{at}/Cargo.toml"), format!("[package]\nname = \"p{at}\"\n"));
        project.write(&format!("p{at}/lib.rs"), format!("/// Finch, quokka and zebra.\npub fn begin_{at}() {{}}\n"));
        project.write(&format!("p{at}/Rakefile"), "task :zebra do\n  puts 'quokka'\nend\n");
    }
    project.write("p3/test/typing/files/orm/write_only.py", "def zebrafinch7quokka(value):\n    return value\n");
    project.write("p5/src/pool.rs", "pub fn acquire() {\n    panic!(\"no connection is free\");\n}\n");
    project
}

#[test]
fn the_definition_of_a_name_comes_first() {
    let project = folder();
    for query in ["zebrafinch7quokka", "zebrafinch7quoka", "write_only.py", "lang:python zebrafinch7quokka"] {
        assert_eq!(project.paths(&[query])[0], "p3/test/typing/files/orm/write_only.py", "{query}");
    }
    let panic = "thread 'main' panicked at src/pool.rs:2:5:\nno connection is free";
    assert_eq!(project.paths(&[panic])[0], "p5/src/pool.rs");
    let misspelt = project.run(&["search", "zebrafinch7quoka"]);
    assert!(
        misspelt.err.contains("no exact match for `zebrafinch7quoka`; showing `zebrafinch7quokka`"),
        "{}",
        misspelt.err
    );
}

#[test]
fn filters_in_a_query_equal_those_of_flags() {
    let project = folder();
    let answer = project.run(&["search", "project:p5 kind:function acquire", "--json", "--explain"]).json();
    assert_eq!(answer["understood"], "a name (acquire); filters: kind:function project:p5", "{answer}");
    assert_eq!(answer["results"][0]["path"], "p5/src/pool.rs");
    assert_eq!(answer["results"].as_array().map(Vec::len), Some(1));
    assert!(
        project
            .paths(&["zebra -project:p3 -lang:ruby"])
            .iter()
            .all(|path| path.ends_with("lib.rs") && !path.starts_with("p3"))
    );
    for (query, wanted) in [("project:p55 a", "unknown project p55; known: p5 (p5)"), ("lang:go", "filters only")] {
        let refused = project.run(&["search", query]);
        assert_eq!(refused.code, 2, "{query}: {}", refused.err);
        assert!(refused.err.contains(wanted), "{query}: {}", refused.err);
    }
    let word = project.run(&["search", "kind:verb zebra"]);
    assert!(word.code == 0 && word.err.contains("unknown kind verb; known: function"), "{}", word.err);
    let flag = project.run(&["search", "zebra", "--lang", "klingon"]);
    assert!(flag.code == 2 && flag.err.contains("unknown language klingon; "), "{}", flag.err);
}

#[test]
fn an_answer_notes_a_corrected_typing_error() {
    let repository = Repository::new();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    runtime.expect("a runtime").block_on(async {
        let client = connect(&repository, ProgressListener::default()).await;
        indexed(&client, json!({})).await;
        let answer = call(&client, "search_code", json!({ "query": "retry_with_bakoff" })).await;
        let said = "no exact match for `retry_with_bakoff`; showing `retry_with_backoff`";
        assert!(text(&answer).contains(said), "{answer:?}");
        let narrowed = json!({ "query": "lang:rust kind:function retry_with_backoff" });
        let answer = call(&client, "search_code", narrowed).await;
        assert_eq!(structured(&answer)["hits"][0]["symbol"], "retry_with_backoff", "{answer:?}");
        let noted = call(&client, "search_code", json!({ "query": "kind:verb retry" })).await;
        assert!(noted.is_error != Some(true) && text(&noted).contains("unknown kind verb"), "{noted:?}");
        client.cancel().await.expect("it ends");
    });
}

#[test]
fn one_page_answers_for_its_translations() {
    let page = |text: &str| format!("# Guide\n\nThe retry budget limits how often a failed request is sent. {text}\n");
    let pages = [
        ("docs/ja/guide.md", page("再試行の予算")),
        ("docs/ko/guide.md", page("재시도 예산은 실패한 요청을 다시 보내는 횟수를 제한합니다")),
        ("docs/guide.md", page("It is refilled every minute, whether it was used or not.")),
        ("docs/zh-CN/guide.md", page("重试预算")),
        ("docs/limits.md", page("See also the limits.")),
        ("src/budget.py", "def spend_budget(request):\n    return request.budget > 0\n".to_owned()),
    ];
    let pages: Vec<(&str, &str)> = pages.iter().map(|(path, text)| (*path, text.as_str())).collect();
    let project = Project::with_files(&pages);
    let mut found = project.paths(&["retry budget of failed requests", "--limit", "10"]);
    let mut last = found.split_off(3);
    last.sort();
    assert_eq!(last, ["docs/ja/guide.md", "docs/ko/guide.md", "docs/zh-CN/guide.md"], "behind {found:?}");
    assert!(found.contains(&"docs/guide.md".to_owned()), "{found:?}");
    assert_eq!(project.paths(&["재시도 예산은 실패한 요청"])[0], "docs/ko/guide.md", "the language of the question");
}

#[test]
fn a_file_with_the_same_contents_comes_last() {
    let source = "export function resolveEntry(specifier) {\n  return lookup(specifier, conditions);\n}\n";
    let other =
        "// Resolves the entry again after a change.\nexport function reload() {\n  resolveEntry(current);\n}\n";
    let files =
        [("lib/index.cjs", source), ("src/index.mjs", source), ("src/index.js", source), ("src/reload.js", other)];
    let project = Project::with_files(&files);
    let found = project.paths(&["where is the entry of a specifier resolved"]);
    assert_eq!(found.iter().position(|path| path == "src/reload.js"), Some(1), "{found:?}");
    assert_eq!(found.len(), 4, "{found:?}");
    let named = project.paths(&["resolveEntry in src/index.mjs"]);
    assert_eq!(named[0], "src/index.mjs", "a file that the question names");
}
