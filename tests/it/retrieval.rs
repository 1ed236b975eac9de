//! Retrieval quality on a small fixed corpus, compared with a committed snapshot.
//!
//! `tests/fixtures/retrieval` has six services in six languages, and `tests/fixtures/retrieval.jsonl` questions with
//! the files that answer them: in words, names, bug reports and paths. `tests/snapshots/retrieval.txt` has the rank of
//! the first right file for each question. `CODESCRY_UPDATE_SNAPSHOTS=1 cargo test --test it retrieval` writes it anew,
//! so that a change of the ranking shows as a diff.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::support::cli::{Project, copy_folder};

const FIXTURES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures");
const SNAPSHOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/snapshots/retrieval.txt");

/// Maximum number of characters of a question in the snapshot.
const SHOWN_CHARS: usize = 90;

#[test]
fn the_ranks_of_fixed_questions_match_the_snapshot() {
    let project = Project::empty();
    copy_folder(&Path::new(FIXTURES).join("retrieval"), project.root());
    let questions = format!("{FIXTURES}/retrieval.jsonl");
    let ran = project.run(&["eval", &questions, "--json"]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    let measured = format_snapshot(&ran.json());
    if std::env::var_os("CODESCRY_UPDATE_SNAPSHOTS").is_some() {
        fs::write(SNAPSHOT, &measured).expect("the snapshot can be written");
    }
    let expected = fs::read_to_string(SNAPSHOT).expect("the snapshot can be read");
    let changes = list_changes(&expected, &measured);
    assert!(
        changes.is_empty(),
        "the ranking has changed; CODESCRY_UPDATE_SNAPSHOTS=1 writes the new snapshot:\n{changes}"
    );
}

/// Formats one line per question, with the rank of the first right file, and the mean measures.
fn format_snapshot(answer: &Value) -> String {
    let mut snapshot = String::from("rank  nDCG@10  question\n");
    for question in answer["per_query"].as_array().expect("a list of questions") {
        let measure = |name: &str| question[name].as_f64().expect("a number");
        let rank = match measure("reciprocal_rank") {
            0.0 => "-".to_owned(),
            reciprocal => format!("{:.0}", reciprocal.recip()),
        };
        let text = question["query"].as_str().expect("a text").replace('\n', " ");
        let text: String = text.chars().take(SHOWN_CHARS).collect();
        writeln!(snapshot, "{rank:>4}  {:>7.3}  {text}", measure("ndcg_at_10")).expect("a string takes all");
    }
    let mean = |name: &str| answer[name].as_f64().expect("a number");
    let (ndcg, mrr, recall) = (mean("ndcg_at_10"), mean("mrr"), mean("recall_at_10"));
    writeln!(snapshot, "nDCG@10 {ndcg:.4}  MRR {mrr:.4}  recall@10 {recall:.4}").expect("a string takes all");
    snapshot
}

/// Lists the lines that only one of two snapshots has, those of the expected one with `-`, those of the measured one
/// with `+`.
fn list_changes(expected: &str, measured: &str) -> String {
    let (old, new): (Vec<&str>, Vec<&str>) = (expected.lines().collect(), measured.lines().collect());
    let removed = old.iter().filter(|line| !new.contains(line)).map(|line| format!("- {line}\n"));
    let added = new.iter().filter(|line| !old.contains(line)).map(|line| format!("+ {line}\n"));
    removed.chain(added).collect()
}

#[test]
fn changes_of_a_snapshot_are_listed() {
    let changes = list_changes("   1  1.000  a\n   2  0.631  b\n", "   1  1.000  a\n   3  0.500  b\n");
    assert_eq!(changes, "-    2  0.631  b\n+    3  0.500  b\n");
}
