//! Which root a call is about, and which path inside of it.
//!
//! Roots are fixed at start. Whatever a call says, the path that leaves here is relative, stays
//! below its root by components, and does not lead out of it through a link; the engine checks
//! again when it reads. Must never import: anything of this crate but `engine`.

use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use super::answer::{Refusal, clean};
use super::runs::Runs;
use crate::engine::Engine;

/// A served folder.
pub struct Root {
    pub engine: Arc<Engine>,
    pub runs: Arc<Runs>,
}

impl Root {
    /// The folder.
    pub fn path(&self) -> &Path {
        self.engine.root()
    }

    /// The folder as text.
    pub fn name(&self) -> String {
        clean(&self.path().to_string_lossy())
    }
}

/// All served folders; at least one.
pub struct Roots(pub Vec<Root>);

impl Roots {
    /// The root a call is about: the one it names, the one its absolute path is in, or the only one.
    pub fn pick(&self, root: Option<&str>, path: Option<&str>) -> Result<&Root, Refusal> {
        if let Some(name) = root {
            let by_path = self.0.iter().find(|root| root.path() == Path::new(name));
            let by_name = || self.0.get(self.short_names().iter().position(|short| *short == name)?);
            let named = by_path.or_else(by_name);
            return named.ok_or_else(|| Refusal(format!("root {} is not served; {}", clean(name), self.choices())));
        }
        if let [only] = self.0.as_slice() {
            return Ok(only);
        }
        let Some(path) = path.map(Path::new).filter(|path| path.is_absolute()) else {
            return Err(Refusal(format!("several roots are served: say which one in root; {}", self.choices())));
        };
        let holds = |root: &&Root| path.starts_with(root.path());
        let innermost = self.0.iter().filter(holds).max_by_key(|root| root.path().components().count());
        innermost.ok_or_else(|| self.outside(&path.to_string_lossy()))
    }

    /// `path` relative to `root`; `None` when it is the root itself.
    pub fn relative(&self, root: &Root, path: &str) -> Result<Option<String>, Refusal> {
        let refused = || self.outside(path);
        let mut parts = Vec::new();
        for component in below(root.path(), Path::new(path)).ok_or_else(refused)?.components() {
            match component {
                Component::CurDir => {}
                Component::Normal(name) => parts.push(name.to_string_lossy().into_owned()),
                Component::ParentDir | Component::RootDir | Component::Prefix(_) => {
                    return Err(refused());
                }
            }
        }
        if path.contains('\0') || leads_out(root.path(), &parts) {
            return Err(refused());
        }
        Ok((!parts.is_empty()).then(|| parts.join("/")))
    }

    /// A name for each root, as it stands in addresses of resources: its folder's, with a number where
    /// others have it, too.
    pub fn short_names(&self) -> Vec<String> {
        let mut names: Vec<String> = Vec::with_capacity(self.0.len());
        for root in &self.0 {
            let folder =
                root.path().file_name().map_or_else(|| "root".to_owned(), |name| name.to_string_lossy().into_owned());
            let folder = encode(&folder);
            let mut name = folder.clone();
            let mut number = 2;
            while names.contains(&name) {
                name = format!("{folder}~{number}");
                number += 1;
            }
            names.push(name);
        }
        names
    }

    fn outside(&self, path: &str) -> Refusal {
        Refusal(format!(
            "path {} is outside of what is served; give a path inside the root, relative to it; {}",
            clean(path),
            self.choices()
        ))
    }

    /// `served: /a, /b`.
    fn choices(&self) -> String {
        let names: Vec<_> = self.0.iter().map(Root::name).collect();
        format!("served: {}", names.join(", "))
    }
}

/// Percent-encodes what has a meaning in addresses.
pub fn encode(part: &str) -> String {
    let mut text = String::with_capacity(part.len());
    for byte in part.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            text.push(char::from(byte));
        } else {
            text.push_str(&format!("%{byte:02X}"));
        }
    }
    text
}

/// What of `path` is below `root`: a relative path as it is, an absolute one without the root.
fn below(root: &Path, path: &Path) -> Option<PathBuf> {
    if path.is_relative() {
        return Some(path.to_owned());
    }
    if let Ok(relative) = path.strip_prefix(root) {
        return Some(relative.to_owned());
    }
    // The same folder under another name: /tmp is a link to /private/tmp on macOS.
    let resolved = path.canonicalize().ok()?;
    resolved.strip_prefix(root).ok().map(Path::to_owned)
}

/// Whether the part of the path that exists ends up outside of `root`.
fn leads_out(root: &Path, parts: &[String]) -> bool {
    let full = parts.iter().fold(root.to_owned(), |path, part| path.join(part));
    let existing = full.ancestors().find_map(|path| path.canonicalize().ok());
    let dangling = full.symlink_metadata().is_ok_and(|found| found.is_symlink()) && !full.exists();
    dangling || existing.is_none_or(|path| !path.starts_with(root))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::{Options, Settings};

    #[test]
    fn absolute_paths_lose_their_root_by_components() {
        let below = |path: &str| below(Path::new("/srv/app"), Path::new(path));
        assert_eq!(below("/srv/app/src/a.rs"), Some("src/a.rs".into()));
        assert_eq!(below("/srv/app"), Some("".into()));
        assert_eq!(below("src/a.rs"), Some("src/a.rs".into()));
        assert_eq!(below("/srv/app-evil/a.rs"), None);
    }

    /// Serves these folders of `base`.
    fn served(base: &Path, names: &[&str]) -> Roots {
        let root = |name: &&str| {
            let path = base.join(name);
            std::fs::create_dir_all(&path).expect("a folder");
            let index_dir = Some(base.join("index").join(name));
            let options = Options { path: Some(path), index_dir, ..Options::default() };
            let settings = Settings::resolve(&options).expect("the folder is there");
            let engine = Arc::new(Engine::open(settings).expect("it opens"));
            Root { runs: Arc::new(Runs::new(Arc::clone(&engine))), engine }
        };
        Roots(names.iter().map(root).collect())
    }

    #[test]
    fn a_call_names_its_root_or_leaves_no_doubt() {
        let dir = tempfile::tempdir().expect("a folder");
        let base = dir.path().canonicalize().expect("it is there");
        let text = |path: &str| base.join(path).to_string_lossy().into_owned();
        let roots = served(&base, &["a", "b"]);
        let pick = |root: Option<&str>, path: Option<&str>| {
            let picked = roots.pick(root, path).map_err(|refusal| refusal.0)?;
            Ok::<_, String>(picked.path().to_owned())
        };
        assert_eq!(pick(Some(&text("b")), None), Ok(base.join("b")));
        assert_eq!(pick(None, Some(&text("b/src/x.rs"))), Ok(base.join("b")));
        assert_eq!(pick(Some("b"), None), Ok(base.join("b")));
        let namesakes = served(&base, &["x/app", "y/app"]);
        let second = namesakes.pick(Some("app~2"), None).map(|root| root.path().to_owned());
        assert!(second.is_ok_and(|path| path == base.join("y/app")));
        for (root, path) in [
            (None, None),
            (None, Some("src/x.rs".to_owned())),
            (None, Some(text("b-evil/x.rs"))),
            (Some(text("c")), None),
            (Some(text("a/src")), None),
        ] {
            let refused = pick(root.as_deref(), path.as_deref()).expect_err("it is not clear");
            assert!(refused.contains(&text("a")) && refused.contains(&text("b")), "{refused}");
        }
        let only = served(&base, &["a"]);
        assert!(only.pick(None, Some("src/x.rs")).is_ok());
        let relative = |path: &str| only.relative(&only.0[0], path).map_err(|refusal| refusal.0);
        assert_eq!(relative(&text("a/./src//x.rs")), Ok(Some("src/x.rs".to_owned())));
        assert_eq!(relative("./"), Ok(None));
        assert!(relative("src/../x.rs").is_err() && relative(&text("b/x.rs")).is_err());
    }

    #[cfg(unix)]
    #[test]
    fn links_may_not_lead_out() {
        let dir = tempfile::tempdir().expect("a folder");
        let base = dir.path().canonicalize().expect("it is there");
        let root = base.join("root");
        std::fs::create_dir_all(root.join("src")).expect("a folder");
        std::os::unix::fs::symlink(&base, root.join("out")).expect("a link");
        std::os::unix::fs::symlink(root.join("src"), root.join("in")).expect("a link");
        std::os::unix::fs::symlink(base.join("nowhere"), root.join("broken")).expect("a link");
        let out = |path: &str| leads_out(&root, &path.split('/').map(str::to_owned).collect::<Vec<_>>());
        assert!(out("out") && out("out/x/y.rs") && out("broken"));
        assert!(!out("src") && !out("in") && !out("src/**/*.rs") && !out("nothing/here.rs"));
    }
}
