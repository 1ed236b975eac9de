//! The folder that a command works on: the indexed folder, and the part of it that was named.
//!
//! A folder without its own index below an indexed folder is searched in that folder's index. Paths are then shown
//! relative to the working folder, and arguments are read relative to the named folder, or else to the indexed one or to
//! the working folder.

use std::path::{Path, PathBuf};

use config::{Settings, UserEnvironment};
use engine::{Engine, EngineError, PathError, RepoPath};

use super::published_base::bring_base;
use crate::cli::arguments::SharedArguments;
use crate::cli::printer;

/// The folder that a command works on.
pub struct CommandFolder {
    /// The settings of the indexed folder.
    pub settings: Settings,
    /// The named folder below the indexed one; `None` if it is the indexed folder itself.
    pub part: Option<RepoPath>,
}

impl CommandFolder {
    /// Resolves a folder, or the working folder if `path` is `None`: to itself if it has an index, otherwise to the
    /// nearest indexed folder above it that does not leave it out, otherwise to itself. Looks neither at nor above a
    /// folder that is too broad to index.
    ///
    /// # Errors
    /// If the folder does not exist, a setting is invalid, or the index of a folder above it cannot be opened.
    pub fn resolve(shared: &SharedArguments, path: Option<&Path>) -> anyhow::Result<Self> {
        let settings = shared.settings(path)?;
        if shared.collection.is_some() {
            return Ok(Self { settings, part: None });
        }
        let named = settings.root.as_path();
        if engine::find_indexed_folder(&settings.index_dir).is_some_and(|root| root == named) {
            return Ok(Self { settings, part: None });
        }
        for above in named.ancestors().skip(1) {
            // A folder that cannot be opened has no index that could be used.
            let Ok(outer) = shared.settings(Some(above)) else { break };
            if refuse_broad(shared, &outer, "index").is_err() {
                break;
            }
            let is_indexed = engine::find_indexed_folder(&outer.index_dir).is_some_and(|root| root == above);
            let Some(part) = RepoPath::below(above, named).filter(|_| is_indexed) else { continue };
            if Engine::open(outer.clone())?.covers_folder(&part) {
                return Ok(Self { settings: outer, part: Some(part) });
            }
        }
        Ok(Self { settings, part: None })
    }

    /// Resolves a folder like [`CommandFolder::resolve`], to be indexed.
    ///
    /// # Errors
    /// If the folder does not exist or is too broad to index, a setting is invalid, or the index of a folder above it
    /// cannot be opened.
    pub fn resolve_to_index(shared: &SharedArguments, path: Option<&Path>) -> anyhow::Result<Self> {
        let folder = Self::resolve(shared, path)?;
        refuse_broad(shared, &folder.settings, "index").map_err(anyhow::Error::msg)?;
        Ok(folder)
    }

    /// Opens the engine, narrowed to the named folder.
    ///
    /// # Errors
    /// If the index cannot be opened, a published index cannot be fetched, or the home folder, the working folder or
    /// the program's own file cannot be determined.
    pub fn open(self, shared: &SharedArguments) -> anyhow::Result<(Engine, ShownPaths)> {
        let working = UserEnvironment::detect()?.working;
        let working = working.canonicalize().unwrap_or(working);
        bring_base(shared, &self.settings)?;
        let root = self.settings.root.as_path().to_owned();
        let shown = ShownPaths { root, working, part: self.part.clone() };
        Ok((Engine::open(self.settings)?.narrowed_to(self.part), shown))
    }
}

/// Returns the settings of a folder that is indexed by itself, even if it is below an indexed folder.
///
/// # Errors
/// If the folder does not exist or is too broad to index, or a setting is invalid.
pub fn settings_to_index(shared: &SharedArguments, path: Option<&Path>) -> anyhow::Result<Settings> {
    let settings = shared.settings(path)?;
    refuse_broad(shared, &settings, "index").map_err(anyhow::Error::msg)?;
    Ok(settings)
}

/// Opens the engine of a folder that is indexed by itself.
///
/// # Errors
/// If the folder does not exist or is too broad, the index or a setting is invalid, a published index cannot be
/// fetched, or the model cannot use the device of `--device`.
pub fn open_to_index(shared: &SharedArguments, path: Option<&Path>) -> anyhow::Result<Engine> {
    let settings = settings_to_index(shared, path)?;
    bring_base(shared, &settings)?;
    let engine = Engine::open(settings)?;
    check_device(shared, &engine)?;
    Ok(engine)
}

/// Checks that the index follows the folder, so that it can be updated or published.
///
/// # Errors
/// If answers come from a published index alone.
pub fn refuse_trusted_base(engine: &Engine) -> anyhow::Result<()> {
    anyhow::ensure!(
        !engine.trusts_base() || engine.is_collection(),
        "answers come from the published index alone, which is not changed here; leave out --trust-base and --in-place to \
         index {}",
        engine.root().display()
    );
    Ok(())
}

/// Checks that the model can use the device that was named. If a variable names the device, prints a note instead of
/// failing, because the variable may be meant for other folders.
///
/// # Errors
/// If `--device` names a device other than the CPU, and the model runs on the CPU only.
pub fn check_device(shared: &SharedArguments, engine: &Engine) -> anyhow::Result<()> {
    let Some(device) = engine.unused_device() else { return Ok(()) };
    let reason = "the built-in model and the potion models run on the CPU; transformers such as all-MiniLM-L6-v2 run on \
                  devices, give one with --embedder (`codescry models list` lists them)";
    if shared.pipeline.device.is_some() {
        anyhow::bail!("--device {device}: {reason}, or leave out --device");
    }
    if !shared.quiet {
        printer::print_note(&format!("CODESCRY_DEVICE={device} is not used: {reason}"));
    }
    Ok(())
}

/// Refuses the root of a file system, and a folder that is or contains the home folder. If no folder is open, some
/// clients start servers there, or pass one of these as an argument. `verb` names the refused action.
///
/// # Errors
/// If the folder is too broad, and `--allow-home` is not given; the message names the remedy.
pub fn refuse_broad(shared: &SharedArguments, settings: &Settings, verb: &str) -> Result<(), String> {
    let root = settings.root.as_path();
    if shared.allow_home || !is_too_broad(root) {
        return Ok(());
    }
    Err(format!(
        "{} is too broad to {verb} by default; give the folder with your code, or --allow-home to {verb} all of it",
        root.display()
    ))
}

/// Returns whether `root` is the root of a file system, or is or contains the home folder.
fn is_too_broad(root: &Path) -> bool {
    let home = UserEnvironment::detect().ok().and_then(|user| user.home.canonicalize().ok());
    root.parent().is_none() || home.is_some_and(|home| home.starts_with(root))
}

/// The rules by which a command shows paths and reads those of its arguments.
#[derive(Default)]
pub struct ShownPaths {
    root: PathBuf,
    working: PathBuf,
    part: Option<RepoPath>,
}

impl ShownPaths {
    /// Returns the rules for a group, whose paths begin with the name of a repository.
    pub fn of_group() -> Self {
        Self::default()
    }

    /// Returns a path as it is shown: relative to the indexed folder, or to the working folder if the command works on
    /// a part of an indexed folder. In the latter case, it is absolute if the working folder is neither in the indexed
    /// folder nor above the path.
    pub fn show(&self, path: &RepoPath) -> RepoPath {
        if self.part.is_none() {
            return path.clone();
        }
        let target = path.under(&self.root);
        if let Some(below) = RepoPath::below(&self.working, &target) {
            return below;
        }
        let Ok(depth) = self.working.strip_prefix(&self.root).map(|below| below.components().count()) else {
            return RepoPath::new(target.to_string_lossy().into_owned());
        };
        let shared = self.working.components().zip(target.components()).take_while(|(a, b)| a == b).count();
        let ups = depth - (shared - self.root.components().count());
        let rest: PathBuf = target.components().skip(shared).collect();
        let shown = format!("{}{}", "../".repeat(ups), rest.display());
        // The folder above itself is `..`, as the working folder is ``.
        RepoPath::new(shown.trim_end_matches('/'))
    }

    /// Calls `read` with a path relative to the named folder. If nothing is there, or the path leads out of the indexed
    /// folder, calls it again with the path as given, which the engine takes as relative to the indexed folder, and then
    /// with the path relative to the working folder, as [`ShownPaths::show`] shows it. An absolute path is read as given.
    ///
    /// # Errors
    /// The error of `read`; if nothing is there, that for the path as given.
    pub fn read<T>(&self, path: &str, read: impl Fn(&str) -> Result<T, EngineError>) -> Result<T, EngineError> {
        let Some(part) = self.part.as_ref().filter(|_| !Path::new(path).is_absolute()) else { return read(path) };
        let is_elsewhere = |answered: &Result<T, EngineError>| {
            matches!(answered, Err(EngineError::Path(PathError::Missing { .. } | PathError::OutsideRoot { .. })))
        };
        let in_part = read(&format!("{part}/{path}"));
        if !is_elsewhere(&in_part) {
            return in_part;
        }
        let as_given = read(path);
        if !is_elsewhere(&as_given) {
            return as_given;
        }
        let as_shown = self.working.join(path).to_str().map(&read);
        as_shown.filter(|answered| !is_elsewhere(answered)).unwrap_or(as_given)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shown_paths_open_from_the_working_folder() {
        let shown = |working: &str, part: Option<&str>| {
            let paths = ShownPaths { root: "/p".into(), working: working.into(), part: part.map(RepoPath::new) };
            paths.show(&RepoPath::new("src/net/a.rs")).as_str().to_owned()
        };
        assert_eq!(shown("/p/src", None), "src/net/a.rs");
        assert_eq!(shown("/p", Some("src")), "src/net/a.rs");
        assert_eq!(shown("/p/src", Some("src")), "net/a.rs");
        assert_eq!(shown("/p/src/net", Some("src")), "a.rs");
        assert_eq!(shown("/p/src/web/x", Some("src")), "../../net/a.rs");
        assert_eq!(shown("/p/docs", Some("src")), "../src/net/a.rs");
        assert_eq!(shown("/", Some("src")), "p/src/net/a.rs");
        assert_eq!(shown("/q", Some("src")), "/p/src/net/a.rs");
        let paths =
            ShownPaths { root: "/p".into(), working: "/p/src/web".into(), part: Some(RepoPath::new("src/web")) };
        assert_eq!(["", "src"].map(|path| paths.show(&RepoPath::new(path)).as_str().to_owned()), ["../..", ".."]);
    }

    #[test]
    fn shown_paths_and_those_below_the_named_or_the_indexed_folder_are_read() {
        let read = |working: &str, path: &str| {
            let paths = ShownPaths { root: "/p".into(), working: working.into(), part: Some(RepoPath::new("src")) };
            let file = |path: &str| {
                let known = ["src/net/a.rs", "/p/src/net/a.rs", "/p/src/web/../net/a.rs"];
                let missing = || PathError::Missing { path: path.to_owned(), root: "/p".into(), nearest: None };
                known.contains(&path).then_some(()).ok_or_else(|| EngineError::from(missing()))
            };
            paths.read(path, file).map_err(|error| error.to_string())
        };
        assert_eq!(
            ["net/a.rs", "src/net/a.rs", "/p/src/net/a.rs"].map(|path| read("/q", path)),
            [Ok(()), Ok(()), Ok(())]
        );
        assert_eq!([read("/", "p/src/net/a.rs"), read("/p/src/web", "../net/a.rs")], [Ok(()), Ok(())]);
        assert!(read("/", "p/b.rs").is_err_and(|error| error.starts_with("p/b.rs does not exist")));
    }
}
