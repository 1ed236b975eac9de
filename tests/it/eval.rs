//! Tests of `codescry eval` on a small project with known answers.

use std::fs;

use crate::support::cli::Project;

fn project() -> Project {
    let project = Project::empty();
    project.write("src/retry.rs", "/// Calls again after a failure.\npub fn retry_with_backoff(attempts: u32) {}\n");
    project.write("src/login.py", "def check_password(name, password):\n    return slow_hash(password)\n");
    project.write("src/pool.go", "package pool\n\n// Acquire takes a connection from the pool.\nfunc Acquire() {}\n");
    project
}

fn write(project: &Project, name: &str, text: &str) -> String {
    let path = project.home().join(name);
    fs::write(&path, text).expect("it can be written");
    path.to_string_lossy().into_owned()
}

#[test]
fn results_are_measured_and_compared_with_a_previous_run() {
    let project = project();
    let lines = "{\"query\": \"retry with backoff\", \"relevant\": [\"src/retry.rs\"]}\n\n\
        {\"query\": \"check a password\", \"relevant\": [{\"path\": \"login.py\", \"start_line\": 1, \"end_line\": 2}]}\n\
        {\"query\": \"acquire a connection\", \"relevant\": [\"src/nowhere.rs\"], \"secondary\": []}\n";
    let tasks = write(&project, "tasks.jsonl", lines);
    let ran = project.run(&["eval", &tasks, "--json"]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    let answer = ran.json();
    assert_eq!(answer["questions"], 3);
    let measure = |name: &str| answer[name].as_f64().expect("a number");
    for name in ["ndcg_at_10", "mrr", "recall_at_10"] {
        assert!((measure(name) - 2.0 / 3.0).abs() < 1e-9, "{answer}");
    }
    assert_eq!(answer["per_query"][2]["ndcg_at_10"], 0.0);

    let before = ran.out.replace("\"ndcg_at_10\":1.0,\"reciprocal_rank\"", "\"ndcg_at_10\":0.5,\"reciprocal_rank\"");
    let before = write(&project, "before.json", &before);
    let compared = project.run(&["eval", &tasks, "--against", &before]);
    assert!(compared.out.contains("2 better, 0 worse, 1 the same"), "{}", compared.out);
    assert!(compared.out.contains("0.500 → 1.000 +0.500  check a password"), "{}", compared.out);
    assert!(compared.out.contains("nDCG@10 +0.3333 (95 %: "), "{}", compared.out);
    assert!(!compared.out.contains("acquire"), "only what moved: {}", compared.out);
    assert!(!compared.err.contains("differ"), "{}", compared.err);
    assert!(project.run(&["eval", &tasks, "--per-query", "--mode", "lexical"]).out.contains("acquire"));
}

#[test]
fn two_settings_are_compared_in_one_call() {
    let project = project();
    // The file does not contain the word `authenticate`, so lexical search cannot find it.
    let lines = "{\"query\": \"retry_with_backoff\", \"relevant\": [\"src/retry.rs\"]}\n\
        {\"query\": \"authenticate\", \"relevant\": [\"login.py\"]}\n\
        {\"query\": \"retry_with_backoff\", \"relevant\": [\"src/nowhere.rs\"]}\n";
    let tasks = write(&project, "tasks.jsonl", lines);
    let answer = project.run(&["eval", &tasks, "--against", "lexical", "--json"]).json();
    let against = &answer["against"];
    assert_eq!((&answer["setting"], &against["setting"]), (&"hybrid".into(), &"lexical".into()), "{answer}");
    assert_eq!((&against["questions"], &against["worse"]), (&3.into(), &0.into()), "{answer}");
    let change = |at: usize| against["per_query"][at]["change"].as_f64().expect("a number");
    assert!(change(1) > 0.5, "{answer}");
    // One question occurs twice with different answers; each occurrence is compared with itself.
    assert_eq!((change(0), change(2)), (0.0, 0.0), "{answer}");
    let interval = &against["interval_95"];
    assert!(interval[0].as_f64() <= against["mean_change"].as_f64(), "{answer}");
    let text = project.run(&["eval", &tasks, "--against", "dense"]);
    assert!(text.out.contains("\ndense "), "{}", text.out);
}

#[test]
fn differing_tasks_and_failing_questions_are_reported() {
    let project = project();
    let line = |query: &str, path: &str| format!("{{\"query\": \"{query}\", \"relevant\": [\"{path}\"]}}\n");
    let retry = line("retry_with_backoff", "src/retry.rs");
    let before = write(&project, "one.jsonl", &(retry.clone() + &line("check a password", "login.py")));
    let before = write(&project, "before.json", &project.run(&["eval", &before, "--json"]).out);
    let tasks = retry + &line("check a password", "pool.go") + &line("lang:go -test", "src/retry.rs");
    let tasks = write(&project, "two.jsonl", &tasks);
    let ran = project.run(&["eval", &tasks, "--against", &before]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    assert!(ran.err.contains("1 question only in this run, 0 questions only in the other"), "{}", ran.err);
    assert!(ran.err.contains("1 question had other relevant locations before"), "{}", ran.err);
    assert!(ran.err.contains("cannot be answered and scores zero: the query has filters only"), "{}", ran.err);
    let answer = project.run(&["eval", &tasks, "--json"]).json();
    assert_eq!(answer["per_query"][2]["ndcg_at_10"], 0.0);
    assert!(answer["per_query"][2]["error"].as_str().is_some_and(|error| error.contains("filters")), "{answer}");
    let none = write(&project, "none.jsonl", &line("lang:go -test", "src/retry.rs"));
    let ran = project.run(&["eval", &none]);
    assert!(
        ran.code == 2 && ran.err.contains("no question can be answered: the query has filters only"),
        "{}",
        ran.err
    );
}

#[test]
fn invalid_task_files_are_rejected_with_a_reason() {
    let project = project();
    for (name, text, said) in [
        ("none.json", "[]", "no labelled question"),
        ("word.jsonl", "{\"query\": \"a\", \"relevant\": [\"a\"]}\nhello\n", "line 2"),
        ("blank.json", "[{\"query\": \" \", \"relevant\": [\"a\"]}]", "question 1"),
    ] {
        let tasks = write(&project, name, text);
        let ran = project.run(&["eval", &tasks]);
        assert_eq!(ran.code, 2, "{}", ran.out);
        assert!(ran.err.contains(said), "{}", ran.err);
    }
    let ran = project.run(&["eval", "nowhere.json"]);
    assert!(ran.code == 2 && ran.err.contains("nowhere.json"), "{}", ran.err);
}
