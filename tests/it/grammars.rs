//! Fuzz test of every grammar, in parser processes of the real program: each text gets an answer, even if the
//! grammar crashes or hangs, and good texts are analyzed as before.
//!
//! The texts are mutants of the fixtures of each language and of the texts on which grammars have failed, pseudo-random
//! and the same in every run. `CODESCRY_TEST_MUTANTS` overrides their number for each language, and `CODESCRY_TEST_SEED`
//! their seed. `--nocapture` shows the table of outcomes.

use std::collections::BTreeMap;
use std::fs;
use std::ops::Range;
use std::path::Path;
use std::time::Duration;

use config::ParserProgram;
use platform::cancel::CancelToken;
use source::language::{all_languages, detect_language, language_grammar};
use source::parse::syntax::{SyntaxFacts, SyntaxProblem, SyntaxRequest, SyntaxTask};
use types::{Language, RepoPath};
use workers::{ParserPool, PoolOptions};

use crate::support::random::{Xorshift, damage, number};
use crate::support::tested_program;

/// Limit of a parser process, the same as for the other tests of the pool.
const MEMORY_BYTES: u64 = 256 << 20;

/// Maximum size of a mutant. Some grammars need a second for 80 kB.
const MAX_BYTES: usize = 24 << 10;

/// Number of texts that are sent in one batch.
const BATCH: usize = 16;

/// Texts on which grammars crashed, hung or took gigabytes: the language, and a unit with the number of repetitions.
const FOUND: &[(&str, &str, usize)] = &[
    ("ruby", "s <<\"hello world, this is text hello world, this is text hello world, this is text hello world, ", 4),
    ("kotlin", "val a = 1\n@", 1),
    ("java", "a<", 8_000),
    ("csharp", "a<", 8_000),
    ("cpp", "a<?,", 4_000),
    ("typescript", "a<b,", 4_000),
];

/// Outcomes of the mutants of one language.
type Outcomes = BTreeMap<&'static str, u64>;

/// Returns the fixtures of every language with a grammar.
fn fixtures() -> BTreeMap<&'static str, Vec<String>> {
    let mut texts: BTreeMap<&'static str, Vec<String>> = BTreeMap::new();
    let folders = Path::new(env!("CARGO_MANIFEST_DIR")).join("crates/source/fixtures");
    for folder in fs::read_dir(folders).expect("the fixtures").flatten() {
        for file in fs::read_dir(folder.path()).expect("a folder").flatten() {
            let path = RepoPath::new(file.file_name().into_string().expect("ASCII"));
            let Ok(text) = fs::read_to_string(file.path()) else { continue };
            let language = detect_language(&path, text.lines().next());
            if language_grammar(language).is_some() {
                texts.entry(language.0).or_default().push(text);
            }
        }
    }
    texts
}

/// Returns a mutant of one of the seeds: damaged, with a part repeated many times, or with a part of another one.
fn mutate(random: &mut Xorshift, seeds: &[String], others: &[&String]) -> String {
    let mut bytes = random.one_of(seeds).clone().into_bytes();
    let at = random.below(bytes.len().max(1));
    match random.below(4) {
        0 => {
            let unit = bytes[at..(at + 1 + random.below(12)).min(bytes.len())].to_vec();
            let times = random.below(MAX_BYTES / unit.len().max(1));
            bytes.splice(at..at, unit.repeat(times));
        }
        1 => {
            let other = random.one_of(others).as_bytes();
            let from = random.below(other.len().max(1));
            bytes.splice(at.., other[from..].iter().copied());
        }
        _ => {}
    }
    for _ in 0..=random.below(8) {
        damage(random, &mut bytes);
    }
    bytes.truncate(MAX_BYTES);
    String::from_utf8_lossy(&bytes).into_owned()
}

fn request(language: Language, text: &str, number: usize) -> SyntaxRequest<'_> {
    let task = match number % 4 {
        0 => SyntaxTask::Tokens,
        1 => SyntaxTask::References { name: "name" },
        _ => SyntaxTask::Definitions,
    };
    SyntaxRequest { language, text, task, time_limit: Duration::from_millis(500) }
}

/// Asserts that every range is in the text and between characters.
fn assert_fits(text: &str, facts: &SyntaxFacts) {
    let fits = |range: &Range<usize>| text.get(range.clone()).is_some();
    let definitions = facts.definitions.iter().flat_map(|found| [&found.node, &found.name]);
    let ranges = definitions.chain(facts.attachable.iter().map(|found| &found.range));
    for range in ranges.chain(facts.tokens.iter().map(|(range, _)| range)) {
        assert!(fits(range), "{range:?} is not in {text:?}");
    }
    assert!(facts.uses.iter().all(|found| text.is_char_boundary(found.at)), "{:?} in {text:?}", facts.uses);
    assert!(facts.line_depths.is_empty() || facts.line_depths.len() >= text.lines().count(), "{text:?}");
}

/// Analyzes texts in one batch.
fn analyze(pool: &ParserPool, requests: &[SyntaxRequest<'_>]) -> Vec<SyntaxFacts> {
    let mut found: Vec<Option<SyntaxFacts>> = vec![None; requests.len()];
    pool.lease_for_call().analyze(requests, &CancelToken::default(), &mut |index, facts| {
        assert!(found[index].replace(facts).is_none(), "text {index} is answered twice");
    });
    found.into_iter().map(|facts| facts.expect("every text is answered")).collect()
}

fn outcome_name(problem: Option<SyntaxProblem>) -> &'static str {
    match problem {
        None => "analyzed",
        Some(SyntaxProblem::MuchUnparsed { .. }) => "much unparsed",
        Some(SyntaxProblem::NamesCut { .. }) => "names cut",
        Some(SyntaxProblem::TimedOut) => "timed out",
        Some(SyntaxProblem::UnusableGrammar) => "no grammar",
        Some(SyntaxProblem::KnownScannerFault) => "known fault",
        Some(SyntaxProblem::TooLarge) => "too large",
        Some(SyntaxProblem::Fault(fault)) => match format!("{fault:?}").as_str() {
            "Crashed" => "crashed",
            "Hung" => "hung",
            "OutOfMemory" => "out of memory",
            "DamagedAnswer" => "damaged answer",
            "Late" => "late",
            "Killed" => "killed",
            _ => "not started",
        },
    }
}

/// Returns the largest resident memory that a process had, in bytes; `None` once it has ended.
fn peak_memory_bytes(id: u32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{id}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix(" kB")?.trim().parse::<u64>().ok().map(|kilobytes| kilobytes << 10)
}

#[test]
#[expect(clippy::print_stderr, reason = "the table of outcomes, which is shown with --nocapture")]
fn damaged_sources_of_every_language_are_answered_and_stop_no_parser() {
    let pool = ParserPool::new(PoolOptions {
        program: ParserProgram::Program(tested_program().into()),
        memory_bytes: MEMORY_BYTES,
        run_workers: 2,
        index_dir: None,
    });
    let fixtures = fixtures();
    let grammars = all_languages().filter(|row| language_grammar(Language(row.name)).is_some());
    let without: Vec<&str> = grammars.map(|row| row.name).filter(|name| !fixtures.contains_key(name)).collect();
    assert!(without.is_empty(), "no fixture for {without:?}");
    let all: Vec<&String> = fixtures.values().flatten().collect();
    let mutants = number("CODESCRY_TEST_MUTANTS", 32) as usize;
    let mut random = Xorshift::seeded();
    let mut table: BTreeMap<&str, Outcomes> = BTreeMap::new();
    for (name, texts) in &fixtures {
        let language = Language(name);
        let good = request(language, &texts[0], 2);
        let before = analyze(&pool, &[good]);
        let found = FOUND.iter().filter(|(known, ..)| known == name);
        let mut seeds = texts.clone();
        seeds.extend(found.map(|(_, unit, times)| unit.repeat(*times)));
        let outcomes = table.entry(name).or_default();
        for first in (0..mutants).step_by(BATCH) {
            let batch: Vec<String> =
                (first..mutants.min(first + BATCH)).map(|_| mutate(&mut random, &seeds, &all)).collect();
            let requests: Vec<_> =
                batch.iter().enumerate().map(|(at, text)| request(language, text, first + at)).collect();
            for (text, facts) in batch.iter().zip(analyze(&pool, &requests)) {
                assert_fits(text, &facts);
                let outcome = outcome_name(facts.problem);
                let count = outcomes.entry(outcome).or_default();
                *count += 1;
                if *count == 1 && facts.problem.is_some() {
                    seeds.push(text.clone());
                }
            }
            // The limit is on data; the program's own code and tables come on top.
            for peak in pool.process_ids().into_iter().filter_map(peak_memory_bytes) {
                assert!(peak < MEMORY_BYTES + (160 << 20), "a parser took {peak} bytes ({name})");
            }
        }
        assert_eq!(analyze(&pool, &[good]), before, "{name} after its mutants");
    }
    for (name, outcomes) in &table {
        eprintln!("{name}: {outcomes:?}");
        let failed = ["not started", "no grammar", "damaged answer"];
        assert!(failed.iter().all(|outcome| !outcomes.contains_key(outcome)), "{name}: {outcomes:?}");
    }
}
