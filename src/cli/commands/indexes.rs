//! `codescry indexes`: lists, removes and prunes the indexes of all folders.

use std::path::Path;
use std::time::{Duration, SystemTime};

use engine::StoredIndex;

use crate::cli::arguments::{IndexesCommand, SharedArguments};
use crate::cli::exit::CommandExit;
use crate::cli::json_output::indexes::IndexesJson;
use crate::cli::printer::{self, Printer};
use crate::cli::text_output::palette::{Palette, TextRole};

/// Runs `codescry indexes`.
///
/// # Errors
/// If the data folder or the folder of `--index-dir` cannot be listed, or an argument names no index.
pub fn run_indexes(shared: &SharedArguments, command: &IndexesCommand) -> anyhow::Result<CommandExit> {
    let indexes = find_indexes(shared)?;
    match command {
        IndexesCommand::List { json } => list_indexes(shared, &indexes, *json),
        IndexesCommand::Remove { indexes: named, dry_run } => {
            let mut chosen: Vec<&StoredIndex> = Vec::new();
            for name in named {
                let before = chosen.len();
                chosen.extend(indexes.iter().filter(|index| is_named(index, name)));
                anyhow::ensure!(
                    chosen.len() > before,
                    "there is no index of {}; `codescry indexes list` lists all",
                    name.display()
                );
            }
            change_indexes(&chosen, *dry_run, |index| remove_index(index, *dry_run).map(Some))
        }
        IndexesCommand::Prune { dry_run } => {
            let all: Vec<&StoredIndex> = indexes.iter().collect();
            change_indexes(&all, *dry_run, |index| prune_index(index, *dry_run))
        }
    }
}

/// Returns the indexes in the data folder, and the one of `--index-dir`.
pub(super) fn find_indexes(shared: &SharedArguments) -> anyhow::Result<Vec<StoredIndex>> {
    let data = config::data_folder()?;
    let list = |folder: &Path| {
        engine::list_stored_indexes(folder)
            .map_err(|error| anyhow::anyhow!("cannot list {}: {error}; check its permissions", folder.display()))
    };
    let mut indexes = list(&data)?;
    if let Some(dir) = shared.given_index_dir()?
        && dir.parent().is_some_and(|parent| parent != data)
    {
        let beside = dir.parent().map(list).transpose()?.unwrap_or_default();
        indexes.extend(beside.into_iter().filter(|index| index.dir == dir));
    }
    Ok(indexes)
}

/// Returns whether `name` is the name of this index, or the path of its indexed folder, which may no longer exist.
fn is_named(index: &StoredIndex, name: &Path) -> bool {
    let absolute = std::path::absolute(name).unwrap_or_else(|_| name.to_owned());
    let folder = name.canonicalize().unwrap_or(absolute);
    index.name().as_str() == name.as_os_str() || index.root.as_deref() == Some(&folder)
}

fn list_indexes(shared: &SharedArguments, indexes: &[StoredIndex], json: bool) -> anyhow::Result<CommandExit> {
    let mut printer = Printer::new();
    if json {
        printer.json(&IndexesJson::new(indexes))?;
        printer.finish()?;
        return Ok(CommandExit::Done);
    }
    let palette = Palette::for_stdout(shared);
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    for index in indexes {
        printer.line(&palette.paint(TextRole::Path, &folder_text(index)))?;
        let state = index_state(index, now);
        let state = palette.paint(if state.is_good { TextRole::Dim } else { TextRole::Warning }, &state.text);
        printer.line(&format!("  {}  {state}", palette.paint(TextRole::Dim, &index.name())))?;
    }
    let total = indexes.iter().map(|index| index.size_bytes).sum();
    let count = match indexes.len() {
        1 => "1 index".to_owned(),
        count => format!("{count} indexes"),
    };
    printer.line(&format!("{count}, {}", terminal_text::format_bytes(total)))?;
    printer.finish()?;
    Ok(CommandExit::Done)
}

/// The state of an index in a few words.
struct IndexState {
    text: String,
    is_good: bool,
}

fn index_state(index: &StoredIndex, now: Duration) -> IndexState {
    let size = terminal_text::format_bytes(index.size_bytes);
    if let Some(problem) = &index.problem {
        return IndexState { text: format!("{size}, {problem}"), is_good: false };
    }
    let age = terminal_text::format_age(now.saturating_sub(Duration::from_millis(index.committed_at_ms)));
    let problem = match (index.is_orphan(), index.complete) {
        (true, _) => ", the folder no longer exists",
        (false, false) => ", not complete",
        (false, true) => "",
    };
    IndexState { text: format!("{size}, written {age} ago, {}{problem}", index.model_id), is_good: problem.is_empty() }
}

pub(super) fn folder_text(index: &StoredIndex) -> String {
    index
        .root
        .as_ref()
        .map_or_else(|| format!("unknown folder ({})", index.dir.display()), |root| root.display().to_string())
}

/// Applies `change` to indexes and prints its reports; an index that fails does not keep the others from being
/// changed.
pub(super) fn change_indexes(
    indexes: &[&StoredIndex],
    is_dry_run: bool,
    change: impl Fn(&StoredIndex) -> anyhow::Result<Option<Change>>,
) -> anyhow::Result<CommandExit> {
    let mut printer = Printer::new();
    let (mut exit, mut freed, mut changes) = (CommandExit::Done, 0, 0_usize);
    for index in indexes {
        match change(index) {
            Ok(None) => {}
            Ok(Some(change)) => {
                freed += change.bytes;
                changes += 1;
                let size = terminal_text::format_bytes(change.bytes);
                let would = if is_dry_run { "would have " } else { "" };
                printer.line(&terminal_text::escape_controls(&format!("{would}{} ({size})", change.text)))?;
            }
            Err(error) => {
                exit = CommandExit::Failed;
                printer.flush()?;
                printer::print_note(&format!("error: {error}"));
            }
        }
    }
    let would = if is_dry_run { "would be " } else { "" };
    match (changes, exit) {
        (0, CommandExit::Done) => printer.line("nothing to remove")?,
        _ => printer.line(&format!("{} {would}freed", terminal_text::format_bytes(freed)))?,
    }
    printer.finish()?;
    Ok(exit)
}

/// A change of an index, and the bytes it frees.
pub(super) struct Change {
    text: String,
    bytes: u64,
}

pub(super) fn remove_index(index: &StoredIndex, is_dry_run: bool) -> anyhow::Result<Change> {
    if !is_dry_run {
        engine::remove_stored_index(index)?;
    }
    Ok(Change { text: format!("removed the index of {}", folder_text(index)), bytes: index.size_bytes })
}

/// Removes an index whose folder no longer exists or that no run has written; of another index without a problem, its
/// replaced tables. A dry run only measures. Returns `None` if there is nothing to remove.
fn prune_index(index: &StoredIndex, is_dry_run: bool) -> anyhow::Result<Option<Change>> {
    if index.is_orphan() || index.is_empty() {
        return remove_index(index, is_dry_run).map(Some);
    }
    remove_replaced_tables(index, is_dry_run)
}

/// Removes the replaced tables of an index; `None` if there are none, or the index has a problem. A dry run only
/// measures.
pub(super) fn remove_replaced_tables(index: &StoredIndex, is_dry_run: bool) -> anyhow::Result<Option<Change>> {
    if index.problem.is_some() {
        // `codescry index` repairs it, or a newer program can read it.
        return Ok(None);
    }
    let bytes = if is_dry_run { engine::measure_replaced(index)? } else { engine::prune_stored_index(index)? };
    let text = format!("removed replaced tables of {}", folder_text(index));
    Ok((bytes > 0).then_some(Change { text, bytes }))
}
