//! Bringing models into the models folder, checking them there, and removing them.
//!
//! Must never import: anything of this crate but `config` and `embed::models`.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use super::description::{Description, FILES, Precision};
use super::hub::{Hub, Progress, RemoteFile};
use super::table::{KNOWN, Known};
use super::{Installed, ModelError, Reference};
use crate::config::ModelSettings;

/// The file that has the checksums of a model's files.
const CHECKSUMS: &str = "codescry-checksums.json";

/// Files of a repository that are taken along where they are there.
const ASIDE: [&str; 1] = ["config.json"];

/// A file of a model, checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checked {
    pub file: String,
    /// What is wrong with it; `None` where it is as it was installed.
    pub problem: Option<String>,
}

/// Takes note of a file that arrives: its name, bytes so far, and all. False to stop.
pub type Fetching<'f> = Progress<'f>;

/// Fetches a known model in one precision, those files that are not there.
///
/// # Errors
/// When it is not known, or not to be had.
pub fn install(
    settings: &ModelSettings,
    word: &str,
    wanted: &[Precision],
    progress: &mut Fetching<'_>,
) -> Result<Installed, ModelError> {
    let reference = Reference::read(word);
    let (name, wanted) = (reference.name, reference.precisions(wanted));
    let known = Known::named(name).ok_or_else(|| ModelError::Unknown {
        name: name.to_owned(),
        known: KNOWN.iter().map(|known| known.name).collect::<Vec<_>>().join(", "),
    })?;
    if settings.is_offline {
        return Err(ModelError::Offline);
    }
    let (name, repository) = (known.name.to_owned(), known.repository.to_owned());
    if !known.is_on_hub() {
        return Err(ModelError::NoExport { name, repository });
    }
    let (hub, description) = (Hub::new(settings), known.description());
    let remote = hub.repository(known.repository)?;
    let has = |file: &str| remote.files.iter().any(|other| other.name == file);
    let offered = |precision: &&Precision| description.files.get(precision).is_some_and(|file| has(file));
    let precision = wanted.iter().find(offered).copied();
    let precision = precision.ok_or(ModelError::NoExport { name, repository })?;
    let folder = settings.models_dir.join(known.name);
    let mut checksums = read_checksums(&folder);
    let mut fetch = |names: Vec<String>| -> Result<(), ModelError> {
        let wanted = |file: &&RemoteFile| names.contains(&file.name);
        for file in remote.files.iter().filter(wanted) {
            let to = folder.join(&file.name);
            if !to.is_file() || !checksums.contains_key(&file.name) {
                hub.fetch(known.repository, &remote.revision, file, &to, progress)?;
                checksums.insert(file.name.clone(), checksum(&to)?);
                write(&folder.join(CHECKSUMS), &serde_json::to_string_pretty(&checksums).unwrap_or_default())?;
            }
        }
        Ok(())
    };
    fetch([description.needed(&folder, precision), ASIDE.map(str::to_owned).to_vec()].concat())?;
    // Weights too large for one file are in others, which it names.
    fetch(description.weight_files(&folder, precision))?;
    write(&folder.join(FILES[1]), &description.to_json())?;
    let model = Installed::new(description, folder, &[precision])?;
    reference.width.map_or(Ok(model.clone()), |width| model.cut(width))
}

/// Takes a model from a folder of the user's: its files are copied.
///
/// # Errors
/// When the folder has no description and `name` is not a known model's, or files are missing.
pub fn add(settings: &ModelSettings, from: &Path, name: Option<&str>) -> Result<Installed, ModelError> {
    let all = [Precision::Int8, Precision::Fp16, Precision::Fp32];
    let described = Description::read(from)?;
    let mut description = match (described, name) {
        (Some(description), _) => description,
        (None, Some(name)) => match Known::named(name) {
            Some(known) => known.description(),
            None => return Err(ModelError::NoDescription { folder: from.to_owned() }),
        },
        (None, None) => return Err(ModelError::NoDescription { folder: from.to_owned() }),
    };
    locate(&mut description, from);
    let model = Installed::new(description, from.to_owned(), &all)?;
    let folder = settings.models_dir.join(&model.description.name);
    let mut checksums = BTreeMap::new();
    for file in files_of(&model, from) {
        let to = folder.join(&file);
        let io = |source| ModelError::Io { operation: "copy to", path: to.clone(), source };
        fs::create_dir_all(to.parent().unwrap_or(&folder)).map_err(io)?;
        fs::copy(from.join(&file), &to).map_err(io)?;
        checksums.insert(file, checksum(&to)?);
    }
    write(&folder.join(CHECKSUMS), &serde_json::to_string_pretty(&checksums).unwrap_or_default())?;
    // A description in the other notation would be read first.
    _ = fs::remove_file(folder.join(FILES[0]));
    write(&folder.join(FILES[1]), &model.description.to_json())?;
    Installed::new(model.description, folder, &all)
}

/// Where the files are not where the description says, but under the usual names: takes those.
fn locate(description: &mut Description, from: &Path) {
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

/// Every file of a model that is in a folder, those beside its weights too.
fn files_of(model: &Installed, folder: &Path) -> Vec<String> {
    let description = &model.description;
    let needed = description.files.keys().flat_map(|precision| description.needed(folder, *precision));
    let mut files: Vec<String> =
        needed.chain(ASIDE.map(str::to_owned)).filter(|file| folder.join(file).is_file()).collect();
    files.sort();
    files.dedup();
    files
}

/// Compares the files of an installed model with their checksums.
///
/// # Errors
/// When it is not installed.
pub fn verify(settings: &ModelSettings, name: &str) -> Result<Vec<Checked>, ModelError> {
    let folder = folder_of(settings, name)?;
    let check = |(file, expected): (String, String)| {
        let problem = match checksum(&folder.join(&file)) {
            Ok(found) if found == expected => None,
            Ok(_) => Some("it is not what was installed".to_owned()),
            Err(error) => Some(error.to_string()),
        };
        Checked { file, problem }
    };
    Ok(read_checksums(&folder).into_iter().map(check).collect())
}

/// Removes an installed model; the hub's cache is not touched.
///
/// # Errors
/// When it is not installed or cannot be removed.
pub fn remove(settings: &ModelSettings, name: &str) -> Result<PathBuf, ModelError> {
    let folder = folder_of(settings, name)?;
    let removed = fs::remove_dir_all(&folder);
    removed.map_err(|source| ModelError::Io { operation: "remove", path: folder.clone(), source })?;
    Ok(folder)
}

/// The folder of an installed model, complete or not.
fn folder_of(settings: &ModelSettings, word: &str) -> Result<PathBuf, ModelError> {
    let name = Reference::read(word).name;
    let name = Known::named(name).map_or(name, |known| known.name);
    let folder = settings.models_dir.join(name);
    let is_one = !name.is_empty() && !name.contains(['/', '\\']) && name != "." && name != ".." && folder.is_dir();
    if !is_one {
        return Err(ModelError::NotInstalled { name: name.to_owned(), models_dir: settings.models_dir.clone() });
    }
    Ok(folder)
}

fn read_checksums(folder: &Path) -> BTreeMap<String, String> {
    fs::read(folder.join(CHECKSUMS)).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default()
}

fn checksum(path: &Path) -> Result<String, ModelError> {
    let mut hasher = blake3::Hasher::new();
    let read = fs::File::open(path).and_then(|file| hasher.update_reader(file).map(drop));
    read.map_err(|source| ModelError::Io { operation: "read", path: path.to_owned(), source })?;
    Ok(hasher.finalize().to_hex().to_string())
}

/// Replaces a file by one rename.
fn write(path: &Path, text: &str) -> Result<(), ModelError> {
    let fresh = path.with_extension("new");
    let written = fs::write(&fresh, text).and_then(|()| fs::rename(&fresh, path));
    written.map_err(|source| ModelError::Io { operation: "write", path: path.to_owned(), source })
}
