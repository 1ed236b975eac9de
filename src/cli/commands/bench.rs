//! `codescry bench`: measures indexing a folder with different pipeline settings.
//!
//! Every run is a separate process with a separate index and vector cache in a temporary folder, so
//! that neither memory nor caches carry over between runs.

mod table;
mod variants;

use std::path::Path;

use engine::{EngineError, IndexError};

use self::table::bench_table;
use self::variants::{BenchVariant, ScratchFolder, VARIANTS, run_variant};
use crate::cli::arguments::{BenchCommand, BenchRunArguments, PipelineBenchArguments, SharedArguments};
use crate::cli::exit::CommandExit;
use crate::cli::index_run::command_folder::{open_to_index, settings_to_index};
use crate::cli::interrupts::Interrupts;
use crate::cli::json_output::bench::{RefusedRunJson, VariantRunsJson};
use crate::cli::json_output::index::IndexReportJson;
use crate::cli::printer::{self, Printer};
use crate::cli::text_output::palette::Palette;

/// Runs `codescry bench`.
///
/// # Errors
/// If the folder, a setting or `--only` is invalid, a run fails, or standard output cannot be written.
pub fn run_bench(shared: &SharedArguments, command: &BenchCommand) -> anyhow::Result<CommandExit> {
    match command {
        BenchCommand::Pipeline(arguments) => bench_pipeline(shared, arguments),
        BenchCommand::Passages { path } => print_passages(shared, path.as_deref()),
        BenchCommand::Once(arguments) => run_single_bench(shared, arguments),
    }
}

fn print_passages(shared: &SharedArguments, path: Option<&Path>) -> anyhow::Result<CommandExit> {
    let engine = open_to_index(shared, path)?;
    let mut printer = Printer::new();
    for passage in engine.passages()? {
        printer.line(&serde_json::to_string(&passage)?)?;
    }
    printer.finish()?;
    Ok(CommandExit::Done)
}

/// Runs one measurement, and prints its report, or the reason if the pipeline refuses the settings.
fn run_single_bench(shared: &SharedArguments, arguments: &BenchRunArguments) -> anyhow::Result<CommandExit> {
    let engine = open_to_index(shared, Some(&arguments.path))?;
    let interrupts = Interrupts::listen()?;
    let measured = interrupts.run_cancellable(|cancel| engine.bench(arguments.kind.into(), cancel));
    let mut printer = Printer::new();
    match measured {
        Ok(report) => printer.json(&IndexReportJson::new(engine.root(), &report))?,
        Err(EngineError::Index(error @ IndexError::Preparse { .. })) => {
            printer.json(&RefusedRunJson { refused: error.to_string() })?;
        }
        Err(error) => return Err(error.into()),
    }
    printer.finish()?;
    Ok(CommandExit::Done)
}

fn bench_pipeline(shared: &SharedArguments, arguments: &PipelineBenchArguments) -> anyhow::Result<CommandExit> {
    let settings = settings_to_index(shared, arguments.path.as_deref())?;
    let wanted = |at: usize, variant: &BenchVariant| {
        at == 0 || arguments.only.as_ref().is_none_or(|only| variant.name.contains(only.as_str()))
    };
    let variants: Vec<&BenchVariant> =
        VARIANTS.iter().enumerate().filter(|(at, variant)| wanted(*at, variant)).map(|(_, variant)| variant).collect();
    if let (Some(only), true) = (&arguments.only, variants.len() == 1) {
        let names: Vec<&str> = VARIANTS.iter().skip(1).map(|variant| variant.name).collect();
        anyhow::ensure!(
            VARIANTS[0].name.contains(only.as_str()),
            "no variant contains {only}; there are: {}",
            names.join(", ")
        );
    }
    let mut rows: Vec<VariantRunsJson> =
        variants.iter().map(|variant| VariantRunsJson { name: variant.name, runs: Vec::new() }).collect();
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
        for line in bench_table(&rows, Palette::for_stdout(shared).columns) {
            printer.line(&line)?;
        }
    }
    printer.finish()?;
    Ok(CommandExit::Done)
}
