//! The errors of models and their files.

use std::path::PathBuf;

use platform::process::advise_on_io_error;

/// An error while finding, downloading or installing a model. A message names the remedy if one is known.
#[derive(Debug, thiserror::Error)]
pub enum ModelError {
    #[error(
        "the model {name} is not on this machine, neither in {models_dir} nor in the hub's cache; run `codescry models install {name}`, or `codescry models add FOLDER` with a model you have"
    )]
    NotInstalled { name: String, models_dir: PathBuf },
    #[error(
        "unknown model {name}; known: {known}; for any other model, put a codescry-model.toml into its folder and run `codescry models add FOLDER`"
    )]
    Unknown { name: String, known: String },
    #[error(
        "the model {name} in {folder} is not complete: {missing} is missing; run `codescry models install {name}` to download missing files"
    )]
    Incomplete { name: String, folder: PathBuf, missing: String },
    #[error("the vectors of {name} cannot be truncated to {width}: it {may}")]
    NotTruncatable { name: String, width: usize, may: String },
    #[error("cannot use {path}: {problem}; correct the file (docs/models.md describes its fields)")]
    Description { path: PathBuf, problem: String },
    #[error(
        "{folder} does not say which model it holds; add a codescry-model.toml with name, dimensions, pooling and [files], or name a known model with --name"
    )]
    NoDescription { folder: PathBuf },
    /// The checksums of an installed model cannot be used, so its files cannot be verified.
    #[error("cannot use the checksums {path}: {problem}; run `codescry models remove` and install the model again")]
    Checksums { path: PathBuf, problem: String },
    #[error("cannot {operation} {path}: {source}{}", advise_files(operation, source))]
    Io { operation: &'static str, path: PathBuf, source: std::io::Error },
    #[error(
        "HF_HUB_OFFLINE is set, so nothing is downloaded; unset it, or run `codescry models add FOLDER` with a model you have"
    )]
    Offline,
    #[error(
        "cannot download {url}: {problem}; run the command again to continue the download, set HF_ENDPOINT to a mirror, or run `codescry models add FOLDER` with a model you have"
    )]
    Hub { url: String, problem: String },
    #[error("the downloaded {file} is damaged: its {what} is {found}, the hub says {expected}; run the command again")]
    Damaged { file: String, what: &'static str, found: String, expected: String },
    #[error(
        "no ONNX file of {name} is known on the hub; export the model (`optimum-cli export onnx --model {repository} --task feature-extraction FOLDER`) and run `codescry models add FOLDER --name {name}`"
    )]
    NoExport { name: String, repository: String },
    #[error("the download was stopped; run the command again to continue it")]
    Stopped,
}

/// Returns the remedy for a failed operation on a file, after a semicolon; empty if none is known.
fn advise_files(operation: &str, source: &std::io::Error) -> String {
    let elsewhere = "keep the models in another folder with --models-dir or CODESCRY_MODELS_DIR";
    advise_on_io_error(operation, &source.to_string(), elsewhere)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_names_the_remedy() {
        let source = std::io::Error::from_raw_os_error(28);
        let text = ModelError::Io { operation: "write", path: "models/a.onnx".into(), source }.to_string();
        assert!(text.contains("; make room on this disk, or keep the models in another folder"), "{text}");
    }
}
