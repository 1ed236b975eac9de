//! `codescry bench`: what each setting of the pipeline is worth on a folder.
//!
//! Every run is a process of its own, with an index and a cache of vectors of its own in a folder that is
//! removed after it, so that neither memory nor caches carry over. Must never import: anything of this crate but
//! `engine`.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, bail};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::arguments::{BenchCommand, OnceArguments, PipelineBenchArguments, Shared};
use super::interrupts::Interrupts;
use super::printer::{self, Printer};
use super::{Exit, text, wire};
use crate::engine::Engine;

/// Runs the command.
///
/// # Errors
/// When a run fails.
pub fn run(shared: &Shared, what: &BenchCommand) -> anyhow::Result<Exit> {
    match what {
        BenchCommand::Pipeline(given) => pipeline(shared, given),
        BenchCommand::Passages { path } => passages(shared, path),
        BenchCommand::Once(given) => once(shared, given),
    }
}

fn passages(shared: &Shared, path: &Path) -> anyhow::Result<Exit> {
    let engine = Engine::open(shared.settings(Some(path))?)?;
    let mut printer = Printer::new();
    for passage in engine.passages()? {
        printer.line(&serde_json::to_string(&passage)?)?;
    }
    printer.finish()?;
    Ok(Exit::Done)
}

fn once(shared: &Shared, given: &OnceArguments) -> anyhow::Result<Exit> {
    let engine = Engine::open(shared.settings(Some(&given.path))?)?;
    let interrupts = Interrupts::watch()?;
    let report = interrupts.during(|cancel| engine.bench(given.kind.into(), cancel))?;
    let mut printer = Printer::new();
    printer.json(&wire::Report::new(engine.root(), &report))?;
    printer.finish()?;
    Ok(Exit::Done)
}

/// One way to index: what is compared.
struct Way {
    name: &'static str,
    kind: &'static str,
    flags: &'static [&'static str],
}

/// In the order of the table: what there is to reach, the whole, each remedy left out, and what
/// all of this is compared with.
const WAYS: &[Way] = &[
    Way { name: "tree-sitter alone", kind: "tree-sitter-alone", flags: &[] },
    Way { name: "walk, read, parse alone", kind: "parse-alone", flags: &[] },
    Way { name: "pipeline", kind: "pipeline", flags: &[] },
    Way { name: "… workers renewed per batch", kind: "renewed-parsers", flags: &[] },
    Way { name: "… one parse worker", kind: "pipeline", flags: &["--parse-workers=1"] },
    Way { name: "… one embed worker", kind: "pipeline", flags: &["--embed-workers=1"] },
    Way { name: "… queue depth 2", kind: "pipeline", flags: &["--queue-depth=2"] },
    Way { name: "… file batch 1", kind: "pipeline", flags: &["--file-batch=1"] },
    Way { name: "… file batch 64", kind: "pipeline", flags: &["--file-batch=64"] },
    Way { name: "… 1 producer", kind: "pipeline", flags: &["--producers=1"] },
    Way { name: "… 4 producers", kind: "pipeline", flags: &["--producers=4"] },
    Way { name: "… everything parsed first", kind: "pipeline", flags: &["--preparse"] },
    Way { name: "… embed batch 16", kind: "pipeline", flags: &["--embed-batch=16"] },
    Way { name: "… embed batch 256", kind: "pipeline", flags: &["--embed-batch=256"] },
    Way { name: "one batch after another", kind: "serial-batches", flags: &[] },
];

/// What a run reported, of all that `index --json` has.
#[derive(Clone, Debug, Deserialize)]
struct Ran {
    seconds: f64,
    files_indexed: u64,
    chunks: u64,
    peak_memory_bytes: u64,
    stages: Vec<Stage>,
}

#[derive(Clone, Debug, Deserialize)]
struct Stage {
    stage: String,
    threads: usize,
    busy_seconds: f64,
    waiting_for_input_seconds: f64,
    waiting_for_output_seconds: f64,
}

/// A way with its runs.
#[derive(Serialize)]
struct Row {
    name: &'static str,
    /// As `index --json` prints them; a refusal instead where the way cannot be taken.
    runs: Vec<Value>,
}

fn pipeline(shared: &Shared, given: &PipelineBenchArguments) -> anyhow::Result<Exit> {
    let settings = shared.settings(given.path.as_deref())?;
    let wanted =
        |at: usize, way: &Way| at == 0 || given.only.as_ref().is_none_or(|only| way.name.contains(only.as_str()));
    let ways: Vec<&Way> = WAYS.iter().enumerate().filter(|(at, way)| wanted(*at, way)).map(|(_, way)| way).collect();
    let mut rows: Vec<Row> = ways.iter().map(|way| Row { name: way.name, runs: Vec::new() }).collect();
    let scratch = Scratch::new()?;
    // A Ctrl-C ends the run of the moment, which is in the same group of processes, and then this.
    let is_over = Interrupts::watch()?.during(|stop| -> anyhow::Result<bool> {
        for round in 0..given.rounds {
            for (way, row) in ways.iter().zip(&mut rows) {
                if !shared.quiet {
                    printer::note(&format!("round {} of {}: {}", round + 1, given.rounds, way.name));
                }
                let run = child(shared, settings.root.as_path(), way, &scratch);
                if stop.is_cancelled() {
                    return Ok(false);
                }
                row.runs.push(run?);
            }
        }
        Ok(true)
    })?;
    if !is_over {
        return Ok(Exit::Interrupted);
    }
    let mut printer = Printer::new();
    if given.json {
        printer.json(&rows)?;
    } else {
        for line in table(&rows) {
            printer.line(&line)?;
        }
    }
    printer.finish()?;
    Ok(Exit::Done)
}

/// A folder for indexes that are not kept.
struct Scratch(PathBuf);

impl Scratch {
    fn new() -> anyhow::Result<Self> {
        let folder = std::env::temp_dir().join(format!("codescry-bench-{}", std::process::id()));
        std::fs::create_dir(&folder).with_context(|| format!("cannot create {}", folder.display()))?;
        Ok(Self(folder))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        _ = std::fs::remove_dir_all(&self.0);
    }
}

/// One run in a process of its own.
fn child(shared: &Shared, root: &Path, way: &Way, scratch: &Scratch) -> anyhow::Result<Value> {
    let [index, cache] = ["index", "cache"].map(|name| scratch.0.join(name));
    [&index, &cache].into_iter().for_each(|folder| _ = std::fs::remove_dir_all(folder));
    let mut command = Command::new(std::env::current_exe().context("cannot tell this program's own file")?);
    command.args(["bench", "once", "--kind", way.kind]).args(flags(shared, way));
    command.arg("--index-dir").arg(&index).arg("--cache-dir").arg(&cache).arg("--").arg(root).stdin(Stdio::null());
    let output = command.output().context("cannot start a run")?;
    if output.status.success() {
        return Ok(serde_json::from_slice(&output.stdout)?);
    }
    let message = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    if message.contains("--preparse") {
        return Ok(serde_json::json!({ "refused": message }));
    }
    bail!("the run \"{}\" failed: {}", way.name, text::visible(&message))
}

/// What the caller said, unless the way says otherwise, and what the way says.
fn flags(shared: &Shared, way: &Way) -> Vec<String> {
    let name = |flag: &str| flag.split('=').next().unwrap_or_default().to_owned();
    let ours: Vec<String> = way.flags.iter().map(|flag| (*flag).to_owned()).collect();
    let theirs = shared.index_flags().into_iter().filter(|flag| !ours.iter().any(|own| name(own) == name(flag)));
    theirs.chain(ours.iter().cloned()).collect()
}

fn table(rows: &[Row]) -> Vec<String> {
    let mut lines = vec![format!(
        "{:<30}{:>9}{:>7}{:>9}{:>10}{:>10}  parse, embed, write: busy/waits for input/waits for output, percent of the run",
        "way", "seconds", "ratio", "files/s", "chunks/s", "memory"
    )];
    let first = rows.first().and_then(median).map_or(f64::NAN, |ran| ran.seconds);
    for row in rows {
        let Some(ran) = median(row) else {
            let refused = row.runs.first().and_then(|run| run["refused"].as_str()).unwrap_or("no result");
            lines.push(format!("{:<30}{}", row.name, text::visible(refused)));
            continue;
        };
        let rate = |count: u64| count as f64 / ran.seconds;
        lines.push(format!(
            "{:<30}{:>9.2}{:>7.2}{:>9.0}{:>10.0}{:>10}  {}",
            row.name,
            ran.seconds,
            ran.seconds / first,
            rate(ran.files_indexed),
            rate(ran.chunks),
            text::bytes(ran.peak_memory_bytes),
            ["parse", "embed", "write"].map(|name| shares(&ran, name)).join("  "),
        ));
        lines.extend(syntax_alone(row, &ran, first));
    }
    lines
}

/// Of tree-sitter alone, the part that is tree-sitter's: without the walk and the reads.
fn syntax_alone(row: &Row, ran: &Ran, first: f64) -> Option<String> {
    let parse = ran.stages.iter().find(|stage| stage.stage == "parse" && row.name == WAYS[0].name)?;
    let seconds = parse.busy_seconds / parse.threads.max(1) as f64;
    Some(format!("{:<30}{:>9.2}{:>7.2}", "… without walk and reads", seconds, seconds / first))
}

/// The run of a row with the median time.
fn median(row: &Row) -> Option<Ran> {
    let mut runs: Vec<Ran> = row.runs.iter().filter_map(|run| serde_json::from_value(run.clone()).ok()).collect();
    runs.sort_by(|a, b| a.seconds.total_cmp(&b.seconds));
    runs.get(runs.len() / 2).cloned()
}

/// `parse 98/1/0`
fn shares(ran: &Ran, name: &str) -> String {
    let Some(stage) = ran.stages.iter().find(|stage| stage.stage == name) else { return String::new() };
    let percent = |seconds: f64| (seconds / ran.seconds / stage.threads.max(1) as f64 * 100.0).min(100.0);
    let parts = [stage.busy_seconds, stage.waiting_for_input_seconds, stage.waiting_for_output_seconds];
    let parts = parts.map(|seconds| format!("{:.0}", percent(seconds)));
    format!("{name} {}", parts.join("/"))
}

impl Shared {
    /// The flags of an index run that say the same again.
    fn index_flags(&self) -> Vec<String> {
        let mut flags = self.pipeline.flags();
        flags.extend(self.max_file_bytes.map(|bytes| format!("--max-file-bytes={bytes}")));
        flags.extend(self.parse_time_limit_ms.map(|limit| format!("--parse-time-limit-ms={limit}")));
        flags
    }
}

impl super::arguments::PipelineArguments {
    /// The flags that say the same again.
    fn flags(&self) -> Vec<String> {
        let mut flags: Vec<String> = Vec::new();
        let mut flag = |name: &str, value: Option<String>| flags.extend(value.map(|value| format!("--{name}={value}")));
        flag("max-memory", self.max_memory.map(|bytes| bytes.to_string()));
        flag("parse-workers", self.parse_workers.map(|n| n.to_string()));
        flag("embed-workers", self.embed_workers.map(|n| n.to_string()));
        flag("producers", self.producers.map(|n| n.to_string()));
        flag("queue-depth", self.queue_depth.map(|n| n.to_string()));
        flag("file-batch", self.file_batch.map(|n| n.to_string()));
        flag("embed-batch", self.embed_batch.map(|batch| batch.to_string()));
        flag("embedder", self.embedder.as_ref().map(ToString::to_string));
        flag("device", self.device.as_ref().map(ToString::to_string));
        flags
    }
}
