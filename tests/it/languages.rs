//! Tests of the languages of files that share an extension, of small files of settings, and of data files.

use std::fs;
use std::path::Path;

use source::language::all_languages;

use crate::support::cli::Project;

#[test]
fn a_file_has_the_language_of_its_text_and_is_found_by_it() {
    let project = Project::empty();
    for (path, text) in [
        ("gain.m", "function y = gain(x)\n  % Doubles a signal.\n  y = 2 * x;\nend\n"),
        ("Cart.m", "#import \"Cart.h\"\n\n@implementation Cart\n- (int)sum {\n  return 1;\n}\n@end\n"),
        ("family.pl", "% Who descends from whom.\nancestor(X, Y) :-\n    parent(X, Y).\n"),
        ("run.pl", "use strict;\nsub climb {\n  my $step = shift;\n  return $step;\n}\n"),
        ("app_de.ts", "<?xml version=\"1.0\"?>\n<!DOCTYPE TS>\n<TS><name>Main</name></TS>\n"),
        ("app.ts", "export function start(): void {}\n"),
    ] {
        project.write(path, text);
    }
    let listed = project.run(&["index", "--dry-run"]);
    for line in [
        "+ gain.m (matlab)\n",
        "+ Cart.m (objective-c)\n",
        "+ family.pl (prolog)\n",
        "+ run.pl (perl)\n",
        "+ app_de.ts (xml)\n",
        "+ app.ts (typescript)\n",
    ] {
        assert!(listed.out.contains(line), "{line:?} is not in\n{}", listed.out);
    }
    assert_eq!(project.paths(&["lang:prolog", "ancestor"]), ["family.pl"]);
    assert_eq!(project.paths(&["lang:octave", "doubles a signal"]), ["gain.m"]);
    assert!(project.run(&["symbol", "climb"]).out.starts_with("run.pl:2-5"));
}

#[test]
fn the_documentation_has_every_language_with_or_without_a_grammar() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/languages.md");
    let documented = fs::read_to_string(path).expect("the documentation");
    let (_, by_lines) = documented.split_once("\n## By lines\n").expect("a section");
    for row in all_languages() {
        let name = format!("`{}`", row.name);
        assert!(documented.contains(&name), "{name} is not in docs/languages.md");
        let is_by_lines = by_lines.split("\n## ").next().is_some_and(|section| section.contains(&name));
        assert!(!(row.grammar.is_some() && is_by_lines), "{name} has a grammar");
    }
}

#[test]
#[cfg_attr(not(feature = "lance"), ignore = "needs an index that outlives its process")]
fn small_files_of_settings_are_in_and_the_reason_of_data_files_is_explained() {
    let project = Project::empty();
    project.write("src/main.rs", "fn main() {}\n");
    project.write(".codescryignore", "!.gitignore\n!.dockerignore\n!.editorconfig\n!.prettierrc\n");
    project.write(".gitignore", "/target\n");
    project.write(".dockerignore", "node_modules\n");
    project.write(".editorconfig", "root = true\n");
    project.write(".prettierrc", "{ \"semi\": false }\n");
    project.write("questions.jsonl", "{\"query\": \"where is main\"}\n");
    project.write("server.log", "started\n");
    let listed = project.run(&["index", "--dry-run"]);
    for line in [
        "+ .gitignore (settings)\n",
        "+ .dockerignore (settings)\n",
        "+ .editorconfig (ini)\n",
        "+ .prettierrc (json)\n",
        "- questions.jsonl: data: rows, logs or other records, not code\n",
        "- server.log: data: rows, logs or other records, not code\n",
        "       2  data: rows, logs and other records",
        "`codescry read FILE` shows one\n",
    ] {
        assert!(listed.out.contains(line), "{line:?} is not in\n{}", listed.out);
    }
    assert!(project.run(&["read", "questions.jsonl"]).out.contains("where is main"));
    let search = project.run(&["search", "main path:questions.jsonl"]);
    assert!(search.err.contains("questions.jsonl is not indexed: it is a data file"), "{}", search.err);
    assert!(search.err.contains("`codescry read` shows it"), "{}", search.err);
    let status = project.run(&["status", "-v"]);
    assert!(status.out.contains("data are rows, logs and other records, which are never indexed"), "{}", status.out);
}

#[test]
fn a_grammar_that_fails_over_a_component_is_named_by_outline_and_read() {
    let project = Project::empty();
    project.write("Cart.vue", format!("<script>\n{}</script>\n", "%% ?? )} %% ?? )} %%\n".repeat(40)));
    let outline = project.run(&["outline", "Cart.vue"]);
    assert!(outline.out.contains("the grammars cannot parse"), "{}{}", outline.out, outline.err);
    let read = project.run(&["read", "Cart.vue", "total"]);
    assert_eq!(read.code, 2, "{}", read.out);
    assert!(read.err.contains("does not define total"), "{}", read.err);
    assert!(read.err.contains("so definitions may be missing; give lines instead"), "{}", read.err);
}
