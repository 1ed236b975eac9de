//! `codescry index --dry-run`: what would be indexed, and which rule left out what.
//!
//! Must never import: anything of this crate but `engine`.

use std::collections::BTreeMap;

use super::printer::Printer;
use super::{Exit, text, wire};
use crate::engine::{DryRun, Engine};

/// Lists the folder.
///
/// # Errors
/// When the folder cannot be walked or standard output cannot be written.
pub fn run(engine: &Engine, json: bool) -> anyhow::Result<Exit> {
    let found = engine.dry_run()?;
    let mut printer = Printer::new();
    if json {
        printer.json(&wire::Listing::new(&found))?;
    } else {
        for line in lines(&found) {
            printer.line(&text::visible(&line))?;
        }
    }
    printer.finish()?;
    Ok(Exit::Done)
}

/// By path, what is in and what is out together; then the totals.
fn lines(found: &DryRun) -> Vec<String> {
    let mut rows = Vec::with_capacity(found.included.len() + found.excluded.len());
    let mut totals: BTreeMap<&str, u64> = BTreeMap::new();
    for (path, language) in &found.included {
        rows.push((path.as_str(), format!("+ {path} ({language})")));
    }
    for (path, is_dir, reason) in &found.excluded {
        let folder = if *is_dir { "/" } else { "" };
        rows.push((path.as_str(), format!("- {path}{folder}: {reason}")));
        *totals.entry(reason.label()).or_default() += 1;
    }
    rows.sort();
    let mut lines: Vec<String> = rows.into_iter().map(|(_, line)| line).collect();
    lines.push(String::new());
    lines.push(format!(
        "{} would be indexed, {} left out",
        text::plural(found.included.len() as u64, "file"),
        found.excluded.len()
    ));
    lines.extend(totals.into_iter().map(|(reason, count)| format!("{count:>8}  {reason}")));
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::{Language, RepoPath, SkipReason};

    #[test]
    fn what_is_in_and_what_is_out_stand_together_by_path() {
        let found = DryRun {
            included: vec![(RepoPath::new("b.rs"), Language("rust"))],
            excluded: vec![
                (RepoPath::new("a"), true, SkipReason::Hidden),
                (RepoPath::new("c.bin"), false, SkipReason::Binary),
                (RepoPath::new("d.bin"), false, SkipReason::Binary),
            ],
        };
        let expected = [
            "- a/: hidden",
            "+ b.rs (rust)",
            "- c.bin: binary",
            "- d.bin: binary",
            "",
            "1 file would be indexed, 3 left out",
            "       2  binary",
            "       1  hidden",
        ];
        assert_eq!(lines(&found), expected);
    }
}
