//! The pipeline variants that are compared, and the code that runs one variant.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, bail};
use serde_json::Value;

use crate::cli::arguments::SharedArguments;

/// A pipeline variant: a kind of run and its flags.
pub struct BenchVariant {
    pub name: &'static str,
    kind: &'static str,
    flags: &'static [&'static str],
}

/// The name of the variant that parses with tree-sitter alone, and stores nothing.
pub const TREE_SITTER_ALONE: &str = "tree-sitter alone";

/// The variants, in the order of the table: lower bounds, the whole pipeline, the pipeline with one
/// setting changed, and a serial run for comparison.
pub const VARIANTS: &[BenchVariant] = &[
    BenchVariant { name: TREE_SITTER_ALONE, kind: "tree-sitter-alone", flags: &[] },
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

/// A temporary folder for the indexes and the vector caches of the runs, removed on drop.
pub struct ScratchFolder(PathBuf);

impl ScratchFolder {
    /// Creates the folder.
    ///
    /// # Errors
    /// If it exists or cannot be created.
    pub fn new() -> anyhow::Result<Self> {
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

/// Runs a variant once in a separate process, and returns the JSON that it prints.
///
/// # Errors
/// If the run cannot be started or fails, or its output is not JSON.
pub fn run_variant(
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
    let message = String::from_utf8_lossy(&output.stderr);
    bail!("the run \"{}\" failed: {}", variant.name, terminal_text::escape_controls(message.trim()))
}

/// Returns the caller's flags, overridden by the flags of the variant.
fn merge_flags(shared: &SharedArguments, variant: &BenchVariant) -> Vec<String> {
    let name = |flag: &str| flag.split('=').next().unwrap_or_default().to_owned();
    let variant_flags: Vec<String> = variant.flags.iter().map(|flag| (*flag).to_owned()).collect();
    let overridden = |flag: &String| variant_flags.iter().any(|other| name(other) == name(flag));
    let caller_flags = shared.index_flags().into_iter().filter(|flag| !overridden(flag));
    caller_flags.chain(variant_flags.iter().cloned()).collect()
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;
    use crate::cli::arguments::CliArguments;

    #[test]
    fn the_help_lists_every_variant() {
        let mut program = CliArguments::command();
        let bench = program.find_subcommand_mut("bench").expect("a command");
        let help = bench.find_subcommand_mut("pipeline").expect("a command").render_help().to_string();
        let help = help.split_whitespace().collect::<Vec<_>>().join(" ");
        for variant in VARIANTS {
            assert!(help.contains(variant.name), "{} is not in {help}", variant.name);
        }
    }
}
