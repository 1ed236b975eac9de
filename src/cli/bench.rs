//! `codescry bench`: measures indexing a folder with different pipeline settings.
//!
//! Every run is a separate process with a separate index and vector cache in a temporary folder, so
//! that neither memory nor caches carry over between runs.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, bail};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::arguments::{BenchCommand, BenchRunArguments, PipelineBenchArguments, SharedArguments};
use super::interrupts::Interrupts;
use super::printer::{self, Printer};
use super::{CommandExit, text, wire};
use engine::{Engine, Stage};

/// Runs `codescry bench`.
///
/// # Errors
/// If a run fails.
pub fn run_bench(shared: &SharedArguments, command: &BenchCommand) -> anyhow::Result<CommandExit> {
    match command {
        BenchCommand::Pipeline(arguments) => bench_pipeline(shared, arguments),
        BenchCommand::Passages { path } => print_passages(shared, path),
        BenchCommand::Once(arguments) => run_single_bench(shared, arguments),
    }
}

fn print_passages(shared: &SharedArguments, path: &Path) -> anyhow::Result<CommandExit> {
    let engine = Engine::open(shared.settings(Some(path))?)?;
    let mut printer = Printer::new();
    for passage in engine.passages()? {
        printer.line(&serde_json::to_string(&passage)?)?;
    }
    printer.finish()?;
    Ok(CommandExit::Done)
}

fn run_single_bench(shared: &SharedArguments, arguments: &BenchRunArguments) -> anyhow::Result<CommandExit> {
    let engine = Engine::open(shared.settings(Some(&arguments.path))?)?;
    let interrupts = Interrupts::listen()?;
    let report = interrupts.run_cancellable(|cancel| engine.bench(arguments.kind.into(), cancel))?;
    let mut printer = Printer::new();
    printer.json(&wire::IndexReportJson::new(engine.root(), &report))?;
    printer.finish()?;
    Ok(CommandExit::Done)
}

/// One of the compared ways to index: a kind of run with flags.
struct BenchVariant {
    name: &'static str,
    kind: &'static str,
    flags: &'static [&'static str],
}

/// The variants, in the order of the table: lower bounds, the whole pipeline, the pipeline with one
/// setting changed, and a serial run for comparison.
const VARIANTS: &[BenchVariant] = &[
    BenchVariant { name: "tree-sitter alone", kind: "tree-sitter-alone", flags: &[] },
    BenchVariant { name: "walk, read, parse alone", kind: "parse-alone", flags: &[] },
    BenchVariant { name: "pipeline", kind: "pipeline", flags: &[] },
    BenchVariant { name: "… workers renewed per batch", kind: "renewed-parsers", flags: &[] },
    BenchVariant { name: "… one parse worker", kind: "pipeline", flags: &["--parse-workers=1"] },
    BenchVariant { name: "… one embed worker", kind: "pipeline", flags: &["--embed-workers=1"] },
    BenchVariant { name: "… queue depth 2", kind: "pipeline", flags: &["--queue-depth=2"] },
    BenchVariant { name: "… file batch 1", kind: "pipeline", flags: &["--file-batch=1"] },
    BenchVariant { name: "… file batch 64", kind: "pipeline", flags: &["--file-batch=64"] },
    BenchVariant { name: "… 1 producer", kind: "pipeline", flags: &["--producers=1"] },
    BenchVariant { name: "… 4 producers", kind: "pipeline", flags: &["--producers=4"] },
    BenchVariant { name: "… everything parsed first", kind: "pipeline", flags: &["--preparse"] },
    BenchVariant { name: "… embed batch 16", kind: "pipeline", flags: &["--embed-batch=16"] },
    BenchVariant { name: "… embed batch 256", kind: "pipeline", flags: &["--embed-batch=256"] },
    BenchVariant { name: "one batch after another", kind: "serial-batches", flags: &[] },
];

/// The fields of a run's `index --json` report that the table shows.
#[derive(Clone, Debug, Deserialize)]
struct BenchRun {
    seconds: f64,
    files_indexed: u64,
    chunks: u64,
    peak_memory_bytes: u64,
    stages: Vec<StageTimes>,
}

/// The fields of one stage's report.
#[derive(Clone, Debug, Deserialize)]
struct StageTimes {
    stage: Stage,
    threads: usize,
    busy_seconds: f64,
    waiting_for_input_seconds: f64,
    waiting_for_output_seconds: f64,
}

/// A variant with the reports of its runs.
#[derive(Serialize)]
struct VariantRuns {
    name: &'static str,
    /// The reports, as `index --json` prints them, or `{"refused": reason}` if the variant cannot run.
    runs: Vec<Value>,
}

fn bench_pipeline(shared: &SharedArguments, arguments: &PipelineBenchArguments) -> anyhow::Result<CommandExit> {
    let settings = shared.settings(arguments.path.as_deref())?;
    let wanted = |at: usize, variant: &BenchVariant| {
        at == 0 || arguments.only.as_ref().is_none_or(|only| variant.name.contains(only.as_str()))
    };
    let variants: Vec<&BenchVariant> =
        VARIANTS.iter().enumerate().filter(|(at, variant)| wanted(*at, variant)).map(|(_, variant)| variant).collect();
    let mut rows: Vec<VariantRuns> =
        variants.iter().map(|variant| VariantRuns { name: variant.name, runs: Vec::new() }).collect();
    let scratch = ScratchFolder::new()?;
    // Ctrl-C also ends the running child, which belongs to the same process group.
    let is_complete = Interrupts::listen()?.run_cancellable(|stop| -> anyhow::Result<bool> {
        for round in 0..arguments.rounds {
            for (variant, row) in variants.iter().zip(&mut rows) {
                if !shared.quiet {
                    printer::print_note(&format!("round {} of {}: {}", round + 1, arguments.rounds, variant.name));
                }
                let run = run_variant(shared, settings.root.as_path(), variant, &scratch);
                if stop.is_cancelled() {
                    return Ok(false);
                }
                row.runs.push(run?);
            }
        }
        Ok(true)
    })?;
    if !is_complete {
        return Ok(CommandExit::Interrupted);
    }
    let mut printer = Printer::new();
    if arguments.json {
        printer.json(&rows)?;
    } else {
        for line in bench_table(&rows) {
            printer.line(&line)?;
        }
    }
    printer.finish()?;
    Ok(CommandExit::Done)
}

/// A temporary folder for the indexes of the runs, removed on drop.
struct ScratchFolder(PathBuf);

impl ScratchFolder {
    fn new() -> anyhow::Result<Self> {
        let folder = std::env::temp_dir().join(format!("codescry-bench-{}", std::process::id()));
        std::fs::create_dir(&folder).with_context(|| format!("cannot create {}", folder.display()))?;
        Ok(Self(folder))
    }
}

impl Drop for ScratchFolder {
    fn drop(&mut self) {
        _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Runs a variant once in a separate process, and returns its report.
fn run_variant(
    shared: &SharedArguments,
    root: &Path,
    variant: &BenchVariant,
    scratch: &ScratchFolder,
) -> anyhow::Result<Value> {
    let [index, cache] = ["index", "cache"].map(|name| scratch.0.join(name));
    [&index, &cache].into_iter().for_each(|folder| _ = std::fs::remove_dir_all(folder));
    let mut command = Command::new(std::env::current_exe().context("cannot find the path of this program")?);
    command.args(["bench", "once", "--kind", variant.kind]).args(merge_flags(shared, variant));
    command.arg("--index-dir").arg(&index).arg("--cache-dir").arg(&cache).arg("--").arg(root).stdin(Stdio::null());
    let output = command.output().context("cannot start a measurement run")?;
    if output.status.success() {
        return Ok(serde_json::from_slice(&output.stdout)?);
    }
    let message = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    if message.contains("--preparse") {
        return Ok(serde_json::json!({ "refused": message }));
    }
    bail!("the run \"{}\" failed: {}", variant.name, text::escape_controls(&message))
}

/// Returns the caller's flags, overridden by the flags of the variant.
fn merge_flags(shared: &SharedArguments, variant: &BenchVariant) -> Vec<String> {
    let name = |flag: &str| flag.split('=').next().unwrap_or_default().to_owned();
    let variant_flags: Vec<String> = variant.flags.iter().map(|flag| (*flag).to_owned()).collect();
    let overridden = |flag: &String| variant_flags.iter().any(|other| name(other) == name(flag));
    let caller_flags = shared.index_flags().into_iter().filter(|flag| !overridden(flag));
    caller_flags.chain(variant_flags.iter().cloned()).collect()
}

fn bench_table(rows: &[VariantRuns]) -> Vec<String> {
    let mut lines = vec![format!(
        "{:<30}{:>9}{:>7}{:>9}{:>10}{:>10}  parse, embed, write: busy/waits for input/waits for output, percent of the run",
        "variant", "seconds", "ratio", "files/s", "chunks/s", "memory"
    )];
    let first = rows.first().and_then(median_run).map_or(f64::NAN, |ran| ran.seconds);
    for row in rows {
        let Some(ran) = median_run(row) else {
            let refused = row.runs.first().and_then(|run| run["refused"].as_str()).unwrap_or("no result");
            lines.push(format!("{:<30}{}", row.name, text::escape_controls(refused)));
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
            text::format_bytes(ran.peak_memory_bytes),
            [Stage::Parse, Stage::Embed, Stage::Write].map(|stage| stage_percentages(&ran, stage)).join("  "),
        ));
        lines.extend(tree_sitter_line(row, &ran, first));
    }
    lines
}

/// Returns a table line with the parse time of the "tree-sitter alone" run, without walk and reads.
fn tree_sitter_line(row: &VariantRuns, ran: &BenchRun, first: f64) -> Option<String> {
    let parse = ran.stages.iter().find(|stage| stage.stage == Stage::Parse && row.name == VARIANTS[0].name)?;
    let seconds = parse.busy_seconds / parse.threads.max(1) as f64;
    Some(format!("{:<30}{:>9.2}{:>7.2}", "… without walk and reads", seconds, seconds / first))
}

/// Returns the run with the median time.
fn median_run(row: &VariantRuns) -> Option<BenchRun> {
    let mut runs: Vec<BenchRun> = row.runs.iter().filter_map(|run| serde_json::from_value(run.clone()).ok()).collect();
    runs.sort_by(|a, b| a.seconds.total_cmp(&b.seconds));
    runs.get(runs.len() / 2).cloned()
}

/// Formats the time shares of a stage in percent, such as `parse 98/1/0`:
/// busy / waiting for input / waiting for output.
fn stage_percentages(ran: &BenchRun, name: Stage) -> String {
    let Some(stage) = ran.stages.iter().find(|stage| stage.stage == name) else { return String::new() };
    let percent = |seconds: f64| (seconds / ran.seconds / stage.threads.max(1) as f64 * 100.0).min(100.0);
    let parts = [stage.busy_seconds, stage.waiting_for_input_seconds, stage.waiting_for_output_seconds];
    let parts = parts.map(|seconds| format!("{:.0}", percent(seconds)));
    format!("{name} {}", parts.join("/"))
}

impl SharedArguments {
    /// Returns these arguments as flags of a child process.
    fn index_flags(&self) -> Vec<String> {
        let mut flags = self.pipeline.flags();
        flags.extend(self.max_file_bytes.map(|bytes| format!("--max-file-bytes={bytes}")));
        flags.extend(self.parse_time_limit_ms.map(|limit| format!("--parse-time-limit-ms={limit}")));
        flags
    }
}

impl super::arguments::PipelineArguments {
    /// Returns these arguments as flags of a child process.
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
