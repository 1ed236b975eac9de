//! Ignore files, from the top of the repository down to a folder.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ignore::Match;
use ignore::gitignore::{Gitignore, GitignoreBuilder, gitconfig_excludes_path};

/// Ignore files a folder can have, the one that counts most first.
const FILES: [&str; 3] = [".codescryignore", ".ignore", ".gitignore"];

/// What the rules say of a path.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// No rule matches.
    Silent,
    /// A negated rule asks for it.
    In,
    /// A rule, as written, and the file it stands in.
    Out { rule: String, source: String },
}

/// The ignore files of a folder and of all folders above it.
pub(super) struct Rules {
    above: Option<Arc<Rules>>,
    /// One for each of [`FILES`].
    own: [Option<Gitignore>; 3],
    /// `.git/info/exclude`, then the user's global excludes; only at the top.
    last: Vec<Gitignore>,
    /// Where paths in reports start.
    root: PathBuf,
}

impl Rules {
    /// The rules at `root`, those of the folders above it up to the top of its repository included.
    pub fn of_root(root: &Path) -> Self {
        let top = root.ancestors().find(|folder| folder.join(".git").exists()).unwrap_or(root);
        let mut last: Vec<Gitignore> = exclude_file(top).and_then(|file| load(top, &file)).into_iter().collect();
        // Global rules hold below the top of the repository, wherever the program was started.
        last.extend(gitconfig_excludes_path().and_then(|file| load(top, &file)));
        let mut rules = Self { above: None, own: own(top), last, root: root.to_owned() };
        let between: Vec<&Path> = root.ancestors().take_while(|folder| *folder != top).collect();
        for folder in between.into_iter().rev() {
            rules = Self::below(&Arc::new(rules), folder);
        }
        rules
    }

    /// The rules inside `folder`, which stands in the folder that `above` is of.
    pub fn below(above: &Arc<Self>, folder: &Path) -> Self {
        Self { above: Some(Arc::clone(above)), own: own(folder), last: Vec::new(), root: above.root.clone() }
    }

    /// What holds for `path`: the first kind of file that says anything, and of its files the deepest.
    pub fn verdict(&self, path: &Path, is_dir: bool) -> Verdict {
        for kind in 0..FILES.len() {
            let mut folder = Some(self);
            while let Some(rules) = folder {
                if let Some(verdict) = rules.own[kind].as_ref().and_then(|matcher| self.ask(matcher, path, is_dir)) {
                    return verdict;
                }
                folder = rules.above.as_deref();
            }
        }
        let mut top = self;
        while let Some(above) = top.above.as_deref() {
            top = above;
        }
        top.last.iter().find_map(|matcher| self.ask(matcher, path, is_dir)).unwrap_or(Verdict::Silent)
    }

    fn ask(&self, matcher: &Gitignore, path: &Path, is_dir: bool) -> Option<Verdict> {
        match matcher.matched(path, is_dir) {
            Match::None => None,
            Match::Whitelist(_) => Some(Verdict::In),
            Match::Ignore(glob) => {
                let source =
                    glob.from().map(|from| from.strip_prefix(&self.root).unwrap_or(from).display().to_string());
                Some(Verdict::Out { rule: glob.original().to_owned(), source: source.unwrap_or_default() })
            }
        }
    }
}

fn own(folder: &Path) -> [Option<Gitignore>; 3] {
    FILES.map(|name| load(folder, &folder.join(name)))
}

/// The rules of a file, which hold below `folder`; a line that cannot be read is left out.
fn load(folder: &Path, file: &Path) -> Option<Gitignore> {
    if !file.is_file() {
        return None;
    }
    let mut builder = GitignoreBuilder::new(folder);
    if let Some(error) = builder.add(file) {
        tracing::warn!("{}: {error}", file.display());
    }
    builder.build().ok().filter(|rules| !rules.is_empty())
}

/// `info/exclude` of the repository at `top`, also where `.git` is a file that points elsewhere.
fn exclude_file(top: &Path) -> Option<PathBuf> {
    let git = top.join(".git");
    let folder = if git.is_file() {
        let text = fs::read_to_string(&git).ok()?;
        let folder = top.join(text.trim().strip_prefix("gitdir:")?.trim());
        // A worktree keeps its excludes with the repository it belongs to.
        match fs::read_to_string(folder.join("commondir")) {
            Ok(common) => folder.join(common.trim()),
            Err(_) => folder,
        }
    } else {
        git
    };
    Some(folder.join("info").join("exclude")).filter(|file| file.is_file())
}
