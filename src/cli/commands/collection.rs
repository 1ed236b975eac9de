//! `codescry collection`: lists, verifies, compacts and removes the repositories that are published at one location.

use std::ffi::OsStr;
use std::time::{SystemTime, UNIX_EPOCH};

use config::LocationSettings;
use engine::{CollectionList, CompactStep, CompactedCollection, VerifiedCollection};
use terminal_text::{escape_controls, format_age, format_bytes, pluralize};

use crate::cli::arguments::{CollectionCommand, SharedArguments};
use crate::cli::exit::CommandExit;
use crate::cli::interrupts::Interrupts;
use crate::cli::printer::{self, Printer};
use crate::cli::progress::{CompactProgress, TransferProgressBar};

/// Number of hexadecimal digits of a commit that are shown.
const COMMIT_DIGITS: usize = 12;

/// Runs `codescry collection`.
///
/// # Errors
/// If nothing is published at the location, it has no repository of a given name, it refuses or fails, or Ctrl-C ends
/// the work.
pub fn run_collection(shared: &SharedArguments, command: &CollectionCommand) -> anyhow::Result<CommandExit> {
    match command {
        CollectionCommand::List { location, json } => list_collection(location, *json),
        CollectionCommand::Verify { location, full, json } => verify_collection(shared, location, *full, *json),
        CollectionCommand::Compact { location, rebuild, json } => compact_collection(shared, location, *rebuild, *json),
        CollectionCommand::Remove { location, names } => remove_repositories(shared, location, names),
    }
}

fn list_collection(location: &OsStr, json: bool) -> anyhow::Result<CommandExit> {
    let settings = LocationSettings::detect()?;
    let interrupts = Interrupts::listen()?;
    let list = interrupts.run_cancellable(|cancel| engine::list_collection(location, &settings, cancel))?;
    let mut printer = Printer::new();
    match json {
        true => printer.json(&list)?,
        false => describe_list(&list).iter().try_for_each(|line| printer.line(&escape_controls(line)))?,
    }
    printer.finish()?;
    Ok(CommandExit::Done)
}

fn describe_list(list: &CollectionList) -> Vec<String> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let age = |at_ms: u64| format_age(now.saturating_sub(std::time::Duration::from_millis(at_ms)));
    let describe = |one: &engine::ListedRepository| {
        let commit = match &one.commit {
            Some(commit) => commit.get(..COMMIT_DIGITS).unwrap_or(commit),
            None => "no commit",
        };
        let modified = if one.is_modified { " modified" } else { "" };
        let combined = if one.is_combined { "" } else { ", not compacted yet" };
        let (bytes, age) = (format_bytes(one.bytes), age(one.published_at_ms));
        format!("{}  {commit}{modified}, {bytes}, published {age} ago{combined}", one.name)
    };
    let mut lines: Vec<String> = list.repositories.iter().map(describe).collect();
    let count = pluralize(list.repositories.len() as u64, "repository");
    lines.push(match list.combined_at_ms {
        Some(at_ms) => {
            let size = format_bytes(list.combined_bytes);
            format!("{count}; the combined index has {size} and was made {} ago", age(at_ms))
        }
        None => format!("{count}; run `codescry collection compact {}` to make the combined index", list.location),
    });
    lines
}

fn verify_collection(
    shared: &SharedArguments,
    location: &OsStr,
    full: bool,
    json: bool,
) -> anyhow::Result<CommandExit> {
    let settings = LocationSettings::detect()?;
    let interrupts = Interrupts::listen()?;
    let bar = TransferProgressBar::new(shared, "verifying");
    let verified = interrupts.run_cancellable(|cancel| {
        engine::verify_collection(location, &settings, full, cancel, &|state| bar.show(state))
    });
    drop(bar);
    let verified = verified?;
    let mut printer = Printer::new();
    match json {
        true => printer.json(&verified)?,
        false => describe_check(&verified, full).iter().try_for_each(|line| printer.line(&escape_controls(line)))?,
    }
    printer.finish()?;
    Ok(if verified.problems.is_empty() { CommandExit::Done } else { CommandExit::CheckFailed })
}

fn describe_check(verified: &VerifiedCollection, full: bool) -> Vec<String> {
    let mut lines = verified.problems.clone();
    let of = format!(
        "{} in {} of {}",
        pluralize(verified.parts, "part"),
        pluralize(verified.indexes, "index"),
        pluralize(verified.repositories, "repository")
    );
    let size = format_bytes(verified.bytes);
    let checked = if full { "and have their checksums" } else { "with their sizes; --full compares checksums" };
    lines.push(match verified.problems.len() as u64 {
        0 => format!("{of} are there, {size}, {checked}"),
        count => format!(
            "{} among {of}; publish the repositories again with `codescry publish --again {}`, then compact",
            pluralize(count, "problem"),
            verified.location
        ),
    });
    lines
}

fn compact_collection(
    shared: &SharedArguments,
    location: &OsStr,
    rebuild: bool,
    json: bool,
) -> anyhow::Result<CommandExit> {
    let settings = shared.settings(None)?;
    let interrupts = Interrupts::listen()?;
    let progress = CompactProgress::new(shared);
    let observe = |step: CompactStep| progress.show(&step);
    let compacted =
        interrupts.run_cancellable(|cancel| engine::compact_collection(location, &settings, rebuild, cancel, &observe));
    drop(progress);
    let compacted = compacted?;
    if !shared.quiet && !json {
        let left_out = compacted.left_out.iter();
        left_out.for_each(|(name, reason)| printer::print_note(&format!("{name} is left out: {reason}")));
    }
    let mut printer = Printer::new();
    match json {
        true => printer.json(&compacted)?,
        false => printer.line(&escape_controls(&describe_compacted(&compacted)))?,
    }
    printer.finish()?;
    Ok(CommandExit::Done)
}

fn describe_compacted(done: &CompactedCollection) -> String {
    let (count, files) = (pluralize(done.repositories, "repository"), pluralize(done.files, "file"));
    let size = format_bytes(done.bytes);
    if done.was_current {
        let location = &done.location;
        return format!(
            "nothing to do: the combined index of {count} with {files}, {size}, at {location} is up to date"
        );
    }
    let removed = if done.removed > 0 { format!(", {} removed", done.removed) } else { String::new() };
    format!(
        "combined {count} with {files} at {}: {} copied{removed}, {} of {size} uploaded",
        done.location,
        done.copied,
        format_bytes(done.uploaded_bytes)
    )
}

fn remove_repositories(shared: &SharedArguments, location: &OsStr, names: &[String]) -> anyhow::Result<CommandExit> {
    let settings = LocationSettings::detect()?;
    let interrupts = Interrupts::listen()?;
    for name in names {
        interrupts.run_cancellable(|cancel| engine::remove_repository(location, &settings, name, cancel))?;
        if !shared.quiet {
            printer::print_note(&format!(
                "removed {name}; `codescry collection compact` removes its files from answers"
            ));
        }
    }
    Ok(CommandExit::Done)
}
