//! `cargo xtask crates`: prints the table of crates in `ARCHITECTURE.md`.

#![expect(clippy::print_stdout, reason = "a command's answer")]

use std::path::PathBuf;

use anyhow::{Context as _, Result};
use tidy::rules::layout::count_code_lines;
use tidy::workspace::{Package, Workspace};

/// Prints a table of the crates with their lines and purposes, from the bottom up
#[derive(clap::Args)]
pub struct CratesArguments {
    /// The root of the workspace
    #[arg(default_value = concat!(env!("CARGO_MANIFEST_DIR"), "/.."), hide_default_value = true)]
    root: PathBuf,
}

/// Prints the table in Markdown.
///
/// # Errors
/// If the workspace cannot be read.
pub fn run_crates(arguments: &CratesArguments) -> Result<()> {
    let packages = Workspace::read(&arguments.root).context("cannot read the workspace")?.packages;
    println!("| crate | lines | purpose |\n|---|---|---|");
    for package in sort_bottom_up(&packages) {
        println!("| `{}` | {} | {} |", package.crate_name(), count_code_lines(package), package.description());
    }
    Ok(())
}

/// Sorts packages so that each one follows its dependencies; otherwise the order is by name.
fn sort_bottom_up(packages: &[Package]) -> Vec<&Package> {
    let mut remaining: Vec<&Package> = packages.iter().collect();
    remaining.sort_by_key(|package| package.crate_name());
    let mut sorted: Vec<&Package> = Vec::new();
    while !remaining.is_empty() {
        let is_ready = |package: &&Package| {
            let dependencies = package.list_dependencies();
            !remaining.iter().any(|other| dependencies.iter().any(|name| name == other.crate_name()))
        };
        // Cargo allows no cycles, so one package is ready.
        let next = remaining.iter().position(is_ready).unwrap_or_default();
        sorted.push(remaining.remove(next));
    }
    sorted
}
