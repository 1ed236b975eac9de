//! Tests of `codescry tune` on small projects, with and without a vocabulary to learn.

use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;

use crate::support::cli::Project;

/// Pairs of words: the first is used in comments, the second in code for the same thing.
const WORDS: [(&str, &str); 12] = [
    ("harbour", "socket"),
    ("violin", "mutex"),
    ("glacier", "parser"),
    ("orchard", "cursor"),
    ("falcon", "packet"),
    ("lantern", "schema"),
    ("saddle", "router"),
    ("meadow", "kernel"),
    ("walnut", "bitmap"),
    ("copper", "docker"),
    ("pillow", "cookie"),
    ("anchor", "regex"),
];

/// Returns a pseudo-random sequence of indexes into [`WORDS`].
fn numbers(mut state: u64) -> impl FnMut() -> usize {
    move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(state >> 33).expect("31 bits") % WORDS.len()
    }
}

/// Creates a project of documented functions. The comments describe the code if `true_comments`, and unrelated
/// things otherwise.
fn project(functions: usize, true_comments: bool) -> Project {
    let project = Project::empty();
    let (mut next, mut other) = (numbers(1), numbers(2));
    for file in 0..functions.div_ceil(20) {
        let mut text = String::new();
        for number in file * 20..functions.min(file * 20 + 20) {
            let code = [next(), next(), next()];
            let said = if true_comments { code } else { [other(), other(), other()] };
            let [one, two, three] = said.map(|at| WORDS[at].0);
            let [a, b, c] = code.map(|at| WORDS[at].1);
            let body = format!("fn f{number}(x: X) -> Y {{\n    x.{a}().{b}(\"{c}\")\n        .{a}()\n}}");
            writeln!(text, "/// The {one} with a {two} and the {three}, number {number}.\n{body}\n").expect("writes");
        }
        project.write(&format!("src/m{file}.rs"), text);
    }
    project
}

fn artifact(project: &Project) -> PathBuf {
    let entries = fs::read_dir(project.index_dir().join("tuned")).expect("the tuned model's folder");
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.expect("an entry").path()).collect();
    assert_eq!(paths.len(), 1, "{paths:?}");
    paths.remove(0)
}

#[test]
fn a_better_tuned_model_is_kept_used_and_can_be_undone() {
    let project = project(320, true);
    assert_eq!(project.run(&["index"]).code, 0);

    let tuned = project.run(&["tune", "--json"]);
    assert_eq!(tuned.code, 0, "{}", tuned.err);
    let answer = tuned.json();
    assert_eq!(answer["outcome"], "kept", "{answer}");
    let measured = |name: &str| answer["measured"][name].as_f64().expect("a number");
    assert!(measured("mrr_after") > measured("mrr_before") + 0.03, "{answer}");
    assert!(answer["vectors_computed"].as_u64() > Some(0), "everything is embedded anew: {answer}");

    let status = project.run(&["status", "--json"]).json();
    assert_eq!(status["tuned"]["model_id"], answer["model_id"], "{status}");
    assert!(project.run(&["status"]).out.contains("held-out"), "status tells of it");
    let again = project.run(&["search", "--json", "--mode", "dense", "the harbour with a violin"]);
    assert!(again.code == 0 && again.err.is_empty(), "{}", again.err);

    let path = artifact(&project);
    let bytes = fs::read(&path).expect("the artifact");
    let mut damaged = bytes.clone();
    *damaged.last_mut().expect("not empty") ^= 1;
    fs::write(&path, damaged).expect("it can be written");
    let beside = project.run(&["search", "--json", "--mode", "dense", "the harbour with a violin"]);
    assert_eq!(beside.code, 0, "the built-in model answers: {}", beside.err);
    assert!(beside.err.contains("checksum") && beside.err.contains("codescry tune --undo"), "{}", beside.err);
    assert!(project.run(&["status", "--json"]).json()["tuned"].is_null(), "what is damaged does not hold");
    fs::write(&path, bytes).expect("it can be written");
    assert_eq!(project.run(&["index"]).code, 0);
    assert_eq!(project.run(&["status", "--json"]).json()["tuned"]["model_id"], answer["model_id"], "it holds again");

    let undone = project.run(&["tune", "--undo", "--json"]);
    assert_eq!(undone.code, 0, "{}", undone.err);
    let undone = undone.json();
    assert_eq!((&undone["outcome"], &undone["vectors_computed"]), (&"undone".into(), &0.into()), "{undone}");
    assert!(undone["vectors_reused"].as_u64() > Some(0) && undone["model_id"] != answer["model_id"], "{undone}");
    assert!(!path.exists(), "nothing of it is left");
    assert!(project.run(&["tune", "--undo"]).out.contains("nothing to undo"));
}

#[test]
fn a_tuned_model_that_is_not_better_is_discarded() {
    let project = project(320, false);
    let ran = project.run(&["tune"]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    assert!(ran.out.contains("not kept") && ran.out.contains("held out"), "{}", ran.out);
    assert!(!project.index_dir().join("tuned.json").exists());
}

#[test]
fn tune_dry_run_reports_the_gain_and_keeps_nothing() {
    let project = project(320, true);
    let ran = project.run(&["tune", "--dry-run"]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    assert!(ran.out.contains("without --dry-run the tuned model would be kept"), "{}", ran.out);
    assert!(!project.index_dir().join("tuned.json").exists());
}

#[test]
fn too_little_training_data_is_reported() {
    let ran = project(40, true).run(&["tune"]);
    assert_eq!(ran.code, 2, "{}", ran.out);
    assert!(ran.err.contains("40 definitions are documented") && ran.err.contains("15 are needed"), "{}", ran.err);
    let other = project(40, true).run(&["tune", "--embedder", "synthetic:1000"]);
    assert!(other.code == 2 && other.err.contains("built-in model"), "{}", other.err);
}

#[cfg(unix)]
#[test]
fn ctrl_c_stops_tuning_and_changes_nothing() {
    use std::io::{BufRead as _, BufReader};
    // With this many functions, training takes seconds on every machine.
    let project = project(6_000, true);
    let mut child = project.spawn(&["tune", "-v", "--parse-workers", "1"]);
    let mut lines = BufReader::new(child.stderr.take().expect("a pipe")).lines();
    let learning = lines.by_ref().map_while(Result::ok).any(|line| line.contains("learning from"));
    assert!(learning, "it ended before it began to learn");
    crate::support::cli::signal(&child, rustix::process::Signal::INT);
    let rest: Vec<String> = lines.map_while(Result::ok).collect();
    assert_eq!(child.wait().expect("it ends").code(), Some(130), "{rest:?}");
    assert!(rest.iter().any(|line| line.contains("nothing was changed")), "{rest:?}");
    assert!(!project.index_dir().join("tuned.json").exists());
}
