//! Finds a project below the folders that a user allows, with symbolic links resolved.

use std::fmt;
use std::path::{Component, Path, PathBuf};

/// Why a named project cannot be used. The text names the allowed folders, or the projects of an ambiguous name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RefusedFolder {
    /// There is no such folder below an allowed one.
    Missing(Vec<PathBuf>),
    /// The folder is not below an allowed one.
    Outside(Vec<PathBuf>),
    /// The folder is an allowed one itself.
    Allowed(Vec<PathBuf>),
    /// A part of the path below the allowed folder is hidden.
    Hidden,
    /// Several allowed folders have a project of the name.
    Ambiguous(Vec<PathBuf>),
}

impl RefusedFolder {
    /// Returns whether the name is that of several projects.
    pub fn is_ambiguous(&self) -> bool {
        matches!(self, Self::Ambiguous(_))
    }
}

impl fmt::Display for RefusedFolder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list =
            |paths: &[PathBuf]| paths.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(", ");
        match self {
            Self::Missing(allowed) => write!(f, "there is no such folder below {}", list(allowed)),
            Self::Outside(allowed) => write!(f, "it is not below {}", list(allowed)),
            Self::Allowed(allowed) => write!(f, "name a project below {}", list(allowed)),
            Self::Hidden => f.write_str("hidden folders are not served"),
            Self::Ambiguous(found) => write!(f, "it may be any of {}; name one by its path", list(found)),
        }
    }
}

/// Returns the folder with this path, absolute or relative to one of the `allowed` folders. These are resolved already.
///
/// # Errors
/// The reason why the folder is refused.
pub fn find_allowed_folder(allowed: &[PathBuf], name: &str) -> Result<PathBuf, RefusedFolder> {
    let candidates = allowed.iter().filter_map(|folder| folder.join(name).canonicalize().ok());
    let (mut found, mut refused) = (Vec::new(), RefusedFolder::Missing(allowed.to_vec()));
    for folder in candidates.filter(|path| path.is_dir()) {
        match refuse_folder(allowed, &folder) {
            Some(why) => refused = why,
            None => found.push(folder),
        }
    }
    found.dedup();
    match found.len() {
        0 => Err(refused),
        1 => Ok(found.remove(0)),
        _ => Err(RefusedFolder::Ambiguous(found)),
    }
}

/// Returns why a folder is refused; `None` if one of the allowed folders allows it.
fn refuse_folder(allowed: &[PathBuf], folder: &Path) -> Option<RefusedFolder> {
    let below = || allowed.iter().filter_map(|allowed| folder.strip_prefix(allowed).ok());
    let is_inside = |path: &Path| path.components().next().is_some();
    match () {
        () if below().any(|path| is_inside(path) && !path.components().any(is_hidden)) => None,
        () if below().any(is_inside) => Some(RefusedFolder::Hidden),
        () if below().next().is_some() => Some(RefusedFolder::Allowed(allowed.to_vec())),
        () => Some(RefusedFolder::Outside(allowed.to_vec())),
    }
}

fn is_hidden(component: Component<'_>) -> bool {
    component.as_os_str().to_string_lossy().starts_with('.')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn several_allowed_folders_are_looked_through() {
        let home = tempfile::tempdir().expect("a folder");
        let base = home.path().canonicalize().expect("it is there");
        for folder in ["one/api", "one/app", "two/api", "two/web", "one/inner/lib", "one/.work/tool"] {
            std::fs::create_dir_all(base.join(folder)).expect("a folder");
        }
        let mut allowed = ["one", "two", "one/inner", "one/.work"].map(|folder| base.join(folder)).to_vec();
        for _ in 0..2 {
            for (name, wanted) in [("app", "one/app"), ("web", "two/web"), ("lib", "one/inner/lib")] {
                assert_eq!(find_allowed_folder(&allowed, name), Ok(base.join(wanted)));
            }
            for wanted in ["one/api", "two/api", "one/inner", "one/.work/tool"] {
                let path = base.join(wanted);
                assert_eq!(find_allowed_folder(&allowed, &path.to_string_lossy()), Ok(path));
            }
            let refused = |name: &str| find_allowed_folder(&allowed, name).expect_err(name);
            assert_eq!(refused(".work"), RefusedFolder::Hidden);
            assert_eq!(refused("nope"), RefusedFolder::Missing(allowed.clone()));
            assert!(refused("api").is_ambiguous() && refused("api").to_string().contains("two/api"));
            allowed.reverse();
        }
    }
}
