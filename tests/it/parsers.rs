//! Tests of files on which a grammar crashes, hangs or takes all memory: the program survives them, reports them as
//! problems, and indexes them split by lines.

use std::collections::BTreeMap;
use std::fs;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::cli::{Project, RunOutput};
use crate::support::mcp::{PATIENCE, RawClient, Repository, SetOnDrop, poll_until};

/// Returns a Ruby text with a string that the grammar's scanner takes for a heredoc whose word is too long.
fn aborting_ruby() -> String {
    format!("def greet_in_ruby(s)\n  s <<\"{}\"\n  s\nend\n", "hello world, this is text\n".repeat(14))
}

/// A Kotlin text whose last character makes the grammar's scanner loop.
const HANGING_KOTLIN: &str = "val answer_in_kotlin = 1\n@";

/// Returns a text that takes gigabytes to parse: `unit` repeated, in lines of 60 bytes.
fn exploding(unit: &str, bytes: usize) -> String {
    let text = unit.repeat(bytes / unit.len());
    let lines: Vec<&str> = text.as_bytes().chunks(60).map(|line| std::str::from_utf8(line).expect("ASCII")).collect();
    lines.join("\n") + "\n"
}

/// Runs the program until it ends; kills it and fails after [`PATIENCE`]. Also returns the largest memory of the
/// process and all its descendants together, in bytes.
fn run_measured(project: &Project, arguments: &[&str]) -> (RunOutput, u64) {
    let mut child = project.command(arguments).spawn().expect("it starts");
    let since = Instant::now();
    let mut peak = 0;
    while child.try_wait().expect("it is there").is_none() {
        peak = peak.max(tree_memory_bytes(child.id()));
        if since.elapsed() > PATIENCE {
            child.kill().expect("it can be killed");
            panic!("{arguments:?} does not end");
        }
        thread::sleep(Duration::from_millis(3));
    }
    (child.wait_with_output().expect("it has ended").into(), peak)
}

/// Returns the ids of a process and all its descendants.
fn process_tree(id: u32) -> Vec<u32> {
    let mut ids = vec![id];
    let mut next = 0;
    while let Some(id) = ids.get(next).copied() {
        next += 1;
        let Ok(tasks) = fs::read_dir(format!("/proc/{id}/task")) else { continue };
        for task in tasks.flatten() {
            let children = fs::read_to_string(task.path().join("children")).unwrap_or_default();
            ids.extend(children.split_whitespace().filter_map(|id| id.parse::<u32>().ok()));
        }
    }
    ids
}

/// Returns the memory of a process and all its descendants, in which each shared page counts once.
fn tree_memory_bytes(id: u32) -> u64 {
    let pss = |id: u32| {
        let text = fs::read_to_string(format!("/proc/{id}/smaps_rollup")).ok()?;
        let line = text.lines().find_map(|line| line.strip_prefix("Pss:"))?;
        line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()
    };
    process_tree(id).into_iter().filter_map(pss).sum::<u64>() * 1024
}

/// Returns the problems that `codescry status` lists, by path.
fn problems(project: &Project) -> BTreeMap<String, String> {
    let status = project.run(&["status", "--json"]).json();
    let listed = status["problems"].as_array().cloned().unwrap_or_default();
    let text = |one: &Value, key: &str| one[key].as_str().unwrap_or_default().to_owned();
    listed.iter().map(|one| (text(one, "path"), text(one, "problem"))).collect()
}

#[test]
fn a_ruby_file_that_aborts_the_grammar_is_indexed_by_its_lines() {
    let long = "x".repeat(300);
    let texts = [
        format!("<<\"{long}\"\n"),
        aborting_ruby(),
        format!("def a(s)\n  s <<\"{long}\"\nend\n"),
        format!("x = <<{long}\ntext\n{long}\n"),
    ];
    let project = Project::empty();
    for (number, text) in texts.iter().enumerate() {
        project.write(&format!("bad_{number}.rb"), format!("# note_number_{number}\n{text}"));
    }
    for length in [100, 250, 254, 255, 256, 257, 1_100] {
        let word = "x".repeat(length);
        project.write(&format!("length_{length}.rb"), format!("x = <<\"{word}\"\n{word}\n"));
    }
    let index = project.run(&["index", "--json"]);
    assert_eq!((index.code, &index.json()["files_indexed"]), (0, &11.into()), "{}", index.err);
    let problems = problems(&project);
    for number in 0..texts.len() {
        let problem = problems.get(&format!("bad_{number}.rb")).unwrap_or_else(|| panic!("{problems:?}"));
        assert_eq!(problem, "the Ruby parser crashed; the file is split by lines");
        assert_eq!(project.paths(&[&format!("note_number_{number}")])[0], format!("bad_{number}.rb"));
    }
    assert!(!problems.contains_key("length_100.rb"), "{problems:?}");
}

#[test]
fn a_kotlin_file_that_hangs_the_grammar_is_indexed_by_its_lines() {
    let project = Project::empty();
    let texts =
        ["class f\n@", "class f @", "class Foo {}\n@", "interface A\n@", "class f\n@\nclass g\n", HANGING_KOTLIN];
    for (number, text) in texts.iter().enumerate() {
        project.write(&format!("a{number}.kt"), text);
    }
    project.write("good.kt", "package a\n\nclass Foo\n\n@Suppress(\"x\")\nclass Bar\n");
    let (index, _) = run_measured(&project, &["index", "--json"]);
    assert_eq!((index.code, &index.json()["files_indexed"]), (0, &7.into()), "{}", index.err);
    let found = problems(&project);
    assert!(found.values().all(|problem| problem == "the Kotlin parser hung; the file is split by lines"), "{found:?}");
    assert!(found.contains_key("a5.kt") && !found.contains_key("good.kt"), "{found:?}");
    // A later run knows which texts hang: it needs less processor time than one more attempt would take.
    let rebuilt = project.run(&["index", "--json", "--rebuild"]);
    assert_eq!((rebuilt.code, problems(&project)), (0, found), "{}", rebuilt.err);
    assert_eq!(project.paths(&["answer_in_kotlin"])[0], "a5.kt");
}

/// Returns the memory that the program takes for a folder with one small file.
fn base_memory_bytes() -> u64 {
    let project = Project::empty();
    project.write("a.rs", "fn a() {}\n");
    let (index, peak) = run_measured(&project, &["index", "--max-cache-bytes", "0", "--max-memory", "512MiB"]);
    assert_eq!(index.code, 0, "{}", index.err);
    peak
}

#[test]
#[cfg_attr(not(feature = "lance"), ignore = "a store in memory keeps what it is given")]
fn files_that_take_gigabytes_stay_below_the_memory_limit() {
    const LIMIT: u64 = 512 << 20;
    let base = base_memory_bytes();
    assert!(base > 16 << 20, "memory is not measured: {base}");
    for (extension, unit) in [("java", "a<"), ("cs", "a<"), ("cpp", "a<?,"), ("ts", "a<b,")] {
        let project = Project::empty();
        project.write(&format!("bomb.{extension}"), exploding(unit, 80_000));
        project.write("good.rs", "fn good_neighbour() {}\n");
        let arguments = ["index", "--json", "--max-cache-bytes", "0", "--max-memory", "512MiB"];
        let (index, peak) = run_measured(&project, &arguments);
        assert_eq!((index.code, &index.json()["files_indexed"]), (0, &2.into()), "{extension}: {}", index.err);
        assert!(peak < LIMIT + base, "{extension}: {} MiB, {} MiB for nothing", peak >> 20, base >> 20);
        assert_eq!(project.paths(&["good_neighbour"])[0], "good.rs");
        let told = problems(&project);
        let problem = told.get(&format!("bomb.{extension}")).map(String::as_str).unwrap_or_default();
        assert!(problem.ends_with("the file is split by lines"), "{extension}: {told:?}");
    }
}

#[test]
fn calls_are_answered_while_a_file_hangs_its_parser() {
    let repository = Repository::new();
    repository.write("bad.kt", HANGING_KOTLIN);
    let mut server = RawClient::initialized(&repository);
    server.indexed();
    server.assert_search_works();
    let outline = server.call("outline", json!({ "path": "bad.kt" }));
    assert_eq!(outline["result"]["isError"], false, "{outline}");
    // Each text is another one, so that none is known to hang.
    let hanging: Vec<u64> = (0..4)
        .map(|number| {
            repository.write(&format!("late_{number}.kt"), &format!("val late_{number} = {number}\n@"));
            let id = 1_000 + number;
            let call = json!({ "name": "outline", "arguments": { "path": format!("late_{number}.kt") } });
            let request = json!({ "jsonrpc": "2.0", "id": id, "method": "tools/call", "params": call });
            server.send(request.to_string().as_bytes());
            id
        })
        .collect();
    let mut other = RawClient::initialized(&repository);
    for _ in 0..5 {
        let read = other.call("read_code", json!({ "path": "src/retry.rs" }));
        assert_eq!(read["result"]["isError"], false, "{read}");
    }
    let mut answered = Vec::new();
    while answered.len() < hanging.len() {
        let message = server.next();
        answered.extend(message["id"].as_u64().filter(|id| hanging.contains(id)));
    }
    let status = server.call("index_status", json!({}));
    assert!(status.to_string().contains("the Kotlin parser hung"), "{status}");
    assert!(server.close().success());
}

#[test]
fn ten_windows_survive_files_that_abort_hang_and_explode_also_on_the_second_start() {
    let repository = Repository::new();
    for number in 0..400 {
        let text = format!("/// Part {number}.\npub fn unit_number_{number}(a: u32) -> u32 {{\n    a + {number}\n}}\n");
        repository.write(&format!("src/good_{number}.rs"), &text);
    }
    let write_bad = || {
        repository.write("bad.rb", &aborting_ruby());
        repository.write("bad.kt", HANGING_KOTLIN);
        for (extension, unit) in [("java", "a<"), ("cs", "a<"), ("cpp", "a<?,"), ("ts", "a<b,")] {
            repository.write(&format!("bad.{extension}"), &exploding(unit, 60_000));
        }
    };
    for start in 0..2 {
        let mut windows: Vec<_> = (0..10).map(|_| RawClient::uninitialized(&repository)).collect();
        windows.iter_mut().for_each(RawClient::initialize);
        windows.iter_mut().for_each(RawClient::assert_search_works);
        if start == 0 {
            write_bad();
        }
        windows[0].indexed();
        for (number, window) in windows.iter_mut().enumerate() {
            let name = format!("unit_number_{}", number * 37);
            let found = window.call("search_code", json!({ "query": name }));
            let path = &found["result"]["structuredContent"]["hits"][0]["path"];
            assert_eq!(path, &json!(format!("src/good_{}.rs", number * 37)), "start {start}: {found}");
        }
        let search = |window: &mut RawClient| window.call("search_code", json!({ "query": "greet_in_ruby" }));
        let is_found = |answer: &Value| answer.to_string().contains("bad.rb");
        let answer = poll_until(|| search(&mut windows[3]), is_found);
        assert!(is_found(&answer), "start {start}: {answer}");
        for mut window in windows {
            assert!(window.close().success(), "start {start}");
        }
    }
}

#[test]
fn a_server_survives_when_its_parsers_are_killed() {
    let repository = Repository::new();
    let mut server = RawClient::initialized(&repository);
    server.indexed();
    let (done, id) = (AtomicBool::new(false), server.id());
    thread::scope(|scope| {
        let _stop = SetOnDrop(&done);
        scope.spawn(|| {
            let mut turn = 0;
            while !done.load(Ordering::Relaxed) {
                let workers = &process_tree(id)[1..];
                if let Some(worker) = workers.get(turn % workers.len().max(1)) {
                    // It may have ended by itself.
                    _ = Command::new("kill").args(["-9", &worker.to_string()]).stderr(Stdio::null()).status();
                }
                turn += 1;
                thread::sleep(Duration::from_millis(25));
            }
        });
        for round in 0..40 {
            repository.write("src/late.rs", &format!("pub fn late_function_{round}() {{}}\n"));
            let outline = server.call("outline", json!({ "path": "src/retry.rs" }));
            assert_eq!(outline["result"]["isError"], false, "{outline}");
            let uses = server.call("find_references", json!({ "name": "retry_with_backoff" }));
            assert_eq!(uses["result"]["isError"], false, "{uses}");
        }
    });
    server.indexed();
    server.assert_search_works();
    assert!(server.close().success());
}

#[test]
fn workers_end_with_their_server_however_it_ends() {
    let repository = Repository::new();
    repository.write("bad.kt", HANGING_KOTLIN);
    let mut server = RawClient::initialized(&repository);
    let call = json!({ "name": "outline", "arguments": { "path": "bad.kt" } });
    let request = json!({ "jsonrpc": "2.0", "id": 77, "method": "tools/call", "params": call });
    server.send(request.to_string().as_bytes());
    let workers = poll_until(|| process_tree(server.id())[1..].to_vec(), |workers| !workers.is_empty());
    assert!(!workers.is_empty(), "no parser process was started");
    server.kill();
    let is_parser =
        |id: &u32| fs::read(format!("/proc/{id}/cmdline")).is_ok_and(|line| line.ends_with(b"parse-worker\0"));
    let left = poll_until(|| workers.iter().filter(|id| is_parser(id)).count(), |left| *left == 0);
    assert_eq!(left, 0, "a parser outlives its server");
}

/// Starts an index run whose parsers cannot be started.
fn spawn_without_parsers(project: &Project) -> Child {
    project.command(&["index", "--json"]).env("CODESCRY_PARSER", "/no/such/program").spawn().expect("it starts")
}

#[test]
fn without_parser_processes_known_faults_are_avoided_and_doctor_says_so() {
    let project = Project::empty();
    project.write("bad.rb", aborting_ruby());
    project.write("bad.kt", HANGING_KOTLIN);
    project.write("good.rs", "fn good_neighbour() {}\n");
    let index: RunOutput = spawn_without_parsers(&project).wait_with_output().expect("it ends").into();
    assert_eq!((index.code, &index.json()["files_indexed"]), (0, &3.into()), "{}", index.err);
    assert!(index.err.contains("/no/such/program"), "{}", index.err);
    let problems = problems(&project);
    assert_eq!(problems["bad.rb"], "the Ruby grammar is known to fail on this text; the file is split by lines");
    assert!(problems.contains_key("bad.kt") && problems.len() == 2, "{problems:?}");
    let mut doctor = project.command(&["doctor", "--json"]);
    let doctor: RunOutput = doctor.env("CODESCRY_PARSER", "/no/such/program").output().expect("it starts").into();
    let checks = doctor.json()["checks"].as_array().cloned().unwrap_or_default();
    let check = checks.iter().find(|check| check["name"] == "parsers").expect("a check");
    assert_eq!(check["state"], "warn", "{check}");
    let well = project.run(&["doctor", "--json"]).json();
    let check = well["checks"].as_array().and_then(|all| all.iter().find(|check| check["name"] == "parsers")).cloned();
    assert_eq!(check.map(|check| check["state"].clone()), Some("ok".into()), "{well}");
}
