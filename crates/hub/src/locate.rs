//! Finding a model on this machine: installed, in the Hugging Face cache, or in a folder of the user.

use std::fs;
use std::path::{Path, PathBuf};

use crate::description::{ModelDescription, Precision};
use crate::error::ModelError;
use crate::installed_model::InstalledModel;
use crate::known_models::{KNOWN_MODELS, KnownModel, join_known_names};
use crate::reference::ModelReference;
use config::ModelSettings;

/// The place where a model is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ModelSource {
    /// In the models folder.
    Installed,
    /// In the hub's cache folder.
    HubCache,
    /// Not on this machine: the model is known, and may be on the hub.
    Hub,
}

/// An entry of the list of models.
pub struct ListedModel {
    pub name: String,
    pub source: ModelSource,
    /// The model's folder and the precisions it holds, if the model is on this machine.
    pub here: Option<(PathBuf, Vec<Precision>)>,
    /// The reason why the model cannot be used although it is on this machine.
    pub problem: Option<String>,
    pub about: String,
    pub description: Option<ModelDescription>,
}

/// Finds the model that `word` refers to: a known or installed model by name, or a folder with a description. A
/// precision and a number of dimensions may follow a name (`all-MiniLM-L6-v2:int8`, `Qwen3-Embedding-0.6B@256`).
/// `wanted` lists precisions by preference, if `word` names none.
///
/// # Errors
///
/// Fails if the model is not on this machine, lacks files or has an invalid description, a file cannot be read, or the
/// model does not support the dimensions.
pub fn find_model(settings: &ModelSettings, word: &str, wanted: &[Precision]) -> Result<InstalledModel, ModelError> {
    let plain = ModelReference { name: word, precision: None, width: None };
    let reference = if Path::new(word).is_dir() { plain } else { ModelReference::parse(word) };
    let (description, folder) = locate_model(settings, reference.name)?;
    let model = InstalledModel::new(description, folder, &reference.precisions(wanted))?;
    reference.width.map_or(Ok(model.clone()), |width| model.truncate_dimensions(width))
}

fn locate_model(settings: &ModelSettings, name: &str) -> Result<(ModelDescription, PathBuf), ModelError> {
    let known = KnownModel::find_by_name(name);
    let proper = known.map_or(name, |known| known.name);
    let plain = !proper.contains(['/', '\\']) && proper != "." && proper != "..";
    let installed = settings.models_dir.join(proper);
    if plain && let Some(description) = ModelDescription::read(&installed)? {
        return Ok((description, installed));
    }
    if let Some(known) = known {
        let not_here =
            || ModelError::NotInstalled { name: known.name.to_owned(), models_dir: settings.models_dir.clone() };
        return find_in_hub_cache(settings, known).map(|snapshot| (known.description(), snapshot)).ok_or_else(not_here);
    }
    let folder = Path::new(name);
    if folder.is_dir() {
        let description =
            ModelDescription::read(folder)?.ok_or_else(|| ModelError::NoDescription { folder: folder.to_owned() })?;
        let folder = folder.canonicalize().map_err(|source| ModelError::Io {
            operation: "open",
            path: folder.to_owned(),
            source,
        })?;
        return Ok((description, folder));
    }
    Err(ModelError::Unknown { name: name.to_owned(), known: join_known_names() })
}

/// Returns the folder of the model's `main` revision in the hub's cache: the first one, among the model's repositories,
/// that has all files of at least one precision; `None` if there is none.
fn find_in_hub_cache(settings: &ModelSettings, known: &KnownModel) -> Option<PathBuf> {
    let repositories = std::iter::once(known.repository).chain(known.aliases.iter().copied());
    let snapshots = repositories.filter(|name| name.contains('/')).filter_map(|repository| {
        let folder = settings.hub_cache.join(format!("models--{}", repository.replace('/', "--")));
        let revision = fs::read_to_string(folder.join("refs").join("main")).ok()?;
        Some(folder.join("snapshots").join(revision.trim()))
    });
    let description = known.description();
    let mut usable = snapshots.filter(|snapshot| !complete_precisions(&description, snapshot).is_empty());
    usable.next()
}

/// Returns the precisions whose files are all in `folder`.
fn complete_precisions(description: &ModelDescription, folder: &Path) -> Vec<Precision> {
    let is_there = |precision: &&Precision| description.missing_files(folder, **precision).is_empty();
    description.files.keys().filter(is_there).copied().collect()
}

/// Lists all known and installed models, known ones first. The entry of a model on this machine that cannot be used
/// states the problem. Fails if the folder of models exists, but cannot be listed.
pub fn list_models(settings: &ModelSettings) -> Result<Vec<ListedModel>, ModelError> {
    let mut listed: Vec<ListedModel> = KNOWN_MODELS.iter().map(|known| list_known_model(settings, known)).collect();
    for folder in list_folder(&settings.models_dir)? {
        let name = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if !folder.is_dir() || KNOWN_MODELS.iter().any(|known| known.name == name) {
            continue;
        }
        if let Some(read) = ModelDescription::read(&folder).transpose() {
            listed.push(list_described_model(name, folder, ModelSource::Installed, read, ""));
        }
    }
    Ok(listed)
}

/// Returns the paths in a folder, sorted; empty if the folder does not exist.
fn list_folder(folder: &Path) -> Result<Vec<PathBuf>, ModelError> {
    let list = || -> std::io::Result<Vec<PathBuf>> { fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect() };
    let mut paths = match list() {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Vec::new(),
        listed => listed.map_err(|source| ModelError::Io { operation: "list", path: folder.to_owned(), source })?,
    };
    paths.sort();
    Ok(paths)
}

fn list_known_model(settings: &ModelSettings, known: &KnownModel) -> ListedModel {
    let folder = settings.models_dir.join(known.name);
    let name = known.name.to_owned();
    if let Some(read) = ModelDescription::read(&folder).transpose() {
        return list_described_model(name, folder, ModelSource::Installed, read, known.about);
    }
    if let Some(snapshot) = find_in_hub_cache(settings, known) {
        return list_described_model(name, snapshot, ModelSource::HubCache, Ok(known.description()), known.about);
    }
    let (about, description) = (known.about.to_owned(), Some(known.description()));
    ListedModel { name, source: ModelSource::Hub, here: None, problem: None, about, description }
}

fn list_described_model(
    name: String,
    folder: PathBuf,
    source: ModelSource,
    read: Result<ModelDescription, ModelError>,
    about: &str,
) -> ListedModel {
    let about = about.to_owned();
    match read {
        Err(error) => {
            let here = Some((folder, Vec::new()));
            ListedModel { name, source, here, problem: Some(error.to_string()), about, description: None }
        }
        Ok(description) => {
            let precisions = complete_precisions(&description, &folder);
            let opened = InstalledModel::new(description.clone(), folder.clone(), &Precision::ALL);
            let problem = opened.err().map(|error| error.to_string());
            ListedModel {
                name,
                source,
                here: Some((folder, precisions)),
                problem,
                about,
                description: Some(description),
            }
        }
    }
}
