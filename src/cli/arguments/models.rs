//! The arguments of `codescry models`.
//!
//! Must never import: anything of this crate.

use std::path::PathBuf;

use clap::{Args, Subcommand};

/// `codescry models`.
#[derive(Debug, Args)]
pub struct ModelsArguments {
    #[command(subcommand)]
    pub what: ModelsCommand,
}

/// What to do with models.
#[derive(Debug, Subcommand)]
pub enum ModelsCommand {
    /// List the models that are known, and those that are here
    List {
        /// Print one JSON object instead of text
        #[arg(long)]
        json: bool,
    },
    /// Fetch a model from the hub, in the precision that suits the device
    Install {
        /// Its name, with or without a precision: all-MiniLM-L6-v2, or all-MiniLM-L6-v2:fp16
        name: String,
    },
    /// Compare a model's files with their checksums
    Verify {
        /// Its name
        name: String,
    },
    /// Remove an installed model
    Remove {
        /// Its name
        name: String,
    },
    /// Take a model from a folder of yours: an ONNX file (or safetensors of model2vec), its
    /// tokenizer.json and, unless it is a known model, a codescry-model.toml
    Add {
        /// The folder
        folder: PathBuf,
        /// The known model that it is
        #[arg(long)]
        name: Option<String>,
    },
}
