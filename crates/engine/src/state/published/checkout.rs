//! Finds the project and the commit that a folder is a checkout of. Published indexes are named by them.

use std::path::Path;
use std::process::{Command, Stdio};

use git_rules::GitProject;
use locations::project_name;

/// The project and the commit that a folder is a checkout of.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Checkout {
    /// The name of the project for locations. In a repository: the address of its origin (only the last name of its
    /// path if it is on this machine), or without an origin the name of its top folder; then the path of the folder in
    /// it. Otherwise, the name of the folder.
    pub project: String,
    /// The commit in hexadecimal; `None` if no commit is checked out.
    pub commit: Option<String>,
}

impl Checkout {
    /// Finds the project of a folder, which need not be in a repository.
    pub fn find(root: &Path) -> Self {
        let last_name = |path: &Path| path.file_name().map(|name| name.to_string_lossy().into_owned());
        let Some(git) = GitProject::find(root) else {
            return Self { project: project_name(&last_name(root).unwrap_or_default()), commit: None };
        };
        // An origin on this machine has another path on other machines, so only its name is used.
        let shorten = |origin: String| match Path::new(&origin).is_absolute() {
            true => last_name(Path::new(origin.trim_end_matches("/.git"))).unwrap_or(origin),
            false => origin,
        };
        let name = git.origin.map(shorten).or_else(|| last_name(&git.top)).unwrap_or_default();
        let name = name.strip_suffix(".git").unwrap_or(&name);
        Self { project: project_name(&format!("{name}/{}", git.part)), commit: git.commit }
    }
}

/// Returns whether git sees changes of tracked files in a folder; `None` if git is not installed or fails.
pub fn has_changes(root: &Path) -> Option<bool> {
    let mut git = Command::new("git");
    git.arg("-C").arg(root).args(["-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null"]);
    git.args(["status", "--porcelain", "--untracked-files=no", "--ignore-submodules", "--", "."]);
    git.env("GIT_NO_LAZY_FETCH", "1").env("GIT_OPTIONAL_LOCKS", "0").stdin(Stdio::null()).stderr(Stdio::null());
    let ran = git.output().ok().filter(|ran| ran.status.success())?;
    Some(!ran.stdout.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn projects_are_named_by_origin_and_folder() {
        let folder = tempfile::tempdir().expect("a folder");
        let root = folder.path().canonicalize().expect("a path").join("App");
        fs::create_dir_all(root.join("web")).expect("folders");
        assert_eq!(Checkout::find(&root), Checkout { project: "app".to_owned(), commit: None });
        let git = root.join(".git");
        let id = "0123456789012345678901234567890123456789";
        fs::create_dir_all(git.join("refs/heads")).expect("folders");
        fs::write(git.join("HEAD"), "ref: refs/heads/main\n").expect("written");
        fs::write(git.join("refs/heads/main"), format!("{id}\n")).expect("written");
        for (origin, project) in
            [("https://user:token@host/team/app.git", "host-team-app-web"), (root.to_str().expect("UTF-8"), "app-web")]
        {
            fs::write(git.join("config"), format!("[remote \"origin\"]\n url = {origin}\n")).expect("written");
            let checkout = Checkout::find(&root.join("web"));
            assert_eq!((checkout.project.as_str(), checkout.commit.as_deref()), (project, Some(id)));
        }
    }
}
