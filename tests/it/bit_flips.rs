//! Flips single bits in every kind of file of an index: the program answers correctly, or says that the index is
//! damaged, and the next run repairs it. It never shows a wrong text as current.
//!
//! The flips are pseudo-random and the same in every run. `CODESCRY_TEST_FLIPS` overrides their number ([`FLIPS`]), and
//! `CODESCRY_TEST_SEED` their seed. `benches/python/bit_flips.py` does the same with a large index.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::support::cli::{Project, RunOutput, copy_folder};
use crate::support::mcp::{RawClient, Repository, poll_until};
use crate::support::random::{Xorshift, number};

/// The number of flips.
const FLIPS: u64 = 48;

/// The number of files in the folder. They have more chunks than an index without a snapshot cache may have.
const FILES: usize = 130;

/// The number of functions in a file; a chunk holds two of them.
const FUNCTIONS: usize = 40;

/// Queries in words, by name, by phrase, by snippet and by file name, so that every part of the index is read.
const QUERIES: [&str; 5] = [
    "compute the ledger of orchard 7",
    "settle_lantern_41_3",
    "\"let margin_12_5\"",
    "fn settle_orchard_88_2(base: u64) -> u64 {\n    let margin_88_2 = base.rotate_left(2);\n}",
    "part_64.rs",
];

/// A hit as the test compares it: path, first and last line.
type Place = (String, u64, u64);

/// An index to damage, and its answers while it is intact.
struct FlipFixture {
    project: Project,
    intact: PathBuf,
    answers: Vec<Vec<Place>>,
}

impl FlipFixture {
    fn new() -> Self {
        let project = Project::empty();
        for file in 0..FILES {
            project.write(&format!("src/part_{file}.rs"), source(file, "first"));
        }
        assert_eq!(project.run(&["index"]).code, 0);
        // A second run leaves deleted rows, a second fragment and a second segment.
        for file in (0..FILES).step_by(17) {
            project.write(&format!("src/part_{file}.rs"), source(file, "second"));
        }
        assert_eq!(project.run(&["index"]).code, 0);
        let intact = project.home().join("intact");
        copy_folder(&project.index_dir(), &intact);
        assert!(intact.join("resident").exists(), "there are enough chunks for a snapshot cache");
        let mut fixture = Self { project, intact, answers: Vec::new() };
        fixture.answers = fixture.ask().into_iter().map(|answer| answer.expect("an answer").0).collect();
        assert!(fixture.answers.iter().all(|places| !places.is_empty()));
        fixture
    }

    /// Puts the intact index back.
    fn restore(&self) {
        fs::remove_dir_all(self.project.index_dir()).expect("removed");
        copy_folder(&self.intact, &self.project.index_dir());
    }

    /// Asks all queries without an index run. Returns the places of each answer and whether it says that the index is
    /// damaged; an error's text if there is no answer.
    fn ask(&self) -> Vec<Result<(Vec<Place>, bool), String>> {
        let lines: Vec<String> = QUERIES.iter().map(|query| json!({ "query": query }).to_string()).collect();
        let ran = self.project.run_with(&["search", "--no-index", "--batch"], &lines.join("\n"));
        assert_no_crash(&ran);
        let answers: Vec<_> = ran.out.lines().map(|line| self.judge(line, &ran)).collect();
        // An index that cannot be opened at all ends the program with one error.
        if answers.is_empty() { QUERIES.iter().map(|_| Err(ran.err.clone())).collect() } else { answers }
    }

    /// Checks the texts of an answer against the files. Returns its places and whether it says that the index is
    /// damaged, or its error.
    fn judge(&self, line: &str, ran: &RunOutput) -> Result<(Vec<Place>, bool), String> {
        let answer: Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}\n{}", ran.err));
        if let Some(error) = answer["error"].as_str() {
            return Err(error.to_owned());
        }
        let hits = answer["results"].as_array().expect("results");
        let places = hits.iter().map(|hit| {
            let (path, text) = (hit["path"].as_str().expect("a path"), hit["text"].as_str().expect("a text"));
            let (start, end) = (hit["start_line"].as_u64().expect("a line"), hit["end_line"].as_u64().expect("a line"));
            let file = fs::read_to_string(self.project.root().join(path)).expect("a file of the folder");
            let lines: Vec<&str> = file.split('\n').collect();
            let current = lines[start as usize - 1..end as usize].join("\n");
            assert_eq!(hit["stale"], false, "{path} has not changed");
            assert_eq!(text, current, "a wrong text is shown as current: {path}:{start}-{end}");
            (path.to_owned(), start, end)
        });
        Ok((places.collect(), answer["notes"].to_string().contains("damaged")))
    }

    /// Checks the answers of a damaged index: each is right, or says that the index is damaged. Returns the number of
    /// answers that say so.
    fn check_damaged(&self, place: &str) -> usize {
        let mut told = 0;
        for ((answer, intact), query) in self.ask().into_iter().zip(&self.answers).zip(QUERIES) {
            match answer {
                Ok((places, is_told)) => {
                    assert!(is_told || places == *intact, "{place}: {query}: silently other results: {places:?}");
                    told += usize::from(is_told);
                }
                Err(error) => {
                    assert!(
                        error.contains("damaged") && error.contains("run `codescry index`"),
                        "{place}: {query}: {error}"
                    );
                    told += 1;
                }
            }
        }
        told
    }

    /// Repairs the index with a command, and checks that it is intact afterwards.
    fn repair(&self, place: &str, command: &[&str]) {
        let ran = self.project.run(command);
        assert_no_crash(&ran);
        assert_eq!(ran.code, 0, "{place}: {command:?}: {}", ran.err);
        if command[0] == "search" {
            // A search repairs only the damage that it meets.
            assert_eq!(self.project.run(&["index"]).code, 0, "{place}");
        }
        let status = self.project.run(&["status", "--json"]);
        assert!(status.code == 0 && status.json()["damage"].is_null(), "{place}: {}{}", status.out, status.err);
        assert_eq!(status.json()["coverage"]["files_indexed"], FILES, "{place}");
        self.check_intact(&format!("{place}: after {command:?}"));
    }

    /// Checks that no answer says that the index is damaged, and that each has as many hits as with the intact index,
    /// among them the best one. The scores may differ, because an index that was built again has no deleted rows, whose
    /// words count too.
    fn check_intact(&self, place: &str) {
        for (answer, intact) in self.ask().into_iter().zip(&self.answers) {
            let (places, is_told) = answer.unwrap_or_else(|error| panic!("{place}: {error}"));
            assert!(!is_told && places.len() == intact.len(), "{place}: {places:?}");
            assert!(places.contains(&intact[0]), "{place}: {:?} is not in {places:?}", intact[0]);
        }
    }
}

/// Returns the source of a file with many small functions; `state` is in each of them.
fn source(file: usize, state: &str) -> String {
    let fields = ["orchard", "harbor", "meadow", "quarry", "lantern"];
    let function = |at: usize| {
        let field = fields[(file + at) % fields.len()];
        format!(
            "/// Computes the {state} ledger of {field} {file}, step {at}, and settles what is left of it.\n\
             fn settle_{field}_{file}_{at}(base: u64) -> u64 {{\n    \
             let margin_{file}_{at} = base.rotate_left({at});\n    \
             let {state}_total = margin_{file}_{at} ^ {file};\n    \
             assert!({state}_total != base, \"the {field} of {file} is settled in step {at}\");\n    \
             {state}_total.wrapping_mul(margin_{file}_{at}).saturating_sub({at})\n}}\n\n"
        )
    };
    (0..FUNCTIONS).map(function).collect()
}

fn assert_no_crash(ran: &RunOutput) {
    assert!((0..=2).contains(&ran.code), "the program ended with {}: {}", ran.code, ran.err);
    for part in [".cargo/registry", "/rustc/", "rustup/toolchains"] {
        assert!(!ran.err.contains(part) && !ran.out.contains(part), "a path of the build machine: {}", ran.err);
    }
}

/// Returns the non-empty files below a folder, by kind.
fn files_by_kind(folder: &Path) -> BTreeMap<String, Vec<PathBuf>> {
    let (mut files, mut folders) = (BTreeMap::new(), vec![folder.to_owned()]);
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(next).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.metadata().expect("a file").len() > 0 {
                files.entry(kind_of(folder, &path)).or_insert_with(Vec::new).push(path);
            }
        }
    }
    files.values_mut().for_each(|paths| paths.sort());
    files
}

/// Returns the kind of a file: its path without the numbers and names that differ between indexes.
fn kind_of(folder: &Path, path: &Path) -> String {
    let path = path.strip_prefix(folder).expect("it is below").to_string_lossy().replace('\\', "/");
    let parts: Vec<&str> = path.split('/').collect();
    match parts[..] {
        ["data", table, part, _] => {
            format!("{} {part}", table.trim_end_matches(".lance").trim_end_matches(char::is_numeric))
        }
        [folder, _] => folder.to_owned(),
        _ => path,
    }
}

#[test]
#[cfg_attr(not(feature = "lance"), ignore = "needs an index that outlives its process")]
fn a_flipped_bit_shows_no_wrong_text_and_is_repaired() {
    let fixture = FlipFixture::new();
    let kinds = files_by_kind(&fixture.intact);
    for kind in ["manifest.json", "resident", "words", "chunks_ data", "chunks_ _versions", "chunks_ _deletions"] {
        assert!(kinds.contains_key(kind), "no file of the kind {kind}: {:?}", kinds.keys());
    }
    let mut random = Xorshift::seeded();
    let commands: [&[&str]; 3] = [&["index"], &["status"], &["search", QUERIES[0]]];
    let (names, mut told): (Vec<&String>, usize) = (kinds.keys().collect(), 0);
    for flip in 0..number("CODESCRY_TEST_FLIPS", FLIPS) as usize {
        // Every second flip is in the rows, which most of the bytes belong to.
        let kind = if flip % 2 == 0 { "chunks_ data" } else { names[flip / 2 % names.len()] };
        let file = random.one_of(&kinds[kind]).strip_prefix(&fixture.intact).expect("it is below").to_owned();
        let path = fixture.project.index_dir().join(&file);
        let mut bytes = fs::read(&path).expect("a file");
        let bit = random.below(bytes.len() * 8);
        bytes[bit / 8] ^= 1 << (bit % 8);
        fs::write(&path, bytes).expect("written");
        let place = format!("flip {flip}, bit {bit} of {}", file.display());
        told += fixture.check_damaged(&place);
        fixture.repair(&place, commands[flip % commands.len()]);
        fixture.restore();
    }
    assert!(told > 0, "no flip was noticed");
}

#[test]
#[cfg_attr(not(feature = "lance"), ignore = "needs an index that outlives its process")]
fn a_flipped_bit_in_the_vector_cache_costs_at_most_a_vector() {
    let fixture = FlipFixture::new();
    let vectors = fixture.project.home().join("vectors");
    let index = ["index", "--rebuild", "--json", "--cache-dir", vectors.to_str().expect("UTF-8")];
    assert_eq!(fixture.project.run(&index).code, 0);
    let intact = fixture.project.home().join("intact vectors");
    copy_folder(&vectors, &intact);
    let mut random = Xorshift::seeded();
    for _ in 0..6 {
        for (kind, files) in files_by_kind(&vectors) {
            let path = random.one_of(&files);
            let mut bytes = fs::read(path).expect("a file");
            let bit = random.below(bytes.len() * 8);
            bytes[bit / 8] ^= 1 << (bit % 8);
            fs::write(path, bytes).expect("written");
            let ran = fixture.project.run(&index);
            assert_no_crash(&ran);
            assert_eq!(ran.code, 0, "bit {bit} of {kind}: {}", ran.err);
            fixture.check_intact(&format!("bit {bit} of {kind}"));
            fs::remove_dir_all(&vectors).expect("removed");
            copy_folder(&intact, &vectors);
        }
    }
}

#[test]
#[cfg_attr(not(feature = "lance"), ignore = "needs an index that outlives its process")]
fn a_server_leaves_out_a_damaged_text_says_so_and_repairs_it() {
    let repository = Repository::new();
    let mut server = RawClient::initialized(&repository);
    server.indexed();
    server.assert_search_works();
    assert!(server.close().success());
    let (right, wrong) = (b"Check a login attempt", b"Bheck a login attempt");
    let is_damaged = files_by_kind(&repository.base()).into_values().flatten().any(|path| {
        let mut bytes = fs::read(&path).expect("a file");
        let at = bytes.windows(right.len()).position(|window| window == right);
        let Some(at) = at.filter(|_| path.extension().is_some_and(|extension| extension == "lance")) else {
            return false;
        };
        bytes[at] = wrong[0];
        fs::write(&path, bytes).is_ok()
    });
    assert!(is_damaged, "no data file has the text");

    let mut server = RawClient::initialized(&repository);
    let question = json!({ "query": "check a login attempt against the stored hash" });
    let mut search = || server.call("search_code", question.clone()).to_string();
    let first = poll_until(&mut search, |answer| !answer.contains("indexing has just started"));
    assert!(first.contains("damaged") && first.contains("index_project"), "{first}");
    let mut answers = vec![first];
    let is_repaired = |answer: &String| answer.contains("app/passwords.py") && !answer.contains("damaged");
    answers.push(poll_until(&mut search, is_repaired));
    assert!(is_repaired(&answers[1]), "{}", answers[1]);
    assert!(answers.iter().all(|answer| !answer.contains("Bheck")), "{answers:?}");
    let status = server.call("index_status", json!({})).to_string();
    assert!(!status.contains("damaged"), "{status}");
    assert!(server.close().success());
}
