//! Requests in forms that people and models use although no document names them: filters that cannot be read, and names in
//! the notation of their language.

use serde_json::json;

use crate::support::cli::Project;
use crate::support::mcp::{RawClient, Repository};

#[test]
fn a_filter_that_cannot_be_read_is_a_word_with_a_note() {
    let project = Project::empty();
    project.write("src/door.py", "def open_door():\n    return 'foo'\n");
    for filter in ["path:[", "-path:src/{a", "file:[!", "lang:klingon", "kind:verb"] {
        let name = filter.trim_start_matches('-').split(':').next().unwrap_or_default();
        let note = format!("`{name}:` is searched as a word: ");
        let ran = project.run(&["search", &format!("{filter} open door")]);
        assert!(ran.code == 0 && ran.out.contains("src/door.py"), "{filter}: {} {}", ran.out, ran.err);
        assert!(ran.err.contains(&note), "{filter}: {}", ran.err);
        let found = project.run(&["search", &format!("{filter} open door"), "--json"]).json();
        assert!(found["notes"].to_string().contains(&note), "{filter}: {found}");
    }
    let ran = project.run(&["search", "path:[ open door"]);
    assert!(ran.err.contains("write it like `src/**/*.rs`"), "{}", ran.err);
    for (command, place) in [("symbol", "src/door.py:1-2"), ("references", "was ignored")] {
        let ran = project.run(&[command, "open_door path:["]);
        assert!(ran.err.contains("`path:` was ignored: cannot read the glob ["), "{command}: {} {}", ran.out, ran.err);
        assert!(ran.out.contains(place) || ran.err.contains(place), "{command}: {} {}", ran.out, ran.err);
    }
    let ran = project.run(&["search", "--path", "[", "open door"]);
    assert!(ran.code == 2 && ran.err.contains("cannot read the glob ["), "an option is an error: {}", ran.err);
}

#[test]
fn an_assistant_is_told_of_a_filter_that_cannot_be_read() {
    let repository = Repository::new();
    let mut raw = RawClient::initialized(&repository);
    crate::support::mcp::index_until_ended(json!({}), |arguments| raw.call("index_project", arguments));
    let found = raw.call("search_code", json!({ "query": "path:[ retry operation" }));
    let text = found["result"]["content"][0]["text"].as_str().unwrap_or_default().to_owned();
    assert!(text.contains("src/retry.rs") && text.contains("`path:` is searched as a word"), "{found}");
    let found = raw.call("find_symbol", json!({ "name": "evict_oldest file:{" }));
    let text = found["result"]["content"][0]["text"].as_str().unwrap_or_default().to_owned();
    assert!(text.contains("evict_oldest") && text.contains("`file:` was ignored: cannot read the glob {"), "{found}");
    assert!(raw.close().success());
}

#[test]
fn a_name_is_read_in_the_notation_of_its_language() {
    let project = Project::with_files(&[
        (
            "app/Http/Kernel.php",
            "<?php\nnamespace App\\Http;\n\nclass Kernel {\n    public function handle($request) {\n        return $request;\n    }\n}\n",
        ),
        ("foo.rb", "class Foo\n  def bar\n    1\n  end\nend\n"),
        ("pkg.py", "class Klass:\n    def method(self):\n        return 1\n"),
    ]);
    for (name, place) in [
        ("Kernel\\handle", "app/Http/Kernel.php:5-7"),
        ("App\\Http\\Kernel", "app/Http/Kernel.php:4-8"),
        ("\\App\\Http\\Kernel", "app/Http/Kernel.php:4-8"),
        ("App\\Http\\Kernel::handle", "app/Http/Kernel.php:5-7"),
        ("Foo::bar", "foo.rb:2-4"),
        ("Foo#bar", "foo.rb:2-4"),
        ("pkg.Klass.method", "pkg.py:2-3"),
    ] {
        let ran = project.run(&["read", name]);
        assert!(ran.code == 0 && ran.out.starts_with(place), "{name}: {} {}", ran.out, ran.err);
    }
    for missing in ["Kernel\\close", "Kernel\\handles", "Nope\\handle", "src\\nope.php"] {
        let ran = project.run(&["read", missing]);
        assert!(ran.code == 2 && ran.err.contains("does not exist"), "{missing}: {} {}", ran.out, ran.err);
    }
}

/// The other places of a hit are named after the definitions that match, like the hit, and not after the first of each.
#[test]
fn also_names_the_definition_that_matched() {
    let project = Project::empty();
    let mut text = String::new();
    for (at, who) in ["user", "host", "robot"].into_iter().enumerate() {
        for n in at * 20..at * 20 + 14 {
            text.push_str(&format!("def part_{n}(value):\n    total = value * {n}\n    return total\n\n\n"));
        }
        text.push_str(&format!(
            "def rotate_credentials_of_{who}({who}):\n    \"\"\"Rotates the credentials of a {who}.\"\"\"\n    \
             return {who}.rotate()\n\n\n"
        ));
    }
    project.write("vault.py", text);
    (0..8).for_each(|n| project.write(&format!("other{n}.py"), format!("def other_{n}():\n    return {n}\n")));
    let ran = project.run(&["search", "rotate the credentials", "--limit", "1"]);
    let also = ran.out.lines().find(|line| line.trim_start().starts_with("also: ")).unwrap_or_default();
    assert!(ran.out.starts_with("vault.py:"), "{}", ran.out);
    assert!(also.contains("function rotate_credentials_of_") && !also.contains("part_"), "{}", ran.out);
}
