//! Installation of models into the models folder, their verification and their removal.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use crate::checksums::{hash_model_file, read_checksums, replace_model_file, write_checksums};
use crate::client::{FetchProgress, HubClient, RemoteFile};
use crate::description::{DESCRIPTION_FILES, ModelDescription, Precision};
use crate::error::ModelError;
use crate::installed_model::InstalledModel;
use crate::known_models::{KnownModel, join_known_names};
use crate::reference::ModelReference;
use config::ModelSettings;

/// Files that are downloaded or copied with a model if they exist.
const OPTIONAL_FILES: [&str; 1] = ["config.json"];

/// The result of verifying a file of a model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckedFile {
    pub file: String,
    /// The fault that was found; `None` if the file is unchanged since it was installed.
    pub problem: Option<String>,
}

/// Downloads the missing and the changed files of the known model that `word` refers to, in the precision that `word`
/// names, or else in the first of the `wanted` precisions that the hub has.
///
/// # Errors
///
/// Fails if the model is unknown, the settings forbid downloads, the hub does not have the model in such a precision, a
/// download fails, a file cannot be read or written, or the model does not support the dimensions in `word`.
pub fn install_model(
    settings: &ModelSettings,
    word: &str,
    wanted: &[Precision],
    progress: &mut FetchProgress<'_>,
) -> Result<InstalledModel, ModelError> {
    let reference = ModelReference::parse(word);
    let (name, wanted) = (reference.name, reference.precisions(wanted));
    let known = KnownModel::find_by_name(name)
        .ok_or_else(|| ModelError::Unknown { name: name.to_owned(), known: join_known_names() })?;
    if settings.is_offline {
        return Err(ModelError::Offline);
    }
    let (name, repository) = (known.name.to_owned(), known.repository.to_owned());
    if !known.is_on_hub() {
        return Err(ModelError::NoExport { name, repository });
    }
    let (hub, description) = (HubClient::new(settings), known.description());
    let remote = hub.list_repository(known.repository)?;
    let has = |file: &str| remote.files.iter().any(|other| other.name == file);
    let offered = |precision: &&Precision| description.files.get(precision).is_some_and(|file| has(file));
    let precision = wanted.iter().find(offered).copied();
    let precision = precision.ok_or(ModelError::NoExport { name, repository })?;
    let folder = settings.models_dir.join(known.name);
    let mut checksums = read_checksums(&folder)?;
    let mut fetch = |names: Vec<String>| -> Result<(), ModelError> {
        let wanted = |file: &&RemoteFile| names.contains(&file.name);
        for file in remote.files.iter().filter(wanted) {
            let to = folder.join(&file.name);
            let is_intact =
                checksums.get(&file.name).is_some_and(|known| hash_model_file(&to).is_ok_and(|found| found == *known));
            if !is_intact {
                hub.fetch_file(known.repository, &remote.revision, file, &to, progress)?;
                checksums.insert(file.name.clone(), hash_model_file(&to)?);
                write_checksums(&folder, &checksums)?;
            }
        }
        Ok(())
    };
    fetch([description.required_files(&folder, precision), OPTIONAL_FILES.map(str::to_owned).to_vec()].concat())?;
    // Large weights are in separate files, which the first weights file names.
    fetch(description.weight_files(&folder, precision))?;
    replace_model_file(&folder.join(DESCRIPTION_FILES[1]), &description.to_json())?;
    let model = InstalledModel::new(description, folder, &[precision])?;
    reference.width.map_or(Ok(model.clone()), |width| model.truncate_dimensions(width))
}

/// Installs a model by copying its files from a folder. `name` names a known model, for a folder without a description.
///
/// # Errors
///
/// Fails if the description cannot be read, if files are missing or cannot be copied, or if the folder has no
/// description and `name` is not a known model.
pub fn add_model(settings: &ModelSettings, from: &Path, name: Option<&str>) -> Result<InstalledModel, ModelError> {
    let described = ModelDescription::read(from)?;
    let mut description = match (described, name) {
        (Some(description), _) => description,
        (None, Some(name)) => match KnownModel::find_by_name(name) {
            Some(known) => known.description(),
            None => return Err(ModelError::NoDescription { folder: from.to_owned() }),
        },
        (None, None) => return Err(ModelError::NoDescription { folder: from.to_owned() }),
    };
    use_usual_file_names(&mut description, from);
    let model = InstalledModel::new(description, from.to_owned(), &Precision::ALL)?;
    let folder = settings.models_dir.join(&model.description.name);
    let mut checksums = BTreeMap::new();
    for file in list_model_files(&model, from) {
        let to = folder.join(&file);
        let io = |source| ModelError::Io { operation: "copy to", path: to.clone(), source };
        fs::create_dir_all(to.parent().unwrap_or(&folder)).map_err(io)?;
        fs::copy(from.join(&file), &to).map_err(io)?;
        checksums.insert(file, hash_model_file(&to)?);
    }
    write_checksums(&folder, &checksums)?;
    remove_if_present(&folder.join(DESCRIPTION_FILES[0]))?; // a description in TOML would take precedence
    replace_model_file(&folder.join(DESCRIPTION_FILES[1]), &model.description.to_json())?;
    InstalledModel::new(model.description, folder, &Precision::ALL)
}

/// If none of the described files exists, describes the files with usual names that exist, one for each precision.
fn use_usual_file_names(description: &mut ModelDescription, from: &Path) {
    if description.files.values().any(|file| from.join(file).is_file()) {
        return;
    }
    let usual = [
        (Precision::Int8, ["model_quantized.onnx", "model_int8.onnx", "onnx/model_int8.onnx"]),
        (Precision::Fp16, ["model_fp16.onnx", "onnx/model_fp16.onnx", "model_O4.onnx"]),
        (Precision::Fp32, ["model.onnx", "onnx/model.onnx", "model.safetensors"]),
    ];
    for (precision, names) in usual {
        if let Some(name) = names.into_iter().find(|name| from.join(name).is_file()) {
            description.files.insert(precision, name.to_owned());
        }
    }
}

/// Returns the files of all precisions of a model that exist in a folder, including optional ones, sorted.
fn list_model_files(model: &InstalledModel, folder: &Path) -> Vec<String> {
    let description = &model.description;
    let needed = description.files.keys().flat_map(|precision| description.required_files(folder, *precision));
    let mut files: Vec<String> =
        needed.chain(OPTIONAL_FILES.map(str::to_owned)).filter(|file| folder.join(file).is_file()).collect();
    files.sort();
    files.dedup();
    files
}

/// Compares the files of an installed model with their checksums. A missing file is a problem of that file; files
/// without a checksum are left out.
///
/// # Errors
///
/// Fails if the model is not installed, or its checksums cannot be read.
pub fn verify_model(settings: &ModelSettings, name: &str) -> Result<Vec<CheckedFile>, ModelError> {
    let folder = installed_folder(settings, name)?;
    let check = |(file, expected): (String, String)| {
        let problem = match hash_model_file(&folder.join(&file)) {
            Ok(found) if found == expected => None,
            Ok(_) => Some("its content differs from the installed one".to_owned()),
            Err(error) => Some(error.to_string()),
        };
        CheckedFile { file, problem }
    };
    Ok(read_checksums(&folder)?.into_iter().map(check).collect())
}

/// Removes an installed model and returns its folder. The hub's cache is not changed.
///
/// # Errors
///
/// Fails if the model is not installed or cannot be removed.
pub fn remove_model(settings: &ModelSettings, name: &str) -> Result<PathBuf, ModelError> {
    let folder = installed_folder(settings, name)?;
    let result = fs::remove_dir_all(&folder);
    result.map_err(|source| ModelError::Io { operation: "remove", path: folder.clone(), source })?;
    Ok(folder)
}

/// Returns the folder of an installed model, which may be incomplete.
fn installed_folder(settings: &ModelSettings, word: &str) -> Result<PathBuf, ModelError> {
    let name = ModelReference::parse(word).name;
    let name = KnownModel::find_by_name(name).map_or(name, |known| known.name);
    let folder = settings.models_dir.join(name);
    let is_installed =
        !name.is_empty() && !name.contains(['/', '\\']) && name != "." && name != ".." && folder.is_dir();
    if !is_installed {
        return Err(ModelError::NotInstalled { name: name.to_owned(), models_dir: settings.models_dir.clone() });
    }
    Ok(folder)
}

fn remove_if_present(path: &Path) -> Result<(), ModelError> {
    match fs::remove_file(path) {
        Err(source) if source.kind() != std::io::ErrorKind::NotFound => {
            Err(ModelError::Io { operation: "remove", path: path.to_owned(), source })
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checksums::CHECKSUMS;

    #[test]
    fn broken_checksums_are_an_error_and_missing_ones_are_not() {
        let folder = tempfile::tempdir().expect("a folder");
        assert!(read_checksums(folder.path()).expect("a model without checksums").is_empty());
        fs::write(folder.path().join(CHECKSUMS), "{").expect("written");
        let error = read_checksums(folder.path()).expect_err("half a file").to_string();
        assert!(error.contains(CHECKSUMS) && error.contains("install the model again"), "{error}");
    }
}
