//! Tests of the command line: search results, output streams and exit codes.
//!
//! Tests that run the program several times over one index need LanceDB, because without it the index is in memory.

use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, Write as _};
use std::process::Stdio;

#[cfg(unix)]
use rustix::process::Signal;
use serde_json::{Value, json};

#[cfg(unix)]
use crate::support::cli::signal;
use crate::support::cli::{Project, paths};

const RETRY: &str = "//! Requests that may fail.

/// Calls `request` again after a failure, waiting twice as long each time.
pub fn retry_with_backoff(request: impl Fn() -> Result<(), Error>, attempts: u32) -> Result<(), Error> {
    let mut delay_ms = 50;
    for _ in 1..attempts {
        if request().is_ok() {
            return Ok(());
        }
        wait(delay_ms);
        delay_ms *= 2;
    }
    request()
}
";

const LOGIN: &str = "class Accounts:
    def check_password(self, name, password):
        \"\"\"Compares a login attempt with the stored hash.\"\"\"
        user = self.users[name]
        return user.hash == slow_hash(password, user.salt)
";

const BILLING: &str = "# Billing

## Invoices

An invoice is the sum of its lines, including tax. It is sent on the first day of the month.
";

const SETTINGS: &str = "# How the server listens.\n[server]\nport = 8080\naddress = \"127.0.0.1\"\n";

const RETRIES: &str = "retry a failed request with backoff";
const PASSWORDS: &str = "check the password of a user at login";
const BOTH: &str = "retry a request with backoff, check a password";

/// Creates a project with code, documentation, settings, and files that must not be indexed.
fn project() -> Project {
    let project = Project::empty();
    project.write("src/net/retry.rs", RETRY);
    project.write("src/auth/accounts.py", LOGIN);
    project.write("docs/billing.md", BILLING);
    project.write("server.toml", SETTINGS);
    project.write(".gitignore", "*.log\n");
    project.write("app.log", "retry failed request backoff\n");
    project.write("deploy.pem", "-----BEGIN PRIVATE KEY-----\n");
    project.write("logo.png", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR");
    project.write("Cargo.lock", "[[package]]\nname = \"retry\"\n");
    project
}

fn results(answer: &Value) -> &[Value] {
    answer["results"].as_array().expect("results are a list")
}

#[test]
fn a_first_search_builds_the_index() {
    let ran = project().run(&["search", RETRIES]);
    assert_eq!((ran.code, ran.err.as_str()), (0, ""));
    let header = ran.out.lines().next().expect("a result");
    assert!(header.starts_with("src/net/retry.rs:") && header.contains("retry_with_backoff  [function]"), "{header}");
    assert!(ran.out.contains("    4  pub fn retry_with_backoff("), "{}", ran.out);
}

#[test]
fn a_folder_can_be_given_as_an_argument() {
    let (elsewhere, project) = (Project::empty(), project());
    let root = project.root().to_str().expect("UTF-8");
    let ran = elsewhere.run(&["search", PASSWORDS, root, "--json"]);
    assert_eq!(ran.paths()[0], "src/auth/accounts.py");
}

#[test]
fn no_results_exit_with_code_1_and_a_hint() {
    let ran = project().run(&["search", RETRIES, "--path", "nowhere/**"]);
    assert_eq!((ran.code, ran.out.as_str()), (1, ""));
    assert!(ran.err.starts_with(&format!("nothing found for {RETRIES:?} in 4 files\n")), "{}", ran.err);
    assert!(ran.err.contains("no indexed file matches path nowhere/**"), "{}", ran.err);
    let json = project().run(&["search", RETRIES, "--path", "nowhere/**", "--json"]);
    assert_eq!((json.code, json.paths().len()), (1, 0));
}

#[test]
fn usage_errors_exit_with_code_2_and_a_remedy() {
    let project = project();
    let cases: [(&[&str], &[&str]); 11] = [
        (&["search"], &["QUERY"]),
        (&["search", " "], &["the query is empty"]),
        (&["search", "q", "--in", "no/such/folder"], &["no/such/folder", "give a folder that exists"]),
        (&["search", "q", "--in", "server.toml"], &["not a folder"]),
        (&["search", "q", "--offset", "200"], &["only the first 200 results"]),
        (&["search", "q", "--limt", "5"], &["--limt", "--limit"]),
        (&["serach", "q"], &["did you mean `codescry search`?"]),
        (&["search", "q", "--lang", "klingon"], &["klingon", "codescry status"]),
        (&["search", "q", "--limit", "201"], &["1 to 200"]),
        (&["index", "--max-file-bytes", "many"], &["512KiB"]),
        (&["where is retry"], &["codescry search"]),
    ];
    for (arguments, parts) in cases {
        let ran = project.run(arguments);
        assert_eq!((ran.code, ran.out.as_str()), (2, ""), "{arguments:?}");
        for part in parts {
            assert!(ran.err.contains(part), "{arguments:?}: {part:?} is not in {}", ran.err);
        }
    }
}

#[test]
fn an_invalid_environment_variable_is_named() {
    let output = project().command(&["index"]).env("CODESCRY_PARSE_WORKERS", "lots").output().expect("it starts");
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("CODESCRY_PARSE_WORKERS=lots"));
}

#[test]
fn running_without_a_command_prints_help_and_exits_with_code_2() {
    let project = Project::empty();
    let ran = project.run(&[]);
    assert_eq!((ran.code, ran.out.as_str()), (2, ""));
    assert!(["search", "index", "status", "serve"].iter().all(|command| ran.err.contains(command)), "{}", ran.err);
    let version = project.run(&["--version"]);
    assert_eq!((version.code, version.out), (0, format!("codescry {}\n", env!("CARGO_PKG_VERSION"))));
}

#[test]
fn json_output_names_the_project_of_each_result() {
    let source = "export function settleInvoice(invoice) {\n  return invoice.total;\n}\n";
    let project = Project::with_files(&[("shop/package.json", "{\"name\": \"@org/shop\"}"), ("shop/pay.js", source)]);
    let query = "settleInvoice";
    let batch = project.run_with(&["search", "--batch", "--json"], &json!({ "query": query }).to_string());
    for answer in [project.run(&["search", query, "--json"]).json(), batch.json()] {
        assert_eq!(results(&answer)[0]["project"], "@org/shop", "{answer}");
    }
}

#[test]
fn json_output_has_every_field() {
    let ran = project().run(&["search", RETRIES, "--json"]);
    assert_eq!((ran.code, ran.out.lines().count()), (0, 1));
    let answer = ran.json();
    assert_eq!(answer["query"], RETRIES);
    assert_eq!(answer["coverage"]["files_indexed"], 4);
    assert_eq!(answer["coverage"]["complete"], true);
    let best = results(&answer)[0].as_object().expect("an object");
    let fields: Vec<&str> = best.keys().map(String::as_str).collect();
    let mut wanted =
        "path start_line end_line project language kind symbol names container signature score stale part \
                      deciding_lines text"
            .split_whitespace()
            .collect::<Vec<_>>();
    wanted.sort_unstable();
    let mut sorted = fields.clone();
    sorted.sort_unstable();
    assert_eq!(sorted, wanted);
    assert_eq!(best["project"], Value::Null);
    assert_eq!((&best["path"], &best["language"]), (&json!("src/net/retry.rs"), &json!("rust")));
    assert_eq!((&best["symbol"], &best["stale"]), (&json!("retry_with_backoff"), &json!(false)));
    assert!(best["text"].as_str().is_some_and(|text| text.contains("delay_ms *= 2;")));
    assert!(best["start_line"].as_u64() <= best["end_line"].as_u64());
}

#[test]
fn languages_filter_results() {
    let project = project();
    assert_eq!(project.paths(&[BOTH, "--lang", "python"]), ["src/auth/accounts.py"]);
    let mut both = project.paths(&[BOTH, "--lang", "python,rust"]);
    both.sort();
    both.dedup();
    assert_eq!(both, ["src/auth/accounts.py", "src/net/retry.rs"]);
    let twice = project.paths(&[BOTH, "--lang", "markdown", "--lang", "toml"]);
    assert!(twice.iter().all(|path| path == "docs/billing.md" || path == "server.toml"), "{twice:?}");
}

#[test]
fn paths_filter_results() {
    let project = project();
    for glob in ["src/auth", "src/auth/**", "*.py", "accounts.py"] {
        let mut found = project.paths(&[BOTH, "--path", glob]);
        found.dedup();
        assert_eq!(found, ["src/auth/accounts.py"], "{glob}");
    }
    let bad = project.run(&["search", "q", "--path", "src/{a"]);
    assert_eq!(bad.code, 2);
}

#[test]
fn content_kinds_filter_results() {
    let project = project();
    let query = "server address port invoice password";
    let of = |content: &str| project.paths(&[query, "--content", content, "--limit", "50"]);
    assert!(of("docs").iter().all(|path| path == "docs/billing.md"));
    assert!(of("config").iter().all(|path| path == "server.toml") && !of("config").is_empty());
    assert!(of("code").iter().all(|path| path.starts_with("src/")));
    assert!(of("all").contains(&"server.toml".to_owned()));
    let unsaid = project.paths(&[query, "--limit", "50"]);
    assert!(
        !unsaid.contains(&"server.toml".to_owned()) && unsaid.contains(&"docs/billing.md".to_owned()),
        "{unsaid:?}"
    );
}

#[test]
fn the_mode_selects_dense_or_lexical_search() {
    let project = project();
    // No file contains this word; its meaning is close to `wait`.
    assert_eq!(project.run(&["search", "pause", "--mode", "lexical"]).code, 1);
    assert_eq!(project.run(&["search", "pause", "--mode", "dense"]).code, 0);
    assert_eq!(project.paths(&["backoff", "--mode", "lexical"])[0], "src/net/retry.rs");
}

#[test]
fn the_limit_bounds_the_number_of_results() {
    let project = project();
    assert_eq!(project.paths(&[BOTH, "--limit", "1"]).len(), 1);
    assert_eq!(project.paths(&[BOTH, "--limit", "2"]).len(), 2);
}

#[test]
fn a_batch_is_answered_line_by_line_in_order() {
    let project = project();
    let lines = [json!({"query": BOTH}), json!({"query": BOTH, "limit": 1}), json!({"query": PASSWORDS, "id": 7})];
    let input = lines.map(|line| line.to_string()).join("\n");
    for arguments in [&["search", "--batch", "--json", "--limit", "2"][..], &["search", "--batch", "--limit", "2", "."]]
    {
        let ran = project.run_with(arguments, &input);
        assert_eq!(ran.code, 0, "{}", ran.err);
        let answers: Vec<Value> = ran.out.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
        let found: Vec<Vec<String>> = answers.iter().map(paths).collect();
        assert_eq!((answers.len(), found[0].len(), found[1].len()), (3, 2, 1));
        assert_eq!(found[2][0], "src/auth/accounts.py");
        assert_eq!((&answers[0]["query"], &answers[2]["query"]), (&json!(BOTH), &json!(PASSWORDS)));
    }
}

#[test]
fn an_invalid_line_of_a_batch_gets_an_error_with_its_number() {
    let input = format!(
        "{}\nnot json\n\n{}\n{}\n",
        json!({"query": RETRIES}),
        json!({"query": "  "}),
        json!({"query": PASSWORDS, "limit": 0})
    );
    let ran = project().run_with(&["search", "--batch", "--json"], &(input + &json!({"query": PASSWORDS}).to_string()));
    assert_eq!(ran.code, 2);
    let answers: Vec<Value> = ran.out.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    assert_eq!(answers.len(), 5, "a blank line is no query: {}", ran.out);
    for (at, answer) in answers.iter().enumerate() {
        assert_eq!(answer["error"].is_string(), (1..=3).contains(&at), "line {at}: {answer}");
    }
    assert_eq!([&answers[1]["line"], &answers[2]["line"], &answers[3]["line"]], [2, 4, 5]);
    assert_eq!(paths(&answers[4])[0], "src/auth/accounts.py");
}

#[test]
fn a_batch_answers_each_line_before_reading_the_next() {
    let project = project();
    let mut child = project.spawn(&["search", "--batch"]);
    let mut answers = BufReader::new(child.stdout.take().expect("a pipe"));
    let mut stdin = child.stdin.take().expect("a pipe");
    for query in [RETRIES, PASSWORDS] {
        writeln!(stdin, "{}", json!({ "query": query })).expect("it reads");
        let mut answer = String::new();
        answers.read_line(&mut answer).expect("it answers");
        assert!(answer.contains(query), "{answer}");
    }
    drop(stdin);
    assert!(child.wait().expect("it ends").success());
}

#[test]
fn the_shares_in_an_explanation_sum_to_the_score() {
    let project = project();
    let answer = project.run(&["search", RETRIES, "--json", "--explain", "--limit", "3"]).json();
    for result in results(&answer) {
        let terms = result["explain"].as_array().expect("terms");
        assert!(!terms.is_empty() && terms.iter().all(|term| term["name"].is_string() && term["value"].is_number()));
        let sum: f64 = terms.iter().filter_map(|term| term["share"].as_f64()).sum();
        let score = result["score"].as_f64().expect("a score");
        assert!((sum - score).abs() <= 1e-3 * score.abs().max(1.0), "{sum} is not {score}: {result}");
    }
    let table = project.run(&["search", RETRIES, "--explain", "--limit", "1"]).out;
    assert!(
        table.lines().any(|line| line.trim().starts_with("share")) && table.lines().any(|line| line.ends_with("score")),
        "{table}"
    );
}

#[test]
fn output_to_a_pipe_has_no_color_and_escape_sequences_in_code_are_neutralized() {
    let project = project();
    project
        .write("src/evil.rs", "/// Clears the screen\x1b[31m\u{9b}2J for a prank.\npub fn clear_screen_prank() {}\n");
    let plain = project.run(&["search", "clear the screen for a prank", "--explain"]);
    assert!(plain.out.contains("Clears the screen\\u{1b}[31m\\u{9b}2J"), "{}", plain.out);
    assert!(!(plain.out + &plain.err).contains(['\x1b', '\u{9b}']));
    let coloured = project.run(&["search", "clear the screen for a prank", "--color", "always"]);
    assert!(coloured.out.contains("\x1b[1;38;5;30msrc/evil.rs:"), "{}", coloured.out);
    assert!(!coloured.out.contains("\x1b[31m") && !coloured.out.contains('\u{9b}'));
}

#[test]
fn a_closed_output_pipe_is_not_an_error() {
    let project = project();
    let search = ["search", RETRIES];
    for arguments in [&search[..], &["search", RETRIES, "--json"], &["index"], &["index", "--dry-run"], &["status"]] {
        let mut child = project.command(arguments).spawn().expect("it starts");
        drop(child.stdout.take());
        let output = child.wait_with_output().expect("it ends");
        assert_eq!(
            (output.status.code(), String::from_utf8_lossy(&output.stderr).as_ref()),
            (Some(0), ""),
            "{arguments:?}"
        );
    }
}

#[test]
fn index_dry_run_names_the_rules_and_writes_nothing() {
    let project = project();
    let ran = project.run(&["index", "--dry-run"]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    for part in [
        "+ src/net/retry.rs (rust)\n",
        "+ server.toml (toml)\n",
        "- app.log: ignored by `*.log` in .gitignore\n",
        "- deploy.pem: secret: matches ",
        "- logo.png: binary\n",
        "- Cargo.lock: lock-file\n",
        "4 files would be indexed",
        "  secret\n",
    ] {
        assert!(ran.out.contains(part), "{part:?} is not in\n{}", ran.out);
    }
    let rows: Vec<&str> = ran.out.lines().take_while(|line| !line.is_empty()).map(|line| &line[2..]).collect();
    let path = |row: &str| row.split([' ', ':']).next().expect("a path").trim_end_matches('/').to_owned();
    assert!(rows.is_sorted_by_key(|row| path(row)), "{rows:?}");
    assert!(!project.index_dir().exists(), "a dry run writes");
    let listing = project.run(&["index", "--dry-run", "--json"]).json();
    assert_eq!((&listing["totals"]["secret"], listing["included"].as_array().map(Vec::len)), (&json!(1), Some(4)));
}

#[test]
fn an_index_run_prints_a_report() {
    let project = project();
    let ran = project.run(&["index"]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    for part in ["indexed 4 files (", "found ", "left out ", "secret 1"] {
        assert!(ran.out.contains(part), "{part:?} is not in\n{}", ran.out);
    }
    assert!(!ran.out.contains("starved"), "the table of stages is for -v: {}", ran.out);
    let verbose = project.run(&["index", "--rebuild", "-v"]);
    for part in ["stage ", "starved", "embed "] {
        assert!(verbose.out.contains(part), "{part:?} is not in\n{}", verbose.out);
    }
    let report = project.run(&["index", "--rebuild", "--json"]).json();
    assert_eq!((&report["files_indexed"], &report["skipped"]["lock-file"]), (&json!(4), &json!(1)));
    let stages = report["stages"].as_array().expect("stages");
    assert!(stages.iter().any(|stage| stage["stage"] == "parse" && stage["busy_seconds"].is_number()));
}

#[test]
fn files_above_the_size_limit_are_skipped() {
    let project = project();
    let ran = project.run(&["index", "--json", "--max-file-bytes", "100"]);
    assert_eq!(ran.json()["skipped"]["too-large"], 3);
}

#[test]
fn a_missing_index_is_reported() {
    let project = project();
    let status = project.run(&["status"]);
    assert_eq!(status.code, 0, "{}", status.err);
    assert!(status.out.contains("nothing is indexed yet"), "{}", status.out);
    assert_eq!(project.run(&["status", "--json"]).json()["exists"], false);
    let search = project.run(&["search", RETRIES, "--no-index"]);
    assert_eq!(search.code, 2);
    assert!(search.err.contains("codescry index"), "{}", search.err);
}

#[test]
fn the_server_exits_with_code_0_when_its_client_disconnects() {
    let project = project();
    for arguments in [&["--stdio"][..], &["serve"], &["serve", "--stdio", "."]] {
        let ran = project.run(arguments);
        assert_eq!((ran.code, ran.out.as_str()), (0, ""), "{arguments:?}: {}", ran.err);
    }
    let shared = project.run(&["serve", "src", "docs"]);
    assert!(shared.code == 2 && shared.err.contains("--index-dir"), "{}", shared.err);
}

#[test]
#[cfg_attr(not(feature = "lance"), ignore = "needs an index that outlives its process")]
fn a_second_run_indexes_no_unchanged_files() {
    let project = project();
    assert_eq!(project.run(&["index", "--json"]).json()["files_indexed"], 4);
    let second = project.run(&["index", "--json"]).json();
    assert_eq!((&second["files_indexed"], &second["chunks"]), (&json!(0), &json!(0)));
    assert_eq!(second["redone_because"], Value::Null);
    let status = project.run(&["status", "--json"]).json();
    assert_eq!((&status["exists"], &status["coverage"]["complete"]), (&json!(true), &json!(true)));
    assert_eq!((&status["coverage"]["files_indexed"], &status["languages"]["rust"]), (&json!(4), &json!(1)));
    assert_eq!(status["skipped"]["secret"], 1);
    let text = project.run(&["status"]).out;
    assert!(text.contains("4 files") && text.contains("complete") && text.contains("left out"), "{text}");
}

#[test]
#[cfg_attr(not(feature = "lance"), ignore = "needs an index that outlives its process")]
fn the_next_search_sees_edits_renames_and_deletions() {
    let project = project();
    let prank = "shuffle a deck of playing cards";
    assert!(project.paths(&[prank]).iter().all(|path| !path.contains("cards")));
    project
        .write("src/auth/accounts.py", "def shuffle_deck(cards):\n    \"\"\"Shuffles a deck of playing cards.\"\"\"\n");
    assert_eq!(project.paths(&[prank])[0], "src/auth/accounts.py");
    project.rename("src/auth/accounts.py", "games/cards.py");
    let found = project.paths(&[prank]);
    assert!(found[0] == "games/cards.py" && !found.contains(&"src/auth/accounts.py".to_owned()), "{found:?}");
    project.remove("games/cards.py");
    assert!(!project.paths(&[prank]).contains(&"games/cards.py".to_owned()));
}

#[test]
#[cfg_attr(not(feature = "lance"), ignore = "needs an index that outlives its process")]
fn a_hit_in_a_changed_file_is_marked_stale() {
    let project = project();
    assert_eq!(project.run(&["index"]).code, 0);
    project.write("src/net/retry.rs", format!("{RETRY}\npub fn other() {{}}\n"));
    let answer = project.run(&["search", RETRIES, "--no-index", "--json"]).json();
    for result in results(&answer) {
        assert_eq!(result["stale"], result["path"] == "src/net/retry.rs", "{result}");
    }
    let text = project.run(&["search", RETRIES, "--no-index"]).out;
    assert!(text.lines().next().is_some_and(|header| header.ends_with("  stale")), "{text}");
    let after = project.run(&["search", RETRIES, "--json"]).json();
    assert!(results(&after).iter().all(|result| result["stale"] == false));
}

#[test]
#[cfg_attr(not(feature = "lance"), ignore = "needs an index that outlives its process")]
fn searches_use_the_committed_index_while_another_process_writes() {
    let project = project();
    assert_eq!(project.run(&["index"]).code, 0);
    let lock = File::options().write(true).open(project.index_dir().join("lock")).expect("the writer's lock");
    lock.lock().expect("nobody holds it");
    project.write("src/net/more.rs", RETRY);
    let search = project.run(&["search", RETRIES, "--json"]);
    assert_eq!((search.code, search.paths()[0].as_str()), (0, "src/net/retry.rs"));
    assert!(search.err.contains("searching the files indexed so far"), "{}", search.err);
    let mut index = project.spawn(&["index"]);
    let mut lines = BufReader::new(index.stderr.take().expect("a pipe")).lines().map(|line| line.expect("a line"));
    let waits = lines.find(|line| line.contains("is indexing this folder; waiting until it has finished"));
    assert!(waits.is_some() && index.try_wait().expect("it is there").is_none(), "it waits");
    lock.unlock().expect("it is held");
    assert_eq!(index.wait().expect("it ends").code(), Some(0));
    assert!(project.paths(&[RETRIES]).contains(&"src/net/more.rs".to_owned()));
}

#[test]
#[cfg(unix)]
#[cfg_attr(not(feature = "lance"), ignore = "needs an index that outlives its process")]
fn ctrl_c_keeps_committed_files() {
    let project = Project::empty();
    for at in 0..1_500 {
        project.write(&format!("src/part_{at}.rs"), RETRY.replace("retry", &format!("retry_{at}")).repeat(20));
    }
    // The embedder is so slow that the run cannot finish before it is interrupted.
    let slow = ["index", "--embedder", "synthetic:100"];
    let mut child = project.command(&slow).stdout(Stdio::null()).spawn().expect("it starts");
    // The lock file appears when the run starts.
    while !project.index_dir().join("lock").exists() {
        assert!(child.try_wait().expect("it is there").is_none(), "it ended before it began");
        std::thread::yield_now();
    }
    signal(&child, Signal::INT);
    let output = child.wait_with_output().expect("it ends");
    let err = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(130), "{err}");
    assert!(err.contains("stopping after the files in progress"), "{err}");
    assert!(err.contains("that are indexed so far are kept: run the same command again"), "{err}");
    let done = project.run(&["index", "--json", "--embedder", "synthetic:1000000"]).json();
    assert_eq!(done["files_found"], 1_500);
    assert!(fs::exists(project.index_dir()).expect("it can be asked"));
}
