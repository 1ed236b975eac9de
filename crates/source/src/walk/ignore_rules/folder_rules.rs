//! Ignore rules, from the top of the repository down to a folder.
//!
//! Precedence: first the kind of ignore file, then the deepest folder, then the last line. A line or a file
//! that cannot be read does not affect the others.

use std::borrow::Cow;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ignore::Match;
use ignore::gitignore::{Gitignore, GitignoreBuilder};

use super::FaultLog;
use config::find_git_excludes;
use git_rules::{GitFiles, GitPatterns, Repository, TrackedState, is_worktree_of_another, read_tracked_state};
use platform::open::read_small_file;
use types::{CopyKind, RepoPath};

/// Names of ignore files, highest precedence first; git's `info/exclude` and the user's excludes come after them.
pub(in crate::walk) const IGNORE_FILES: [&str; 3] = [".codescryignore", ".ignore", ".gitignore"];

/// Positions in [`FolderRules::kinds`] after those of [`IGNORE_FILES`].
const EXCLUDE: usize = 3;
const GLOBAL: usize = 4;
const KINDS: usize = 5;

/// Number of leading [`IGNORE_FILES`] that are made for search: their negated rules include hidden files. The others
/// are files of git.
const SEARCH_KINDS: usize = 2;

/// Maximum size of an ignore file, in bytes; a larger one is reported and not used. Git's limit is 100 MiB.
const MAX_IGNORE_FILE_BYTES: u64 = 1 << 20;

/// Maximum size of all ignore files that apply to a folder, in bytes, so that the memory of nested ones is limited. A
/// file that exceeds the limit is reported and not used.
const MAX_CHAIN_BYTES: u64 = 4 << 20;

/// Maximum number of invalid lines that are named for a folder.
const MAX_INVALID_LINES: usize = 100;

/// The result of matching a path against the ignore rules.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::walk) enum IgnoreVerdict {
    /// No rule matches.
    Silent,
    /// A negated rule includes the path; with `even_hidden`, also if it is hidden.
    In { even_hidden: bool },
    /// A rule excludes the path: the rule as written, and its file. A rule of a file outside of the root is not quoted.
    Out { rule: Option<String>, source: String },
}

/// The ignore files that apply in a folder: its own, those of the folders above it up to the top of the repository, and
/// the user's.
pub(in crate::walk) struct FolderRules {
    /// The deepest file of each kind: of [`IGNORE_FILES`], then `info/exclude`, then the user's excludes.
    kinds: [Option<Arc<IgnoreFile>>; KINDS],
    /// Total size of the ignore files that apply in the folder, in bytes.
    chain_bytes: u64,
    /// Files of this folder that cannot be used, and why. For the root, also those that a walk does not visit.
    faults: Vec<(PathBuf, String)>,
    /// Invalid lines of the files of this folder, and why. For the root, also of those that a walk does not visit.
    invalid_patterns: Vec<String>,
    /// Whether the patterns in git's files ignore case.
    fold_case: bool,
    /// The repository that the folder belongs to; `None` outside of a repository.
    repository: Option<Arc<Repository>>,
    tree: Arc<TreeFolders>,
}

/// The folders that paths are relative to.
struct TreeFolders {
    /// Top of the repository that contains the root; the root if there is none.
    top: PathBuf,
    /// Folder of the walk. Lines of ignore files outside of it are never quoted.
    root: PathBuf,
}

/// An ignore file, and the next one of its kind further up.
struct IgnoreFile {
    file: PathBuf,
    patterns: Arc<Patterns>,
    /// Length of the path from the top to the folder of the rules, with a `/` at its end, in bytes; 0 at the top.
    folder_bytes: usize,
    above: Option<Arc<IgnoreFile>>,
}

enum Patterns {
    Git(GitPatterns),
    Search(Gitignore),
}

impl FolderRules {
    /// Returns the paths of the files with rules for `root` that a walk does not visit: those of git, of the user and
    /// of the folders above. They need not exist.
    pub fn files_outside(root: &Path) -> Vec<PathBuf> {
        let top = find_top(root);
        let above = root.ancestors().skip(1).take_while(|folder| folder.starts_with(top));
        let mut files: Vec<PathBuf> =
            above.flat_map(|folder| IGNORE_FILES.iter().map(|name| folder.join(name))).collect();
        files.extend(GitFiles::find(top).ok().flatten().map(|git| git.exclude_file()));
        files.extend(find_git_excludes().map(|file| file.canonicalize().unwrap_or(file)));
        files
    }

    /// Returns the state of the git index for `root`; `None` without a repository, or if its `.git` cannot be read.
    pub fn tracked_state(root: &Path) -> Option<TrackedState> {
        read_tracked_state(find_top(root))
    }

    /// Loads the user's excludes, and the rules of `root` and of the folders above it up to the top of its repository.
    pub fn load_root(root: &Path) -> Arc<Self> {
        // The user's excludes may be a symbolic link to another folder.
        Self::load_with_global(root, find_git_excludes().and_then(|file| file.canonicalize().ok()))
    }

    /// Loads the rules like [`Self::load_root`], with the file `global` as the user's excludes.
    pub fn load_with_global(root: &Path, global: Option<PathBuf>) -> Arc<Self> {
        let top = find_top(root);
        let tree = Arc::new(TreeFolders { top: top.to_owned(), root: root.to_owned() });
        let mut rules = Self {
            kinds: Default::default(),
            chain_bytes: 0,
            faults: Vec::new(),
            invalid_patterns: Vec::new(),
            fold_case: false,
            repository: None,
            tree,
        };
        let folders: Vec<&Path> = root.ancestors().take_while(|folder| *folder != top).chain([top]).collect();
        for folder in folders.into_iter().rev() {
            if let Some(mut below) = rules.extend(folder, &|_| true) {
                below.faults.append(&mut rules.faults);
                below.invalid_patterns.append(&mut rules.invalid_patterns);
                rules = below;
            }
        }
        if let Some(file) = global {
            // The user's excludes apply relative to the top of the repository, not to the working folder.
            rules.add_file(GLOBAL, top, file);
        }
        Arc::new(rules)
    }

    /// Loads the rules of `folder`, which has these entries; `above` are the rules of its parent folder.
    pub fn load_below(above: &Arc<Self>, folder: &Path, entries: &[impl AsRef<Path>]) -> Arc<Self> {
        let has_name = |name: &str| {
            entries.iter().any(|entry| entry.as_ref().file_name().is_some_and(|own| own.eq_ignore_ascii_case(name)))
        };
        above.extend(folder, &has_name).map_or_else(|| Arc::clone(above), Arc::new)
    }

    /// Logs which files of this folder, and which lines of them, cannot be used.
    pub fn log_faults(&self, log: &FaultLog) {
        let files = self.faults.iter().map(|(path, message)| format!("{}: {message}", path.display()));
        files.chain(self.invalid_patterns.iter().cloned()).for_each(|fault| log.warn_once(fault));
    }

    /// Returns the files that cannot be used, and why. For the root, these include files that a walk does not visit.
    pub fn faults(&self) -> &[(PathBuf, String)] {
        &self.faults
    }

    /// Adds the rules of `folder` to those above it; `None` if `folder` can have no rules. Accesses only files for
    /// which `may_have` is true.
    pub fn extend(&self, folder: &Path, may_have: &dyn Fn(&str) -> bool) -> Option<Self> {
        let has_git = may_have(".git");
        if !has_git && !IGNORE_FILES.iter().any(|name| may_have(name)) {
            return None;
        }
        let mut rules = self.inherit();
        let git = match if has_git { GitFiles::find(folder) } else { Ok(None) } {
            Ok(git) => git,
            Err(error) => {
                rules.faults.push((folder.join(".git"), error.to_string()));
                None
            }
        };
        if git.is_some() {
            rules.enter_repository(folder);
        }
        rules.fold_case = git.as_ref().map_or(self.fold_case, GitFiles::ignores_case);
        for (kind, name) in IGNORE_FILES.iter().enumerate() {
            if may_have(name) {
                rules.add_file(kind, folder, folder.join(name));
            }
        }
        if let Some(git) = git {
            rules.add_file(EXCLUDE, folder, git.exclude_file());
            let (repository, fault) = Repository::open(folder, git, self.repository.clone());
            rules.faults.extend(fault.map(|message| (folder.join(".git"), message)));
            rules.repository = Some(Arc::new(repository));
        }
        Some(rules)
    }

    /// Forgets the files of git above `folder`, where another repository begins: the rules of the outer repository end
    /// there. The excludes of the user apply to each repository on its own.
    fn enter_repository(&mut self, folder: &Path) {
        let folder_bytes = relative_bytes(&self.tree.top, folder).map_or(0, |path| path.len() + 1);
        self.kinds[SEARCH_KINDS..GLOBAL].fill(None);
        if let Some(global) = self.kinds[GLOBAL].take() {
            let (file, patterns) = (global.file.clone(), Arc::clone(&global.patterns));
            self.kinds[GLOBAL] = Some(Arc::new(IgnoreFile { file, patterns, folder_bytes, above: None }));
        }
    }

    /// Returns the rules for a folder directly in this one, before its own ignore files are added.
    fn inherit(&self) -> Self {
        Self {
            kinds: self.kinds.clone(),
            chain_bytes: self.chain_bytes,
            faults: Vec::new(),
            invalid_patterns: Vec::new(),
            fold_case: self.fold_case,
            repository: self.repository.clone(),
            tree: Arc::clone(&self.tree),
        }
    }

    /// Adds the rules of a file, which apply below `folder`; a missing file has none, and one that cannot be read is
    /// added to the faults. The path must be canonical but for its last component.
    fn add_file(&mut self, kind: usize, folder: &Path, file: PathBuf) {
        let bytes = match read_ignore_file(&file, MAX_CHAIN_BYTES.saturating_sub(self.chain_bytes)) {
            Ok(Some(bytes)) => bytes,
            Ok(None) => return,
            // A walk does not enter `.git`, so that a fault in it is reported for the folder.
            Err(error) if kind == EXCLUDE => {
                return self.faults.push((folder.join(".git"), format!("{}: {error}", file.display())));
            }
            Err(error) => return self.faults.push((file, error.to_string())),
        };
        self.chain_bytes += bytes.len() as u64;
        let patterns = if kind < SEARCH_KINDS {
            self.build_search_patterns(folder, &file, &bytes).map(Patterns::Search)
        } else {
            let patterns = GitPatterns::parse(bytes, self.fold_case);
            patterns.has_patterns().then_some(Patterns::Git(patterns))
        };
        let Some(patterns) = patterns else { return };
        let folder_bytes = relative_bytes(&self.tree.top, folder).map_or(0, |path| path.len() + 1);
        let above = self.kinds[kind].take();
        let patterns = Arc::new(patterns);
        self.kinds[kind] = Some(Arc::new(IgnoreFile { file, patterns, folder_bytes, above }));
    }

    /// Builds the rules of an ignore file made for search; `None` if there are none, or they are too large. Invalid UTF-8
    /// affects only its own line.
    fn build_search_patterns(&mut self, folder: &Path, file: &Path, bytes: &[u8]) -> Option<Gitignore> {
        let text = String::from_utf8_lossy(bytes);
        let mut builder = GitignoreBuilder::new(folder);
        for (number, line) in (1..).zip(text.trim_start_matches('\u{feff}').lines()) {
            let is_invalid = builder.add_line(Some(file.to_owned()), line).is_err();
            if is_invalid && self.invalid_patterns.len() < MAX_INVALID_LINES {
                // The error quotes the line.
                let quoted = if file.starts_with(&self.tree.root) { format!(" (`{line}`)") } else { String::new() };
                let fault = format!("line {number}{quoted} of {}: it is not a valid pattern", file.display());
                self.invalid_patterns.push(fault);
            }
        }
        let too_large = || format!("{}: its patterns are too large", file.display());
        let built = builder.build().inspect_err(|_| self.invalid_patterns.push(too_large()));
        built.ok().filter(|rules| !rules.is_empty())
    }

    /// Returns why `file` cannot be used, if it is an ignore file or the `.git` of this folder that cannot be used.
    pub fn read_error(&self, file: &Path) -> Option<&str> {
        self.faults.iter().find(|(path, _)| path == file).map(|(_, message)| message.as_str())
    }

    /// Matches `path` against the rules by precedence: first by kind of ignore file, then from the deepest folder up.
    #[cfg(test)]
    pub fn verdict(&self, path: &Path, is_dir: bool) -> IgnoreVerdict {
        self.match_kinds(0..KINDS, path, is_dir)
    }

    /// Matches `path` against the ignore files that are made for search.
    pub fn search_verdict(&self, path: &Path, is_dir: bool) -> IgnoreVerdict {
        self.match_kinds(0..SEARCH_KINDS, path, is_dir)
    }

    /// Matches `path` against the ignore files of git.
    pub fn git_verdict(&self, path: &Path, is_dir: bool) -> IgnoreVerdict {
        self.match_kinds(SEARCH_KINDS..KINDS, path, is_dir)
    }

    /// Returns whether git tracks the file `path`, or a file below the folder `path`.
    pub fn is_tracked(&self, path: &Path, is_dir: bool) -> bool {
        self.ask_repository(path, |repository, path| repository.tracks(path, is_dir))
    }

    /// Returns whether the folder `path` is a submodule that git tracks.
    pub fn is_submodule(&self, path: &Path) -> bool {
        self.ask_repository(path, |repository, path| repository.has_submodule(path))
    }

    /// Returns how the folder `path`, the top of a repository, is a copy of another repository; `None` for a submodule
    /// and for a repository that is not a copy.
    pub fn copy_kind(&self, path: &Path) -> Option<CopyKind> {
        if self.is_submodule(path) {
            return None;
        }
        let around = self.repository.as_ref().and_then(|repository| repository.copy_kind(path));
        around.or_else(|| is_worktree_of_another(&self.tree.root, path).then_some(CopyKind::Worktree))
    }

    fn ask_repository(&self, path: &Path, ask: impl Fn(&Repository, &[u8]) -> bool) -> bool {
        let Some(repository) = &self.repository else { return false };
        relative_bytes(&repository.top, path).is_some_and(|path| ask(repository, &path))
    }

    fn match_kinds(&self, kinds: std::ops::Range<usize>, path: &Path, is_dir: bool) -> IgnoreVerdict {
        let Some(relative) = relative_bytes(&self.tree.top, path) else { return IgnoreVerdict::Silent };
        let files = |kind: usize| std::iter::successors(self.kinds[kind].as_deref(), |file| file.above.as_deref());
        kinds
            .flat_map(|kind| files(kind).map(move |file| (kind, file)))
            .find_map(|(kind, file)| self.match_file(kind, file, path, &relative, is_dir))
            .unwrap_or(IgnoreVerdict::Silent)
    }

    fn match_file(
        &self,
        kind: usize,
        file: &IgnoreFile,
        path: &Path,
        relative: &[u8],
        is_dir: bool,
    ) -> Option<IgnoreVerdict> {
        let even_hidden = kind < SEARCH_KINDS;
        let rule = match &*file.patterns {
            Patterns::Git(patterns) => {
                let found = patterns.find_match(relative.get(file.folder_bytes..)?, is_dir)?;
                (!found.is_negated).then(|| self.describe(file, Some(found.line), || patterns.line_text(found)))
            }
            Patterns::Search(patterns) => match patterns.matched(path, is_dir) {
                Match::None => return None,
                Match::Whitelist(_) => None,
                Match::Ignore(glob) => Some(self.describe(file, None, || glob.original().to_owned())),
            },
        };
        Some(rule.unwrap_or(IgnoreVerdict::In { even_hidden }))
    }

    /// Describes a rule that excludes a path. A rule of a file outside of the root is not quoted: a `.git` file can
    /// point to any folder, so quoting could disclose text from anywhere on the machine.
    fn describe(&self, file: &IgnoreFile, line: Option<u32>, rule: impl FnOnce() -> String) -> IgnoreVerdict {
        match (RepoPath::below(&self.tree.root, &file.file), line) {
            (Some(inside), _) => IgnoreVerdict::Out { rule: Some(rule()), source: inside.to_string() },
            (None, Some(line)) => {
                IgnoreVerdict::Out { rule: None, source: format!("line {line} of {}", file.file.display()) }
            }
            (None, None) => IgnoreVerdict::Out { rule: None, source: format!("a rule of {}", file.file.display()) },
        }
    }
}

/// Returns the top of the repository that contains `root`, or `root` if there is none.
fn find_top(root: &Path) -> &Path {
    root.ancestors().find(|folder| folder.join(".git").exists()).unwrap_or(root)
}

/// Returns the path of `path` below `folder`, `/`-separated; `None` if it is not below it.
fn relative_bytes<'p>(folder: &Path, path: &'p Path) -> Option<Cow<'p, [u8]>> {
    let separator = |byte: u8| byte == b'/' || (cfg!(windows) && byte == b'\\');
    let path = path.as_os_str().as_encoded_bytes().strip_prefix(folder.as_os_str().as_encoded_bytes())?;
    // A folder that is a root, such as `/`, ends with a separator.
    let is_root = folder.as_os_str().as_encoded_bytes().last().is_some_and(|byte| separator(*byte));
    let path = match path.split_first() {
        Some((first, rest)) if separator(*first) => rest,
        Some(_) if is_root => path,
        _ => return None,
    };
    if !cfg!(windows) {
        return Some(Cow::Borrowed(path));
    }
    Some(Cow::Owned(path.iter().map(|byte| if separator(*byte) { b'/' } else { *byte }).collect()))
}

/// Reads an ignore file; `None` if it does not exist or is a folder or a device.
///
/// Does not follow symbolic links, like git; otherwise a reported rule could quote any file of the machine.
fn read_ignore_file(file: &Path, max_chain_bytes: u64) -> io::Result<Option<Vec<u8>>> {
    match file.symlink_metadata() {
        Ok(metadata) if metadata.is_symlink() => Err(io::Error::other("it is a link, which is not followed")),
        Ok(metadata) if !metadata.is_file() => Ok(None),
        Ok(metadata) if metadata.len() > max_chain_bytes && metadata.len() <= MAX_IGNORE_FILE_BYTES => {
            let limit = MAX_CHAIN_BYTES >> 20;
            Err(io::Error::other(format!("together with those above it, it is larger than {limit} MiB; shorten it")))
        }
        Ok(_) => read_small_file(file, MAX_IGNORE_FILE_BYTES.min(max_chain_bytes)).map(Some),
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => Ok(None),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    /// Returns a canonical folder with these files.
    fn folder_of(files: &[(&str, &[u8])]) -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().expect("a folder");
        let root = folder.path().canonicalize().expect("it is there");
        for (path, text) in files {
            let path = root.join(path);
            fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
            fs::write(path, text).expect("a file");
        }
        (folder, root)
    }

    #[cfg(unix)]
    #[test]
    fn a_linked_ignore_file_is_reported_and_its_target_is_not_quoted() {
        use std::os::unix::fs::symlink;
        let (_folder, base) = folder_of(&[("outside", b"*.secret\n"), ("root/.git/info/x", b"")]);
        let root = base.join("root");
        symlink(base.join("outside"), root.join(".gitignore")).expect("a link");
        symlink(base.join("outside"), root.join(".git/info/exclude")).expect("a link");
        let rules = FolderRules::load_root(&root);
        assert_eq!(rules.verdict(&root.join("a.secret"), false), IgnoreVerdict::Silent);
        assert_eq!(rules.read_error(&root.join(".gitignore")), Some("it is a link, which is not followed"));
        let message = rules.read_error(&root.join(".git")).expect("a fault");
        assert!(message.ends_with("info/exclude: it is a link, which is not followed"), "{message}");
    }

    #[test]
    fn an_oversized_ignore_file_is_reported_and_not_used() {
        let large = [b"a.rs\n".as_slice(), &vec![b'\n'; MAX_IGNORE_FILE_BYTES as usize]].concat();
        let files = [".ignore", ".gitignore", ".git/info/exclude"].map(|path| (path, large.as_slice()));
        let (_folder, root) = folder_of(&files);
        let rules = FolderRules::load_root(&root);
        for path in [".ignore", ".gitignore", ".git"] {
            let message = rules.read_error(&root.join(path)).expect("a fault");
            assert!(message.ends_with("it is larger than 1 MiB; shorten it"), "{path}: {message}");
        }
        assert_eq!(rules.verdict(&root.join("a.rs"), false), IgnoreVerdict::Silent, "no part of it is used");
    }

    #[test]
    fn nested_ignore_files_are_limited_together() {
        let large = [b"*.out\n".as_slice(), &vec![b'\n'; (MAX_IGNORE_FILE_BYTES - 6) as usize]].concat();
        let folders = ["", "a/", "a/a/", "a/a/a/", "a/a/a/a/"];
        let files = folders.map(|folder| format!("{folder}.gitignore"));
        let (_folder, root) = folder_of(&files.each_ref().map(|path| (path.as_str(), large.as_slice())));
        let mut rules = FolderRules::load_root(&root);
        for folder in folders.into_iter().skip(1) {
            assert_eq!(rules.read_error(&root.join(folder).join(".gitignore")), None);
            let folder = root.join(folder.trim_end_matches('/'));
            rules = FolderRules::load_below(&rules, &folder, &[folder.join(".gitignore")]);
        }
        let message = rules.read_error(&root.join(&files[4])).expect("a fault");
        assert_eq!(message, "together with those above it, it is larger than 4 MiB; shorten it");
        let verdict = rules.verdict(&root.join("a/a/a/a/x.out"), false);
        let expected = IgnoreVerdict::Out { rule: Some("*.out".to_owned()), source: "a/a/a/.gitignore".to_owned() };
        assert_eq!(verdict, expected, "the files above it are used");
    }

    #[test]
    fn rules_outside_of_the_root_are_not_quoted() {
        let (_folder, base) = folder_of(&[
            ("elsewhere/info/exclude", b"\nhunter2\n"),
            ("repo/.git", b"gitdir: ../elsewhere\n"),
            ("repo/.gitignore", b"# passwords\ncorrect-horse\n"),
            ("repo/.ignore", b"battery-staple\n"),
            ("repo/sub/a.rs", b""),
        ]);
        let root = base.join("repo/sub");
        let rules = FolderRules::load_root(&root);
        for (name, expected) in [
            ("hunter2", format!("line 2 of {}/elsewhere/info/exclude", base.display())),
            ("correct-horse", format!("line 2 of {}/repo/.gitignore", base.display())),
            ("battery-staple", format!("a rule of {}/repo/.ignore", base.display())),
        ] {
            let verdict = rules.verdict(&root.join(name), false);
            assert_eq!(verdict, IgnoreVerdict::Out { rule: None, source: expected });
        }
    }

    #[test]
    fn files_of_git_that_are_too_large_are_reported() {
        let (_folder, root) = folder_of(&[(".git", vec![b' '; 65 << 10].as_slice())]);
        let rules = FolderRules::load_root(&root);
        assert_eq!(rules.read_error(&root.join(".git")), Some("it is larger than 64 KiB; shorten it"));
    }

    #[test]
    fn case_is_ignored_where_the_repository_says_so() {
        let settings: &[u8] = b"[core]\n\tignorecase = true\n";
        let (_folder, root) = folder_of(&[(".git/config", settings), (".gitignore", b"Build/\n*.LOG\n[a-c].x\n")]);
        let rules = FolderRules::load_root(&root);
        let is_out = |path: &str, is_dir| rules.verdict(&root.join(path), is_dir) != IgnoreVerdict::Silent;
        assert!(is_out("build", true) && is_out("a.log", false) && is_out("B.x", false));
        let (_folder, root) = folder_of(&[(".gitignore", b"Build/\n")]);
        let rules = FolderRules::load_root(&root);
        assert_eq!(rules.verdict(&root.join("build"), true), IgnoreVerdict::Silent);
    }
}
