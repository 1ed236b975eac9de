//! Tests of index runs: settings, memory limits, interruption, watching and the vector cache.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::time::Duration;

#[cfg(unix)]
use rustix::process::Signal;
use serde_json::{Value, json};

#[cfg(unix)]
use crate::support::cli::signal;
use crate::support::cli::{Project, copy_folder};
use crate::support::mcp::{PATIENCE, RawClient, Repository};

fn project(files: usize) -> Project {
    let project = Project::empty();
    for at in 0..files {
        project
            .write(&format!("src/part_{at}.rs"), format!("fn part_{at}(value: u64) -> u64 {{\n    value + {at}\n}}\n"));
    }
    project
}

#[test]
#[cfg(unix)]
fn a_watching_server_finds_an_edit_without_a_request() {
    let repository = Repository::new();
    let mut client = RawClient::initialized(&repository);
    client.call("index_project", json!({}));
    repository.write("src/shuffle.rs", "/// Shuffles a deck of cards.\npub fn shuffle_deck(cards: &mut [u8]) {}\n");
    // No other file contains the words of the new file, so it comes first once it is indexed.
    let found = |answer: &Value| answer["result"]["structuredContent"]["hits"][0]["path"] == "src/shuffle.rs";
    let begun = std::time::Instant::now();
    while !found(&client.call("search_code", json!({"query": "shuffle_deck"}))) {
        assert!(begun.elapsed() < PATIENCE, "the edit was never found");
        std::thread::sleep(Duration::from_millis(20));
    }
    if cfg!(feature = "lance") {
        let status = client.call("index_status", json!({}));
        let stages = &status["result"]["structuredContent"]["roots"][0]["pipeline"]["stages"];
        assert_eq!(stages.as_array().map(Vec::len), Some(6), "{status}");
    }
    assert!(client.close().success());
}

#[test]
#[cfg(unix)]
#[cfg_attr(not(feature = "lance"), ignore = "needs an index that outlives its process")]
fn watch_updates_the_index_until_ctrl_c() {
    let project = project(3);
    let mut child = project.spawn(&["watch"]);
    let mut lines = BufReader::new(child.stdout.take().expect("a pipe")).lines().map(|line| line.expect("a line"));
    assert!(lines.any(|line| line.starts_with("watching ")), "it says that it watches");
    project.write("src/new.rs", "fn entirely_new() {}\n");
    project.remove("src/part_1.rs");
    let mut wanted = vec!["indexed  src/new.rs", "removed  src/part_1.rs"];
    for line in lines.by_ref() {
        let (time, change) = line.split_once("  ").expect("a time and a file");
        assert!(time.len() == 9 && time.ends_with('Z') && time.contains(':'), "{line}");
        wanted.retain(|wanted| *wanted != change);
        if wanted.is_empty() {
            break;
        }
    }
    assert_eq!(project.paths(&["entirely_new", "--no-index"])[0], "src/new.rs");
    signal(&child, Signal::INT);
    assert_eq!(child.wait().expect("it ends").code(), Some(0));
}

#[test]
#[cfg_attr(not(feature = "lance"), ignore = "needs an index that outlives its process")]
fn vectors_are_computed_once_for_renames_rebuilds_and_sibling_worktrees() {
    let (first, second) = (project(20), project(20));
    let cache = first.index_dir().with_file_name("vectors of all").to_string_lossy().into_owned();
    let index = |project: &Project, more: &[&str]| {
        let ran = project.run(&[&["index", "--json", "--cache-dir", &cache], more].concat());
        assert_eq!(ran.code, 0, "{}", ran.err);
        let report = ran.json();
        (report["vectors_computed"].as_u64().expect("a count"), report["vectors_reused"].as_u64().expect("a count"))
    };
    assert_eq!(index(&first, &[]), (20, 0));
    assert_eq!(index(&second, &[]), (0, 20), "a sibling with the same files");
    first.rename("src/part_7.rs", "moved/elsewhere.rs");
    assert_eq!(index(&first, &[]), (0, 1), "a rename");
    assert_eq!(index(&first, &["--rebuild"]), (0, 20), "a rebuild");
    first.write("src/part_3.rs", "fn part_3() {}\n");
    assert_eq!(index(&first, &[]), (1, 0), "an edit");
    first.write("src/part_3.rs", "fn part_3(value: u64) -> u64 {\n    value + 3\n}\n");
    assert_eq!(index(&first, &[]), (0, 1), "the edit taken back");
    assert_eq!(index(&first, &["--rebuild", "--max-cache-bytes", "0"]), (20, 0), "without a cache");
}

#[test]
#[cfg_attr(not(feature = "lance"), ignore = "needs an index that outlives its process")]
fn an_index_of_an_earlier_version_answers_and_is_rebuilt_without_computing_vectors() {
    let project = project(3);
    let fixture = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/index-schema-3");
    let cache = project.index_dir().with_file_name("cache of the earlier version");
    copy_folder(&fixture.join("index"), &project.index_dir());
    copy_folder(&fixture.join("cache"), &cache);
    let path = project.index_dir().join("manifest.json");
    let mut manifest: Value = serde_json::from_slice(&fs::read(&path).expect("a manifest")).expect("JSON");
    assert_eq!(manifest["manifest"]["recipe"]["schema_version"], 3, "the fixture is of the earlier version");
    manifest["manifest"]["root"] = project.root().canonicalize().expect("a folder").to_str().into();
    fs::write(&path, manifest.to_string()).expect("a manifest");
    let because = "the index layout changed from version 3 to 4";
    assert_eq!(project.paths(&["part_1", "--no-index"])[0], "src/part_1.rs", "it answers");
    assert_eq!(project.run(&["status", "--json"]).json()["redo_because"], because);
    let index = ["index", "--json", "--cache-dir", cache.to_str().expect("UTF-8")];
    let report = project.run(&index).json();
    assert_eq!((&report["redone_because"], &report["files_indexed"]), (&because.into(), &3.into()), "{report}");
    assert_eq!((&report["vectors_computed"], &report["vectors_reused"]), (&0.into(), &3.into()), "{report}");
    assert_eq!(project.paths(&["part_1", "--no-index"])[0], "src/part_1.rs");
    assert!(project.run(&["status", "--json"]).json()["redo_because"].is_null());
}

/// The program before this version made chunks without definitions of Objective-C.
#[test]
#[cfg(feature = "lance")]
fn an_index_of_an_earlier_chunker_is_made_again_with_its_vectors() {
    let project = Project::empty();
    project.write("Shop.m", "@implementation Shop\n- (int)countItems {\n  return 3;\n}\n@end\n");
    assert_eq!(project.run(&["index", "-q"]).code, 0);
    let path = project.index_dir().join("manifest.json");
    let sealed = fs::read_to_string(&path).expect("a manifest");
    let (_, fields) = sealed.split_once(",\n").expect("the checksum is the first field");
    let (before, after) = fields.split_once("\"chunker_version\": ").expect("a version");
    let (version, after) = after.split_once(',').expect("another field");
    let earlier = format!("{{\n{before}\"chunker_version\": 5,{after}");
    fs::write(&path, platform::sealed_json::seal_json(&earlier)).expect("a manifest");
    let report = project.run(&["index", "--json"]).json();
    let because = format!("the chunker changed from version 5 to {version}");
    assert_eq!((&report["redone_because"], &report["files_indexed"]), (&because.into(), &1.into()), "{report}");
    assert_eq!((&report["vectors_computed"], &report["vectors_reused"]), (&0.into(), &1.into()), "{report}");
    assert!(project.run(&["symbol", "countItems"]).out.starts_with("Shop.m:2-4"));
}

#[test]
fn vectors_of_a_killed_run_are_not_computed_again() {
    let project = Project::empty();
    let body = |at: usize| format!("    let total_{at} = first_{at}.max(second_{at}) + third_{at};\n").repeat(12);
    let functions: String = (0..400).map(|at| format!("fn part_{at}() {{\n{}}}\n\n", body(at))).collect();
    project.write("src/parts.rs", functions);
    let cache = project.index_dir().with_file_name("vectors of the killed");
    let index = ["index", "--json", "--cache-dir", cache.to_str().expect("UTF-8")];
    let mut child = project.spawn(&[&index[..], &["--embedder", "synthetic:40"]].concat());
    while kept_vectors(&cache) < 40 {
        assert!(child.try_wait().expect("it can be asked").is_none(), "it kept nothing before its end");
        std::thread::sleep(Duration::from_millis(20));
    }
    child.kill().expect("it runs");
    child.wait().expect("it ends");
    let kept = kept_vectors(&cache) - 1; // one is of the path
    let done = project.run(&[&index[..], &["--rebuild", "--embedder", "synthetic:1000000"]].concat()).json();
    assert_eq!(done["chunks"], 400, "{done}");
    // A vector is written before its key, and can be found without it.
    let computed = done["vectors_computed"].as_u64().expect("a count");
    assert!(computed <= 400 - kept, "{kept} were kept: {done}");
}

/// Returns the number of vectors in a cache folder, by the size of its key files.
fn kept_vectors(cache: &Path) -> u64 {
    let models = fs::read_dir(cache.join("vectors")).into_iter().flatten().flatten();
    let files = models.flat_map(|model| fs::read_dir(model.path()).into_iter().flatten().flatten());
    let keys = files.filter(|file| file.path().extension().is_some_and(|extension| extension == "keys"));
    keys.map(|file| file.metadata().map_or(0, |metadata| metadata.len() / 16)).sum()
}

#[test]
#[cfg(unix)]
#[cfg_attr(not(feature = "lance"), ignore = "needs an index that outlives its process")]
fn ctrl_c_keeps_committed_files_and_the_next_run_continues() {
    let project = project(4_000);
    // The embedder is so slow that the run is far from finished when its status is read.
    let slow = ["index", "--embedder", "synthetic:100", "--max-memory", "128MiB"];
    let child = project.spawn(&slow);
    let status = || project.run(&["status", "--json", "--embedder", "synthetic:100"]).json();
    let begun = std::time::Instant::now();
    while status()["coverage"]["files_indexed"].as_u64().is_none_or(|files| files < 200) {
        assert!(begun.elapsed() < PATIENCE, "nothing was committed");
    }
    let running = status();
    let run = &running["run"];
    assert_eq!(run["state"], "indexing", "{run}");
    assert!(run["bottleneck"].as_str().is_some_and(|told| told.starts_with("embed is the bottleneck")), "{run}");
    signal(&child, Signal::INT);
    let ended = child.wait_with_output().expect("it ends");
    assert_eq!(ended.status.code(), Some(130));
    assert_eq!(status()["run"]["state"], "cancelled");
    let kept = status()["coverage"]["files_indexed"].as_u64().expect("a count");
    assert!((200..4_000).contains(&kept), "{kept} files kept");
    let done = project.run(&["index", "--json", "--embedder", "synthetic:1000000"]).json();
    assert_eq!(done["files_unchanged"].as_u64().zip(done["files_indexed"].as_u64()).map(|(a, b)| a + b), Some(4_000));
    assert!(done["files_unchanged"].as_u64() >= Some(kept), "{done}");
    assert!(done["vectors_computed"].as_u64() < Some(4_000 - kept + 1), "{done}");
}

#[test]
fn a_file_too_large_for_the_memory_limit_is_skipped_alone() {
    let project = project(3);
    let line = "let value = compute(first, second, third);\n";
    project.write("src/gigantic.rs", format!("fn gigantic() {{\n{}}}\n", line.repeat(12 << 20 >> 5)));
    let limits = ["--max-file-bytes", "100MiB", "--max-memory", "128MiB"];
    let ran = project.run(&[&["index", "--json"], &limits[..]].concat());
    let report = ran.json();
    assert_eq!((&report["files_indexed"], &report["skipped"]["too-large"]), (&3.into(), &1.into()), "{}", ran.err);
    assert!(report["in_flight_peak_bytes"].as_u64().is_some_and(|peak| peak <= 64 << 20), "{report}");
    let note = report["notes"][0].as_str().unwrap_or_default();
    assert!(note.contains("--max-memory") && note.contains("5.3 MiB") && note.contains("raise it"), "{report}");
}

#[test]
#[cfg(target_os = "linux")]
#[cfg_attr(not(feature = "lance"), ignore = "a store in memory keeps what it is given")]
fn resident_memory_stays_below_the_limit() {
    let project = Project::empty();
    let line = "let value = compute(first, second, third);\n";
    let large = |mebibytes: usize| format!("fn large() {{\n{}}}\n", line.repeat((mebibytes << 20) / line.len()));
    project.write("src/gigantic.rs", large(10));
    (0..30).for_each(|at| project.write(&format!("src/large_{at}.rs"), large(1)));
    (0..6_000).for_each(|at| project.write(&format!("tiny/{}/{at}.rs", at % 50), format!("fn tiny_{at}() {{}}\n")));
    let limits = ["--max-file-bytes", "100MiB", "--max-memory", "512MiB", "--max-cache-bytes", "0"];
    // These arguments give the same load on every machine, and let no parse reach its time limit.
    let machine = ["--parse-workers", "2", "--parse-time-limit-ms", "600000"];
    let report = project.run(&[&["index", "--json"], &limits[..], &machine].concat()).json();
    assert_eq!(report["files_indexed"], 6_031, "{report}");
    let of_memory = |one: &Value| one["problem"].as_str().is_some_and(|problem| problem.contains("--max-memory"));
    let has_it = report["problems"].as_array().is_some_and(|all| all.iter().any(of_memory));
    assert!(has_it, "its tree alone would take the ceiling: {report}");
    // All files together would take twice the memory reserved for files.
    let (flight, peak) = (report["in_flight_peak_bytes"].as_u64(), report["peak_memory_bytes"].as_u64());
    assert!(
        flight.is_some_and(|bytes| (128 << 20..=256 << 20).contains(&bytes)),
        "the ceiling does not bind: {report}"
    );
    assert!(peak.is_some_and(|bytes| (1..=512 << 20).contains(&bytes)), "{report}");
}

#[test]
fn preparsing_runs_if_memory_suffices_and_fails_with_a_reason_otherwise() {
    let project = project(30);
    let small = project.run(&["index", "--json", "--preparse"]).json();
    assert_eq!((&small["files_indexed"], &small["chunks"]), (&30.into(), &30.into()));
    let line = "let value = compute(first, second, third);\n";
    for at in 0..20 {
        project.write(&format!("src/large_{at}.rs"), format!("fn large_{at}() {{\n{}}}\n", line.repeat(16_000)));
    }
    let refused = project.run(&["index", "--preparse", "--max-memory", "128MiB"]);
    assert!(refused.code == 2 && refused.err.contains("raise --max-memory"), "{}", refused.err);
    assert_eq!(project.run(&["index", "--max-memory", "128MiB"]).code, 0);
}

#[test]
fn settings_come_from_flags_and_variables_and_invalid_ones_are_rejected() {
    let project = project(2);
    for (flag, value) in
        [("--embed-batch", "many"), ("--embedder", "gpu"), ("--max-memory", "0"), ("--queue-depth", "0")]
    {
        let ran = project.run(&["index", flag, value]);
        assert!(ran.code == 2 && ran.err.contains(flag), "{flag}: {}", ran.err);
    }
    let too_little = project.run(&["index", "--max-memory", "1MiB"]);
    assert!(too_little.code == 2 && too_little.err.contains("at least"), "{}", too_little.err);
    let mut command = project.command(&["index", "--json"]);
    command.env("CODESCRY_PARSE_WORKERS", "3").env("CODESCRY_QUEUE_DEPTH", "5").env("CODESCRY_EMBED_BATCH", "7");
    let report: Value = serde_json::from_slice(&command.output().expect("it runs").stdout).expect("JSON");
    let parse = report["stages"].as_array().and_then(|all| all.iter().find(|stage| stage["stage"] == "parse"));
    let parse = parse.expect("a parse stage");
    let seen = (&parse["threads"], &parse["queue_capacity"], &report["embed_batch"]);
    assert_eq!(seen, (&3.into(), &5.into(), &7.into()));
    let bad = project.command(&["index"]).env("CODESCRY_PREPARSE", "perhaps").output().expect("it runs");
    assert!(String::from_utf8_lossy(&bad.stderr).contains("CODESCRY_PREPARSE=perhaps"));
}

#[test]
fn the_benchmark_prints_a_row_per_variant() {
    let project = project(40);
    let ran = project.run(&["bench", "pipeline", "--only", "pipeline", "--quiet"]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    let rows: Vec<&str> = ran.out.lines().collect();
    assert!(
        rows.len() == 4 && rows[1].starts_with("tree-sitter alone") && rows[3].starts_with("pipeline "),
        "{}",
        ran.out
    );
    assert!(rows[3].contains("parse ") && rows[3].contains("write "));
    let seconds = |row: &str| row.split_whitespace().filter_map(|word| word.parse::<f64>().ok()).next();
    let (whole, syntax) = (seconds(rows[1]), seconds(rows[2]));
    assert!(rows[2].starts_with("… without walk and reads") && syntax <= whole, "{}", ran.out);
}

#[test]
fn the_benchmark_applies_the_given_limits() {
    let project = project(40);
    let limits = ["--max-file-bytes", "10", "--parse-time-limit-ms", "1234"];
    let ran = project.run(&[&["bench", "pipeline", "--only", "pipeline", "--json", "--quiet"], &limits[..]].concat());
    assert_eq!(ran.code, 0, "{}", ran.err);
    let pipeline = &ran.json()[1]["runs"][0];
    assert_eq!((&pipeline["files_indexed"], &pipeline["skipped"]["too-large"]), (&0.into(), &40.into()), "{pipeline}");
}

#[test]
#[cfg_attr(not(feature = "lance"), ignore = "needs an index that outlives its process")]
fn a_search_without_changes_keeps_the_report_of_the_last_run() {
    let project = project(30);
    assert_eq!(project.run(&["index"]).code, 0);
    let run = || project.run(&["status", "--json"]).json()["run"].clone();
    let before = run();
    assert_eq!((&before["state"], &before["files_done"]), (&"done".into(), &30.into()), "{before}");
    assert_eq!(project.paths(&["part_7"])[0], "src/part_7.rs");
    assert_eq!(run(), before);
}

#[test]
fn a_measurement_reports_settings_that_do_not_fit_as_refused() {
    let project = Project::empty();
    let code = "let value = compute(first, second, third);\n".repeat(20_000);
    (0..20).for_each(|at| project.write(&format!("{at}.rs"), &code));
    let once = ["bench", "once", "--kind", "pipeline", "--preparse", "--max-memory", "128MiB", "."];
    let ran = project.run(&once);
    assert_eq!(ran.code, 0, "{}", ran.err);
    assert!(ran.json()["refused"].as_str().is_some_and(|why| why.contains("raise --max-memory")), "{}", ran.out);
    // Other failures are not reported as refusals.
    let ran = project.run(&["bench", "once", "--kind", "pipeline", "--preparse", "no/such/folder"]);
    assert_eq!((ran.code, ran.out.as_str()), (2, ""), "{}", ran.err);
}
