//! Finding a model on this machine: installed, in the hub's cache, or in a folder of the user's.
//!
//! Must never import: anything of this crate but `config` and `embed::models`.

use std::fs;
use std::path::{Path, PathBuf};

use super::description::{Description, Precision};
use super::table::{KNOWN, Known};
use super::{Installed, ModelError, Reference};
use crate::config::ModelSettings;

/// Where a model is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// In the models folder.
    Installed,
    /// In the hub's cache.
    HubCache,
    /// Known, and not here.
    Hub,
}

/// A model of the list.
pub struct Listed {
    pub name: String,
    pub source: Source,
    /// Where it is, with the precisions that are there.
    pub here: Option<(PathBuf, Vec<Precision>)>,
    /// Why it cannot be used though it is here.
    pub problem: Option<String>,
    pub about: String,
    pub description: Option<Description>,
}

/// The model that `word` means: a known or installed one by its name, with or without a precision and
/// a width (`all-MiniLM-L6-v2:int8`, `Qwen3-Embedding-0.6B@256`), or a folder with a description.
///
/// # Errors
/// When it is not here, not complete, or not to be had in that width.
pub fn find(settings: &ModelSettings, word: &str, wanted: &[Precision]) -> Result<Installed, ModelError> {
    let plain = Reference { name: word, precision: None, width: None };
    let reference = if Path::new(word).is_dir() { plain } else { Reference::read(word) };
    let (description, folder) = place(settings, reference.name)?;
    let model = Installed::new(description, folder, &reference.precisions(wanted))?;
    reference.width.map_or(Ok(model.clone()), |width| model.cut(width))
}

fn place(settings: &ModelSettings, name: &str) -> Result<(Description, PathBuf), ModelError> {
    let known = Known::named(name);
    let proper = known.map_or(name, |known| known.name);
    let plain = !proper.contains(['/', '\\']) && proper != "." && proper != "..";
    let installed = settings.models_dir.join(proper);
    if plain && let Some(description) = Description::read(&installed)? {
        return Ok((description, installed));
    }
    if let Some(known) = known {
        let not_here =
            || ModelError::NotInstalled { name: known.name.to_owned(), models_dir: settings.models_dir.clone() };
        return in_hub_cache(settings, known).map(|snapshot| (known.description(), snapshot)).ok_or_else(not_here);
    }
    let folder = Path::new(name);
    if folder.is_dir() {
        let description =
            Description::read(folder)?.ok_or_else(|| ModelError::NoDescription { folder: folder.to_owned() })?;
        let folder = folder.canonicalize().map_err(|source| ModelError::Io {
            operation: "open",
            path: folder.to_owned(),
            source,
        })?;
        return Ok((description, folder));
    }
    Err(ModelError::Unknown { name: name.to_owned(), known: names() })
}

fn names() -> String {
    let names: Vec<&str> = KNOWN.iter().map(|known| known.name).collect();
    names.join(", ")
}

/// The newest snapshot of a model that has a file of its weights, where the hub's programs keep it.
fn in_hub_cache(settings: &ModelSettings, known: &Known) -> Option<PathBuf> {
    let repositories = std::iter::once(known.repository).chain(known.aliases.iter().copied());
    let snapshots = repositories.filter(|name| name.contains('/')).filter_map(|repository| {
        let folder = settings.hub_cache.join(format!("models--{}", repository.replace('/', "--")));
        let revision = fs::read_to_string(folder.join("refs").join("main")).ok()?;
        Some(folder.join("snapshots").join(revision.trim()))
    });
    let description = known.description();
    let mut usable = snapshots.filter(|snapshot| !present(&description, snapshot).is_empty());
    usable.next()
}

/// The precisions whose files are all in `folder`.
fn present(description: &Description, folder: &Path) -> Vec<Precision> {
    let is_there = |precision: &&Precision| description.missing(folder, **precision).is_empty();
    description.files.keys().filter(is_there).copied().collect()
}

/// Every model that is known or here: known ones first.
pub fn list(settings: &ModelSettings) -> Vec<Listed> {
    let mut listed: Vec<Listed> = KNOWN.iter().map(|known| of_known(settings, known)).collect();
    let mut folders: Vec<PathBuf> = fs::read_dir(&settings.models_dir)
        .map(|entries| entries.filter_map(|entry| Some(entry.ok()?.path())).collect())
        .unwrap_or_default();
    folders.sort();
    for folder in folders {
        let name = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if !folder.is_dir() || KNOWN.iter().any(|known| known.name == name) {
            continue;
        }
        match Description::read(&folder) {
            Ok(None) => {}
            read => listed.push(described(name, folder, Source::Installed, read.map(Option::unwrap_or_default), "")),
        }
    }
    listed
}

fn of_known(settings: &ModelSettings, known: &Known) -> Listed {
    let folder = settings.models_dir.join(known.name);
    let name = known.name.to_owned();
    match Description::read(&folder) {
        Ok(None) => {}
        read => return described(name, folder, Source::Installed, read.map(Option::unwrap_or_default), known.about),
    }
    if let Some(snapshot) = in_hub_cache(settings, known) {
        return described(name, snapshot, Source::HubCache, Ok(known.description()), known.about);
    }
    let (about, description) = (known.about.to_owned(), Some(known.description()));
    Listed { name, source: Source::Hub, here: None, problem: None, about, description }
}

fn described(
    name: String,
    folder: PathBuf,
    source: Source,
    read: Result<Description, ModelError>,
    about: &str,
) -> Listed {
    let about = about.to_owned();
    match read {
        Err(error) => {
            let here = Some((folder, Vec::new()));
            Listed { name, source, here, problem: Some(error.to_string()), about, description: None }
        }
        Ok(description) => {
            let precisions = present(&description, &folder);
            let all = [Precision::Int8, Precision::Fp16, Precision::Fp32];
            let problem =
                Installed::new(description.clone(), folder.clone(), &all).err().map(|error| error.to_string());
            Listed { name, source, here: Some((folder, precisions)), problem, about, description: Some(description) }
        }
    }
}
