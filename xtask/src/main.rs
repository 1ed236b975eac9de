//! Development commands: `cargo xtask NAME`, and `cargo xtask --help` for the list.

mod tasks;

use clap::Parser as _;

fn main() -> anyhow::Result<()> {
    tasks::run_task(&tasks::XtaskArguments::parse())
}
