//! Tests that kill index runs at random instants: no file is lost or half indexed.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use store::inverted_index::{self, ChunkField, ScoredPosting};
use store::lance::LanceStore;
use store::{ChunkStore as _, StoreView, StoredChunk};
use types::FileOutcome;

use crate::support::cli::Project;

/// The default number of kills of first runs, overridden by `CODESCRY_TEST_KILLS`. Half as many updates are killed.
const KILLS: u32 = 24;

/// Arguments of an index run with so little memory that it commits many times.
const INDEX: [&str; 5] = ["index", "--max-memory", "128MiB", "--embedder", "synthetic:40000"];

/// The content of an index: for each path, the file's hash and outcome, and its chunks with all their searchable
/// data.
type Content = BTreeMap<String, (String, Vec<String>)>;

#[test]
fn a_killed_first_run_leaves_whole_files_and_can_be_completed() {
    let project = corpus();
    let whole_run = complete(&project);
    let undisturbed = content(&project);
    assert!(undisturbed.values().all(|(_, chunks)| chunks.iter().any(|chunk| chunk.ends_with(" 1 times by its name"))));
    let mut random = Xorshift(0x5eed);
    let wanted = wanted();
    let (mut kills, mut torn_runs) = (0, 0);
    while kills < wanted {
        std::fs::remove_dir_all(project.index_dir()).expect("an index to remove");
        loop {
            let killed = kill(&project, &whole_run, &mut random);
            kills += u32::from(killed);
            let found = content(&project);
            torn_runs += u32::from(killed && !found.is_empty() && found.len() < undisturbed.len());
            for (path, file) in &found {
                assert_eq!(Some(file), undisturbed.get(path), "half of {path} after kill {kills}");
            }
            if random.share() < 0.5 {
                break;
            }
        }
        complete(&project);
        let ended = content(&project);
        assert!(ended == undisturbed, "after kill {kills} the index is not what it would have been");
    }
    assert!(torn_runs >= wanted / 4, "only {torn_runs} kills met a run with a part committed");
}

#[test]
fn a_killed_update_leaves_each_file_in_its_old_or_new_state() {
    let project = corpus();
    complete(&project);
    let (before, saved) = (content(&project), project.home().join("saved"));
    copy(&project.index_dir(), &saved);
    let line = "    let value = compute(first, second, third);\n".repeat(200);
    for at in 0..2_400 {
        let path = format!("src/module_{}/part_{at}.rs", at % 40);
        match at % 5 {
            // This rewrites enough files for several commits.
            0 | 3 => project.write(&path, format!("fn rewritten_{at}() {{\n{line}}}\n")),
            1 => project.remove(&path),
            2 => project.rename(&path, &format!("src/moved/part_{at}.rs")),
            _ => {}
        }
    }
    let whole_run = complete(&project);
    let after = content(&project);
    assert!(after.len() == 1_920 && after != before);
    let mut random = Xorshift(0xdead);
    let (mut kills, mut torn_runs) = (0, 0);
    while kills < wanted() / 2 {
        std::fs::remove_dir_all(project.index_dir()).expect("an index to remove");
        copy(&saved, &project.index_dir());
        kills += u32::from(kill(&project, &whole_run, &mut random));
        let found = content(&project);
        torn_runs += u32::from(found != before && found != after);
        for (path, file) in &found {
            let is_whole = [before.get(path), after.get(path)].contains(&Some(file));
            assert!(is_whole, "half of {path} after kill {kills}");
        }
        for (path, file) in &before {
            let is_kept = found.contains_key(path) || after.get(path) != Some(file);
            assert!(is_kept, "{path} is lost after kill {kills}");
        }
        complete(&project);
        assert!(content(&project) == after, "after kill {kills} the index is not what it would have been");
    }
    assert!(torn_runs >= wanted() / 8, "only {torn_runs} kills met a run with a part committed");
}

/// Returns the number of kills of first runs.
fn wanted() -> u32 {
    std::env::var("CODESCRY_TEST_KILLS").ok().and_then(|kills| kills.parse().ok()).unwrap_or(KILLS)
}

/// Copies a folder recursively.
fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("a folder");
    for entry in std::fs::read_dir(from).expect("a folder") {
        let (path, to) = entry.map(|entry| (entry.path(), to.join(entry.file_name()))).expect("an entry");
        if path.is_dir() {
            copy(&path, &to);
        } else {
            std::fs::copy(&path, &to).expect("a file");
        }
    }
}

/// Creates a project with files of many sizes. An index run with the memory limit of [`INDEX`] commits several times.
fn corpus() -> Project {
    let project = Project::empty();
    let note = "/// Says nothing, at length, so that memory is soon full of what waits for a commit.\n".repeat(60);
    for at in 0..2_400 {
        let body =
            format!("    let total_{at} = values.iter().map(|value| value * {at}).sum::<u64>();\n").repeat(at % 60 + 1);
        let text =
            format!("/// Adds up part {at}.\n{note}fn part_{at}(values: &[u64]) -> u64 {{\n{body}    total_{at}\n}}\n");
        project.write(&format!("src/module_{}/part_{at}.rs", at % 40), text);
    }
    project
}

/// The duration and number of commits of an undisturbed run.
struct WholeRun {
    time: Duration,
    commits: u64,
}

/// Runs `codescry index` until it exits.
fn complete(project: &Project) -> WholeRun {
    let (begun, before) = (Instant::now(), generation(project));
    let done = project.run(&INDEX);
    assert_eq!(done.code, 0, "{}", done.err);
    WholeRun { time: begun.elapsed(), commits: generation(project) - before }
}

/// Starts an index run and kills it, either at a random instant or soon after a commit that is not the last.
/// Returns false if the run exited before.
fn kill(project: &Project, whole_run: &WholeRun, random: &mut Xorshift) -> bool {
    let (is_by_commit, at, delay) = (random.share() < 0.5, random.share(), random.share());
    let commits = whole_run.commits.saturating_sub(1);
    assert!(commits > 2, "a run commits too seldom to be killed between commits");
    let nth = 1 + (at * (commits - 1) as f64) as u64;
    let before = generation(project);
    let mut child = project.command(&INDEX).stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("it starts");
    let mut since = Instant::now();
    let time = if is_by_commit { whole_run.time / commits as u32 } else { whole_run.time }.mul_f64(delay * 1.1);
    let mut waits_for_commit = is_by_commit;
    while (waits_for_commit || since.elapsed() < time) && child.try_wait().expect("it is there").is_none() {
        if waits_for_commit && generation(project) >= before + nth {
            (waits_for_commit, since) = (false, Instant::now());
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    let killed = child.try_wait().expect("it is there").is_none();
    child.kill().expect("it can be killed, or has ended");
    child.wait().expect("it ends");
    killed
}

/// Returns the generation number of the index; 0 before the first commit.
fn generation(project: &Project) -> u64 {
    let store = LanceStore::open(&project.index_dir(), project.root()).expect("the index opens");
    store.generation_number().expect("the manifest is readable")
}

/// Returns the content of the index; empty before the first commit.
fn content(project: &Project) -> Content {
    read(&project.index_dir(), project.root()).unwrap_or_else(|error| panic!("the index does not open: {error}"))
}

fn read(dir: &Path, root: &Path) -> Result<Content, store::StoreError> {
    let Some(view) = LanceStore::open(dir, root)?.view()? else {
        return Ok(Content::new());
    };
    let mut content = Content::new();
    let mut expected = BTreeMap::new();
    for file in view.files()? {
        if let FileOutcome::Indexed { chunks, .. } = file.content.outcome {
            expected.insert(file.path.to_string(), chunks as usize);
        }
        content
            .insert(file.path.to_string(), (format!("{} {:?}", file.content.hash, file.content.outcome), Vec::new()));
    }
    let chunks = view.chunks()?;
    let texts = view.chunk_texts(&chunks.iter().map(|chunk| chunk.row).collect::<Vec<_>>())?;
    for (mut chunk, text) in chunks.into_iter().zip(texts) {
        let named = format!("{} times by its name", found_by_name(view.as_ref(), &chunk));
        (chunk.row, chunk.number) = (0, 0); // they count appends
        let file = content.get_mut(chunk.path.as_str()).expect("a chunk's file has a record");
        file.1.push(format!("{chunk:?} {text:?} {named}"));
    }
    for (path, chunks) in expected {
        assert_eq!(content[&path].1.len(), chunks, "{path} has not the chunks that its record says");
    }
    Ok(content)
}

/// Returns how often the inverted index lists this chunk under the name that the chunk defines.
fn found_by_name(view: &dyn StoreView, chunk: &StoredChunk) -> usize {
    let (words, mut found) = (view.inverted_index(), 0);
    let name = inverted_index::hash_term(&chunk.symbol.replace('_', ""));
    let count = |matched: ScoredPosting| {
        let number = words.segments()[matched.segment].docs()[matched.ordinal as usize];
        found += usize::from(number == chunk.number && matched.counts.count(ChunkField::Name) > 0.0);
    };
    words.score_postings(name, count).expect("the words are readable");
    found
}

/// A pseudo-random generator (xorshift64*) with the same sequence in every run.
struct Xorshift(u64);

impl Xorshift {
    fn share(&mut self) -> f64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 11) as f64 / (1_u64 << 53) as f64
    }
}
