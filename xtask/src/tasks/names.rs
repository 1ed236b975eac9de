//! `cargo xtask names`: lists the names that stand for several things, with their reasons in `xtask/names.toml`.

#![expect(clippy::print_stdout, reason = "a command's answer")]

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use tidy::rules::names::check_names;
use tidy::workspace::Workspace;

/// Lists the names that stand for several things, and fails if one of them has no reason
#[derive(clap::Args)]
pub struct NamesArguments {
    /// The root of the workspace
    #[arg(default_value = concat!(env!("CARGO_MANIFEST_DIR"), "/.."), hide_default_value = true)]
    root: PathBuf,
}

/// Prints the names, and compares them with the table.
///
/// # Errors
/// If the workspace or the table cannot be read, an ambiguous name has no reason in the table, or a row's name is not
/// ambiguous.
pub fn run_names(arguments: &NamesArguments) -> Result<()> {
    let root: &Path = &arguments.root;
    let packages = Workspace::read(root).context("cannot read the workspace")?.packages;
    let table = root.join("xtask/names.toml");
    let reasons = fs::read_to_string(&table).with_context(|| format!("cannot read {}", table.display()))?;
    let report = check_names(&packages, &reasons);
    for name in &report.names {
        let (key, count, reason) =
            (name.table.table_name(), name.places.len(), name.reason.as_deref().unwrap_or("no reason"));
        println!("{key:10} {:32} {count:2}  {reason}\n           {}", name.name, name.places.join(" "));
    }
    if !report.faults.is_empty() {
        bail!("the table {} has {} faults:\n{}", table.display(), report.faults.len(), report.faults.join("\n"));
    }
    Ok(())
}
