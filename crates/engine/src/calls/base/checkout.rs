//! Which project and commit a folder is a checkout of, from the files of git.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use config::GitSetting;
use platform::open::read_small_file;

/// Maximum size of a file of git that is read here, in bytes.
const MAX_GIT_BYTES: u64 = 64 << 20;

/// The project and the commit that a folder is a checkout of.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Checkout {
    /// The name of the project for locations: its origin, otherwise the folder's name, and the folder in it.
    pub project: String,
    /// The commit in hexadecimal; `None` outside of git.
    pub commit: Option<String>,
}

impl Checkout {
    /// Finds the project of a folder, which need not be in a repository.
    pub fn find(root: &Path) -> Self {
        let top = root.ancestors().find(|above| above.join(".git").symlink_metadata().is_ok());
        let folder_name = |folder: &Path| folder.file_name().map(|name| name.to_string_lossy().into_owned());
        let git = top.and_then(GitFolders::find);
        let origin = git.as_ref().and_then(GitFolders::origin).map(|url| shorten_origin(&url));
        let name = origin.or_else(|| folder_name(top.unwrap_or(root))).unwrap_or_default();
        let below = top.and_then(|top| root.strip_prefix(top).ok()).unwrap_or(Path::new(""));
        Self {
            project: project_name(&format!("{name}/{}", below.to_string_lossy())),
            commit: git.as_ref().and_then(GitFolders::head),
        }
    }
}

#[cfg(feature = "locations")]
use locations::project_name;

/// Returns the name as it is: without locations, nothing is published under it.
#[cfg(not(feature = "locations"))]
fn project_name(text: &str) -> String {
    text.to_owned()
}

/// Returns whether git sees changes of tracked files; `None` if it is not installed or fails.
pub fn has_changes(root: &Path) -> Option<bool> {
    let mut git = Command::new("git");
    git.arg("-C").arg(root).args(["-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null"]);
    git.args(["status", "--porcelain", "--untracked-files=no", "--ignore-submodules", "--", "."]);
    git.env("GIT_NO_LAZY_FETCH", "1").env("GIT_OPTIONAL_LOCKS", "0").stdin(Stdio::null()).stderr(Stdio::null());
    let ran = git.output().ok().filter(|ran| ran.status.success())?;
    Some(!ran.stdout.is_empty())
}

/// The folders in which git keeps what belongs to a working tree.
struct GitFolders {
    /// The folder of the working tree.
    own: PathBuf,
    /// The folder that all working trees of the repository share.
    common: PathBuf,
}

impl GitFolders {
    fn find(top: &Path) -> Option<Self> {
        let git = top.join(".git").canonicalize().ok()?;
        if git.is_dir() {
            return Some(Self { own: git.clone(), common: git });
        }
        let text = read_text(&git)?;
        let own = top.join(text.strip_prefix("gitdir:")?.trim()).canonicalize().ok()?;
        let common = match own.join("commondir").canonicalize() {
            Ok(file) => own.join(read_text(&file)?.trim()).canonicalize().ok()?,
            Err(_) => own.clone(),
        };
        Some(Self { own, common })
    }

    fn origin(&self) -> Option<String> {
        let settings = GitSetting::parse_all(&read_text(&self.common.join("config").canonicalize().ok()?)?);
        settings.into_iter().find(|setting| setting.name == "remote.origin.url")?.value
    }

    /// Returns the commit that is checked out.
    fn head(&self) -> Option<String> {
        let head = read_text(&self.own.join("HEAD"))?;
        let Some(name) = head.strip_prefix("ref:").map(str::trim) else { return commit_id(&head) };
        if name.split('/').any(|part| part.is_empty() || part == "..") {
            return None;
        }
        for folder in [&self.own, &self.common] {
            if let Some(id) = read_text(&folder.join(name)).as_deref().and_then(commit_id) {
                return Some(id);
            }
        }
        let packed = read_text(&self.common.join("packed-refs"))?;
        packed.lines().find_map(|line| line.strip_suffix(name)?.strip_suffix(' ').and_then(commit_id))
    }
}

fn read_text(file: &Path) -> Option<String> {
    Some(String::from_utf8_lossy(&read_small_file(file, MAX_GIT_BYTES).ok()?).into_owned())
}

fn commit_id(text: &str) -> Option<String> {
    let id = text.trim();
    let is_id = matches!(id.len(), 40 | 64) && id.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_id.then(|| id.to_owned())
}

/// Returns the host and the path of an address without the scheme, the user and `.git`, so that the addresses of one
/// repository give the same name and no credential gets into it.
fn shorten_origin(url: &str) -> String {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let host_end = rest.find('/').unwrap_or(rest.len());
    let start = rest[..host_end].rfind('@').map_or(0, |at| at + 1);
    let name = rest[start..].trim_end_matches('/');
    // `host:path` of scp is `host/path` of other addresses.
    name.strip_suffix(".git").unwrap_or(name).replacen(':', "/", 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn addresses_of_one_repository_give_one_name() {
        for url in [
            "https://github.com/Owner/app.git",
            "https://user:token@github.com/Owner/app",
            "git@github.com:Owner/app.git",
            "ssh://git@github.com/Owner/app.git/",
        ] {
            assert_eq!(shorten_origin(url), "github.com/Owner/app", "{url}");
        }
    }

    #[test]
    fn commits_are_found_in_loose_and_packed_references() {
        let folder = tempfile::tempdir().expect("a folder");
        let git = folder.path().join(".git");
        let id = "0123456789012345678901234567890123456789";
        fs::create_dir_all(git.join("refs/heads")).expect("folders");
        fs::create_dir_all(folder.path().join("web")).expect("a folder");
        fs::write(git.join("HEAD"), "ref: refs/heads/main\n").expect("written");
        fs::write(git.join("packed-refs"), format!("# pack-refs\n{id} refs/heads/main\n")).expect("written");
        fs::write(git.join("config"), "[remote \"origin\"]\n url = git@host:team/app.git\n").expect("written");
        let checkout = Checkout::find(&folder.path().join("web"));
        assert_eq!(checkout.commit.as_deref(), Some(id));
        let other = id.replace('0', "a");
        fs::write(git.join("refs/heads/main"), format!("{other}\n")).expect("written");
        assert_eq!(Checkout::find(folder.path()).commit, Some(other));
        if cfg!(feature = "locations") {
            assert_eq!(checkout.project, "host-team-app-web");
        }
    }
}
