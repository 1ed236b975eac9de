//! The arguments of `codescry models`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

/// The arguments of `codescry models`.
#[derive(Debug, Args)]
pub struct ModelsArguments {
    #[command(subcommand)]
    pub command: ModelsCommand,
}

/// The subcommands of `codescry models`.
#[derive(Debug, Subcommand)]
pub enum ModelsCommand {
    /// List known and installed models
    List {
        /// Print one JSON object instead of text
        #[arg(long)]
        json: bool,
    },
    /// Download a model from the Hugging Face hub, in the precision that suits the device
    Install {
        /// The model, with or without a precision: all-MiniLM-L6-v2 or all-MiniLM-L6-v2:fp16
        name: String,
    },
    /// Compare the files of an installed model with their checksums
    Verify {
        /// The model
        name: String,
    },
    /// Remove an installed model
    Remove {
        /// The model
        name: String,
    },
    /// Install a model from a folder that holds an ONNX file (or model2vec safetensors),
    /// tokenizer.json and, unless the model is known, codescry-model.toml
    Add {
        /// The folder
        folder: PathBuf,
        /// The name of the known model in the folder
        #[arg(long)]
        name: Option<String>,
    },
}
