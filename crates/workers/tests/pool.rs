//! Tests of the pool with workers that fail.
#![cfg(unix)]

use std::collections::BTreeMap;
use std::fs;
use std::io::{Read as _, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use codescry_workers::{ParserPool, PoolOptions, PoolState, WorkerSetup, encode_request, write_frame, write_header};
use config::ParserProgram;
use engine::{Engine, IndexRequest, Options, QueryCalls as _, SearchQuery, Settings};
use platform::cancel::CancelToken;
use source::parse::syntax::{ParserFault, SyntaxFacts, SyntaxProblem, SyntaxRequest, SyntaxTask};
use types::Language;

/// The worker that fails on markers.
const FAULTY: &str = env!("CARGO_BIN_EXE_faulty-parse-worker");

const GOOD: &str = "/// Adds.\nfn add(a: u32) -> u32 {\n    a + 1\n}\n";

fn pool(program: &str, index_dir: Option<&Path>) -> ParserPool {
    ParserPool::new(PoolOptions {
        program: ParserProgram::Program(program.into()),
        memory_bytes: 256 << 20,
        run_workers: 2,
        index_dir: index_dir.map(Path::to_owned),
    })
}

fn request(text: &str) -> SyntaxRequest<'_> {
    SyntaxRequest {
        language: Language("rust"),
        text,
        task: SyntaxTask::Definitions,
        time_limit: Duration::from_millis(1_000),
    }
}

/// Analyzes texts in one batch.
fn analyze(pool: &ParserPool, texts: &[String]) -> Vec<SyntaxFacts> {
    let requests: Vec<_> = texts.iter().map(|text| request(text)).collect();
    let mut found: Vec<Option<SyntaxFacts>> = vec![None; texts.len()];
    pool.lease_for_call().analyze(&requests, &CancelToken::default(), &mut |index, facts| {
        assert!(found[index].replace(facts).is_none(), "text {index} is answered twice");
    });
    found.into_iter().map(|facts| facts.expect("every text is answered")).collect()
}

fn bad(fault: &str) -> String {
    format!("// FAULT:{fault}\n{GOOD}")
}

fn fault_of(facts: &SyntaxFacts) -> Option<ParserFault> {
    match facts.problem {
        None => None,
        Some(SyntaxProblem::Fault(fault)) => Some(fault),
        Some(other) => panic!("another problem: {other:?}"),
    }
}

/// Markers in texts, and the faults that they cause.
const FAULTS: [(&str, ParserFault); 11] = [
    ("abort", ParserFault::Crashed),
    ("panic", ParserFault::Crashed),
    ("exit", ParserFault::Crashed),
    ("stderr", ParserFault::Crashed),
    ("spin", ParserFault::Hung),
    ("explode", ParserFault::OutOfMemory),
    ("garbage", ParserFault::DamagedAnswer),
    ("flood", ParserFault::DamagedAnswer),
    ("number", ParserFault::DamagedAnswer),
    ("outside", ParserFault::DamagedAnswer),
    // It ended as an idle worker ends, so the text is not to blame.
    ("end", ParserFault::Killed),
];

#[test]
fn each_fault_costs_its_text_and_no_other() {
    let index = tempfile::tempdir().expect("a folder");
    let mut texts = vec![GOOD.to_owned()];
    for (name, _) in FAULTS {
        texts.extend([bad(name), format!("{GOOD}// {name}\n")]);
    }
    // A long text on which the parser hangs is tried again, a short one is not.
    texts.extend([bad("spin") + &"// more\n".repeat(4_000), GOOD.to_owned()]);
    let isolated = pool(FAULTY, Some(index.path()));
    for (text, facts) in texts.iter().zip(analyze(&isolated, &texts)) {
        let expected = FAULTS.iter().find(|(name, _)| text.starts_with(&format!("// FAULT:{name}\n")));
        assert_eq!(fault_of(&facts), expected.map(|(_, fault)| *fault), "{text}");
        assert_eq!(facts.definitions.len(), usize::from(expected.is_none()), "{text}");
    }
    // Another process knows what failed, and tries none of it: this one could not even start a worker.
    let other = pool("/bin/false", Some(index.path()));
    for (name, fault) in FAULTS.iter().filter(|(_, fault)| ParserFault::LASTING.contains(fault)) {
        assert_eq!(fault_of(&analyze(&other, &[bad(name)])[0]), Some(*fault), "{name}");
    }
    assert_eq!(fault_of(&analyze(&other, &[GOOD.to_owned()])[0]), None);
}

#[test]
fn an_answer_in_halves_is_not_used() {
    let facts = analyze(&pool(FAULTY, None), &[bad("half"), GOOD.to_owned()]);
    assert!(fault_of(&facts[0]).is_some());
    assert_eq!(fault_of(&facts[1]), None);
}

#[test]
fn a_late_answer_is_used() {
    assert_eq!(fault_of(&analyze(&pool(FAULTY, None), &[bad("delay")])[0]), None);
}

#[test]
fn a_sleeping_worker_is_ended_and_holds_up_nothing_else() {
    let index = tempfile::tempdir().expect("a folder");
    let isolated = pool(FAULTY, Some(index.path()));
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        let hanging = scope.spawn(|| {
            let facts = analyze(&isolated, &[bad("sleep")]);
            done.store(true, Ordering::Release);
            facts
        });
        let mut answered = 0;
        while !done.load(Ordering::Acquire) {
            assert_eq!(fault_of(&analyze(&isolated, &[GOOD.to_owned()])[0]), None);
            answered += 1;
        }
        assert!(answered > 10, "{answered} texts were answered while one hung");
        assert_eq!(fault_of(&hanging.join().expect("no panic")[0]), Some(ParserFault::Late));
    });
    // A text whose parser did not even compute is not to blame.
    assert_eq!(fault_of(&analyze(&pool("/bin/false", Some(index.path())), &[bad("sleep")])[0]), None);
}

#[test]
fn a_cancelled_batch_ends_while_the_worker_hangs() {
    let (pool, cancel) = (pool(FAULTY, None), CancelToken::default());
    let (text, canceller) = (bad("sleep"), cancel.clone());
    let mut answered = 0;
    pool.lease_for_call().analyze(&[request(GOOD), request(&text)], &cancel, &mut |_, _| {
        answered += 1;
        canceller.cancel();
    });
    assert_eq!(answered, 1);
    assert_eq!(fault_of(&analyze(&pool, &[GOOD.to_owned()])[0]), None);
}

#[test]
#[cfg(target_os = "linux")]
fn a_worker_can_open_no_file_and_start_nothing() {
    let pool = pool(FAULTY, None);
    assert_eq!(pool.probe(), PoolState::Isolated { has_memory_limit: true, is_confined: true });
    assert_eq!(fault_of(&analyze(&pool, &[bad("escape")])[0]), None);
}

#[test]
fn without_a_worker_texts_are_parsed_in_this_process() {
    for program in ["/no/such/program", "/bin/true", "/bin/false"] {
        let pool = pool(program, None);
        assert_eq!(fault_of(&analyze(&pool, &[GOOD.to_owned()])[0]), None, "{program}");
        assert!(matches!(pool.probe(), PoolState::InProcess { reason } if reason.contains(program)), "{program}");
    }
    let long = "x".repeat(300);
    let text = format!("s <<\"{long}\"\n");
    let mut found = None;
    let ruby = SyntaxRequest { language: Language("ruby"), ..request(&text) };
    ParserPool::in_process()
        .lease_for_call()
        .analyze(&[ruby], &CancelToken::default(), &mut |_, facts| found = Some(facts));
    assert_eq!(found.expect("an answer").problem, Some(SyntaxProblem::KnownScannerFault));
}

#[test]
fn workers_that_others_kill_are_replaced() {
    let (pool, done) = (pool(FAULTY, None), AtomicBool::new(false));
    let texts: Vec<String> = (0..400).map(|number| format!("fn f{number}() {{}}\n{}", GOOD.repeat(20))).collect();
    thread::scope(|scope| {
        scope.spawn(|| {
            let mut turn = 0;
            while !done.load(Ordering::Acquire) {
                let ids = pool.process_ids();
                if let Some(id) = ids.get(turn % ids.len().max(1)) {
                    // The process may have ended by itself.
                    _ = Command::new("kill").args(["-9", &id.to_string()]).stderr(Stdio::null()).status();
                }
                turn += 1;
                thread::sleep(Duration::from_millis(15));
            }
        });
        for _ in 0..5 {
            for (number, facts) in analyze(&pool, &texts).iter().enumerate() {
                // Killed three times in a row, a text is given up.
                match fault_of(facts) {
                    None => assert_eq!(facts.definitions.len(), 21, "text {number}"),
                    Some(fault) => {
                        assert!([ParserFault::Killed, ParserFault::NotStarted].contains(&fault), "{fault:?}")
                    }
                }
            }
        }
        done.store(true, Ordering::Release);
    });
    let facts = analyze(&pool, &texts);
    assert!(facts.iter().all(|facts| fault_of(facts).is_none()), "nothing is held against the texts");
}

/// Starts a worker whose input is under the test's control.
fn start_worker() -> std::process::Child {
    let pipes = Command::new(FAULTY).arg("parse-worker").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
    pipes.expect("the worker starts")
}

/// Returns the start of a worker's input, with one request.
fn opening(text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    write_header(&mut bytes).expect("written");
    write_frame(&mut bytes, &WorkerSetup { memory_bytes: 64 << 20 }.encode()).expect("written");
    write_frame(&mut bytes, &encode_request(0, &request(text))).expect("written");
    bytes
}

#[test]
fn a_worker_ends_with_its_input_even_while_its_parser_loops() {
    for fault in ["spin", "sleep"] {
        let mut worker = start_worker();
        let mut stdin = worker.stdin.take().expect("a pipe");
        stdin.write_all(&opening(&bad(fault))).expect("it reads");
        let mut greeting = [0; 16 + 8 + 1];
        worker.stdout.as_mut().expect("a pipe").read_exact(&mut greeting).expect("a greeting");
        drop(stdin);
        let status = worker.wait().expect("it ends");
        assert_eq!(status.code(), Some(0), "{fault}");
    }
}

#[test]
fn a_worker_refuses_what_is_no_request() {
    let valid = opening(GOOD);
    let mut random = 0x5eed_u64;
    for round in 0..60 {
        let mut bytes = valid.clone();
        for _ in 0..=round % 4 {
            random = random.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(0x1405_7b7e_f767_814f);
            let at = (random >> 33) as usize % bytes.len();
            match round % 3 {
                0 => bytes[at] ^= 1 << (random % 8),
                1 => bytes.insert(at, random as u8),
                _ => bytes.truncate(at.max(1)),
            }
        }
        let mut worker = start_worker();
        let mut stdin = worker.stdin.take().expect("a pipe");
        // It may end before it has read everything.
        _ = stdin.write_all(&bytes);
        drop(stdin);
        let output = worker.wait_with_output().expect("it ends");
        assert!(matches!(output.status.code(), Some(0 | 76)), "round {round}: {:?}", output.status);
    }
}

/// File extensions, and the mark that begins a comment in each language.
const COMMENTED: [(&str, &str); 8] = [
    ("rb", "# "),
    ("kt", "// "),
    ("java", "// "),
    ("ts", "// "),
    ("cpp", "// "),
    ("cs", "// "),
    ("py", "# "),
    ("go", "// "),
];

#[test]
fn a_folder_with_files_that_abort_hang_and_explode_is_indexed() {
    let folder = tempfile::tempdir().expect("a folder");
    let root = folder.path().join("code");
    fs::create_dir_all(&root).expect("a folder");
    for number in 0..2_000 {
        let text = format!("/// Part {number}.\nfn unit_number_{number}(a: u32) -> u32 {{\n    a + {number}\n}}\n");
        fs::write(root.join(format!("good_{number}.rs")), text).expect("a file");
    }
    let mut expected = BTreeMap::new();
    for (extension, comment) in COMMENTED {
        for (fault, said) in [("abort", "crashed"), ("spin", "hung"), ("explode", "needed more memory")] {
            let name = format!("bad_{fault}.{extension}");
            fs::write(root.join(&name), format!("{comment}FAULT:{fault}\n{comment}word_of_{fault}_{extension}\n"))
                .expect("a file");
            expected.insert(name, said);
        }
    }
    let options = Options {
        path: Some(root),
        index_dir: Some(folder.path().join("index")),
        max_cache_bytes: Some(0),
        pipeline: config::PipelineOptions {
            parser_program: Some(ParserProgram::Program(FAULTY.into())),
            max_memory_bytes: Some(512 << 20),
            ..Default::default()
        },
        ..Options::default()
    };
    fs::create_dir_all(folder.path().join("index")).expect("a folder");
    // The second start remembers only what failed.
    for start in 0..2 {
        let engine = Engine::open(Settings::resolve(&options).expect("settings")).expect("an engine");
        let request = IndexRequest { rebuild: true, ..IndexRequest::default() };
        let report = engine.index(&request, &CancelToken::default(), &|_| ()).expect("indexed");
        assert_eq!(report.files_indexed, 2_000 + expected.len() as u64, "start {start}");
        let status = engine.status().expect("a status");
        let problems: BTreeMap<_, _> =
            status.problems.into_iter().map(|(path, problem)| (path.to_string(), problem)).collect();
        assert_eq!(problems.len(), expected.len(), "{problems:?}");
        for (name, said) in &expected {
            assert!(problems[name].contains(said), "{name}: {}", problems[name]);
        }
        let find = |text: String| {
            let query = SearchQuery { text, limit: 1, ..SearchQuery::default() };
            let answer = engine.search(&query, &CancelToken::default()).expect("an answer");
            answer.hits.first().map(|hit| hit.path.to_string())
        };
        for number in (0..2_000).step_by(97) {
            assert_eq!(find(format!("unit_number_{number}")), Some(format!("good_{number}.rs")));
        }
        for (extension, _) in COMMENTED {
            let name = format!("bad_abort.{extension}");
            assert_eq!(find(format!("word_of_abort_{extension}")), Some(name.clone()), "it is found by its lines");
            let outline = engine.outline(&name).expect("an outline");
            assert!(outline.problem.is_some_and(|problem| problem.contains("crashed")), "{name}");
        }
    }
}
