//! `cargo xtask pack-model`: makes a model's file the built-in model.

#![expect(clippy::print_stdout, reason = "a command's answer")]

use std::fs;
use std::path::PathBuf;

use anyhow::{Context as _, Result};
use builtin_model::packing::pack_artifact;
use embed::static_model::StaticModel;

/// Packs a model's file, as `train-model` writes it, into the crate `builtin-model`
#[derive(clap::Args)]
pub struct PackModelArguments {
    /// The file
    model: PathBuf,
    /// File to write to
    #[arg(
        long,
        default_value = concat!(env!("CARGO_MANIFEST_DIR"), "/../crates/builtin-model/assets/static_model.packed"),
        hide_default_value = true
    )]
    out: PathBuf,
}

/// Checks the model and writes its packed form.
///
/// # Errors
/// If the file cannot be read or is not a model, or the packed form cannot be written.
pub fn run_pack_model(arguments: &PackModelArguments) -> Result<()> {
    let artifact = fs::read(&arguments.model).with_context(|| format!("cannot read {}", arguments.model.display()))?;
    let packed = pack_artifact(&artifact).context("the file's length contradicts its header")?;
    let hash = blake3::hash(&artifact).to_hex();
    let model = StaticModel::from_bytes(artifact)?;
    fs::write(&arguments.out, packed).with_context(|| format!("cannot write {}", arguments.out.display()))?;
    println!("{}  {} dimensions  BLAKE3 {hash}", model.id(), model.width());
    Ok(())
}
