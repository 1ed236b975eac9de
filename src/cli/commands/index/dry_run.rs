//! `codescry index --dry-run`: lists the files that would be indexed, and why others are excluded.

use std::collections::BTreeMap;

use engine::{DryRun, Engine};
use text::display::escape_name;

use crate::cli::exit::CommandExit;
use crate::cli::json_output::index::DryRunJson;
use crate::cli::printer::Printer;

/// Prints which files of the engine's folder would be indexed, and which files and folders are excluded.
///
/// # Errors
/// If the folder cannot be walked or standard output cannot be written.
pub fn print_dry_run(engine: &Engine, json: bool) -> anyhow::Result<CommandExit> {
    let found = engine.dry_run(&engine::CancelToken::default())?;
    let mut printer = Printer::new();
    if json {
        printer.json(&DryRunJson::new(&found))?;
    } else {
        for line in dry_run_lines(&found) {
            printer.line(&terminal_text::escape_controls(&line))?;
        }
    }
    printer.finish()?;
    Ok(CommandExit::Done)
}

/// Returns the included and excluded paths, the masked credentials and the problems as lines in path order, then the
/// totals.
fn dry_run_lines(found: &DryRun) -> Vec<String> {
    let mut rows = Vec::with_capacity(found.included.len() + found.excluded.len());
    let mut totals: BTreeMap<&str, u64> = BTreeMap::new();
    for file in &found.included {
        let path = file.path.as_str();
        rows.push((path, format!("+ {} ({})", escape_name(path), file.language)));
    }
    for (path, is_dir, reason) in &found.excluded {
        let folder = if *is_dir { "/" } else { "" };
        rows.push((path.as_str(), format!("- {}{folder}: {reason}", escape_name(path.as_str()))));
        *totals.entry(reason.label()).or_default() += 1;
    }
    for (path, line, rule) in &found.masked {
        let path = path.as_str();
        rows.push((path, format!("  {}:{line}: a credential is masked ({rule})", escape_name(path))));
    }
    for (path, problem) in &found.problems {
        rows.push((path.as_str(), format!("  {}: {problem}", escape_name(path.as_str()))));
    }
    rows.sort_by_key(|(path, _)| *path);
    let mut lines: Vec<String> = rows.into_iter().map(|(_, line)| line).collect();
    lines.push(String::new());
    lines.push(format!(
        "{} would be indexed, {} left out",
        terminal_text::pluralize(found.included.len() as u64, "file"),
        found.excluded.len()
    ));
    if !found.masked.is_empty() {
        lines.push(format!("{} masked", terminal_text::pluralize(found.masked.len() as u64, "credential")));
    }
    lines.extend(totals.into_iter().map(|(reason, count)| match describe_kind(reason) {
        Some(meaning) => format!("{count:>8}  {reason}: {meaning}"),
        None => format!("{count:>8}  {reason}"),
    }));
    lines
}

/// Explains the label of a reason if it names a kind of file that no setting includes and that can be read.
fn describe_kind(label: &str) -> Option<String> {
    let kind = match label {
        "data" => "rows, logs and other records, JSON too unless it is configuration",
        "generated" => "files whose first comment says that a program wrote them",
        "lock-file" => "versions of dependencies, which a package manager writes",
        "minified" => "scripts and styles with lines too long to be written by hand",
        _ => return None,
    };
    Some(format!("{kind}; no setting and no `--content` includes them, `codescry read FILE` shows one"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use engine::{IncludedFile, Language, RepoPath, SkipReason};

    #[test]
    fn included_and_excluded_paths_are_sorted_together() {
        let hash = engine::ContentHash::of_bytes(b"");
        let found = DryRun {
            included: vec![IncludedFile { path: RepoPath::new("b.rs"), language: Language("rust"), hash }],
            masked: vec![(RepoPath::new("b.rs"), 7, "github-token")],
            problems: vec![(RepoPath::new("b.rs"), "its encoding is unknown".to_owned())],
            excluded: vec![
                (RepoPath::new("a"), true, SkipReason::Hidden),
                (RepoPath::new("c.bin"), false, SkipReason::Binary),
                (RepoPath::new("d.bin"), false, SkipReason::Binary),
                (RepoPath::new("e.jsonl"), false, SkipReason::Data),
            ],
        };
        let expected = [
            "- a/: hidden",
            "+ b.rs (rust)",
            "  b.rs:7: a credential is masked (github-token)",
            "  b.rs: its encoding is unknown",
            "- c.bin: binary",
            "- d.bin: binary",
            "- e.jsonl: data: rows, logs or other records, not code",
            "",
            "1 file would be indexed, 4 left out",
            "1 credential masked",
            "       2  binary",
            "       1  data: rows, logs and other records, JSON too unless it is configuration; no setting and no `--content` \
             includes them, `codescry read FILE` shows one",
            "       1  hidden",
        ];
        assert_eq!(dry_run_lines(&found), expected);
    }
}
