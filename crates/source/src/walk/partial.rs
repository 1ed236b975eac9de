//! Walks over a part of the tree, and over folders only.
//!
//! Partial walks apply the same rules in the same order as the full walk, because they are the same walk
//! restricted to a part of the tree.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::finding::{SkippedPath, WalkError, WalkFinding};
use super::ignore_rules::{FolderRules, IGNORE_FILES, TrackedState};
use super::walker::{self, IsWanted, WalkOptions, walk_tree};
use platform::cancel::CancelToken;
use types::{AbsPath, PathSet, RepoPath, SkipReason, is_below};

/// Visits the given files and folders with everything below them; the empty path is the root.
///
/// Each is visited once, as by [`walk_tree`]. Missing paths and paths below a skipped folder are
/// not visited. An unreadable folder above a given path is visited.
///
/// # Errors
/// When the root itself cannot be read.
pub fn walk_paths(
    root: &AbsPath,
    options: &WalkOptions<'_>,
    paths: &[RepoPath],
    visit: &mut dyn FnMut(WalkFinding) -> ControlFlow<()>,
) -> Result<(), WalkError> {
    let wanted = paths.iter().cloned().collect::<PathSet>();
    walker::run_walk(root, options, &wanted, None, &mut |finding, is_wanted| {
        // A folder that is only above a wanted path is reported if it is unreadable.
        let is_unreadable =
            matches!(&finding, WalkFinding::Skipped(SkippedPath { reason: SkipReason::Unreadable { .. }, .. }));
        if is_wanted.0 || is_unreadable { visit(finding) } else { ControlFlow::Continue(()) }
    })
}

/// Visits `paths` and everything below them, or the whole tree if `paths` is `None`.
///
/// # Errors
/// When the root itself cannot be read.
pub fn walk_scope(
    root: &AbsPath,
    options: &WalkOptions<'_>,
    paths: Option<&[RepoPath]>,
    visit: &mut dyn FnMut(WalkFinding) -> ControlFlow<()>,
) -> Result<(), WalkError> {
    match paths {
        None => walk_tree(root, options, visit),
        Some(paths) => walk_paths(root, options, paths, visit),
    }
}

/// Calls `enter` with each folder at or below one of `paths` that a walk lists; the empty path is the root.
///
/// The call precedes the listing of the folder, so a file system watch set by `enter` misses no file
/// created in between. A folder for which `enter` returns false is not entered.
///
/// # Errors
/// When the root itself cannot be read.
pub fn walk_folders(
    root: &AbsPath,
    cross_file_systems: bool,
    paths: &[RepoPath],
    enter: &mut dyn FnMut(&Path) -> bool,
) -> Result<(), WalkError> {
    let wanted = paths.iter().cloned().collect::<PathSet>();
    let mut enter_wanted = |folder: &Path, is_wanted: IsWanted| !is_wanted.0 || enter(folder);
    let cancel = CancelToken::default();
    let options = WalkOptions { cross_file_systems, ..WalkOptions::new(0, &cancel) };
    walker::run_walk(root, &options, &wanted, Some(&mut enter_wanted), &mut |_, _| ControlFlow::Continue(()))
}

/// Returns whether a walk enters a folder: it exists, and neither the folder nor one above it is skipped. The entries
/// of the folder itself, which may show that it is a copy or holds packages, are not examined.
///
/// # Errors
/// When the root itself cannot be read.
pub fn enters_folder(root: &AbsPath, folder: &RepoPath) -> Result<bool, WalkError> {
    let target = folder.under(root.as_path());
    let wanted: PathSet = [folder.clone()].into_iter().collect();
    let mut is_entered = false;
    let mut enter = |entered: &Path, _: IsWanted| {
        is_entered |= entered == target;
        entered != target
    };
    let cancel = CancelToken::default();
    let options = WalkOptions { cross_file_systems: true, ..WalkOptions::new(0, &cancel) };
    walker::run_walk(root, &options, &wanted, Some(&mut enter), &mut |_, _| ControlFlow::Continue(()))?;
    Ok(is_entered)
}

/// Returns the finding of a walk at this path or, if a folder above it is skipped, at that folder; `None` for a folder
/// that is not skipped, and if a walk does not reach the path.
///
/// # Errors
/// When the root itself cannot be read.
pub fn judge_path(
    root: &AbsPath,
    options: &WalkOptions<'_>,
    path: &RepoPath,
) -> Result<Option<WalkFinding>, WalkError> {
    let mut found = None;
    walker::run_walk(root, options, &[path.clone()].into_iter().collect(), None, &mut |finding, _| {
        let at = match &finding {
            WalkFinding::File(entry) => &entry.path,
            WalkFinding::Skipped(skipped) => &skipped.path,
        };
        if is_below(path.as_str(), at.as_str()) {
            found = Some(finding);
            return ControlFlow::Break(());
        }
        ControlFlow::Continue(())
    })?;
    Ok(found)
}

/// Returns whether a file has ignore rules or is the `.git` of a repository, so that a change of it may change which
/// other files a walk skips.
pub fn affects_ignore_rules(path: &RepoPath) -> bool {
    let name = path.file_name();
    IGNORE_FILES.contains(&name) || name == ".git" || (name == "exclude" && path.folder().ends_with(".git/info"))
}

/// Returns the consequence of an ignore file that cannot be used; `None` for another file.
pub fn describe_ignore_fault(path: &RepoPath) -> Option<&'static str> {
    match path.file_name() {
        ".git" => Some("files may be included or excluded otherwise than git has them"),
        _ if affects_ignore_rules(path) => Some("files that it excludes may be indexed"),
        _ => None,
    }
}

/// Returns the paths of the files with ignore rules for `root` that a walk does not visit: those of git, of the user
/// and of the folders above. They need not exist.
pub fn ignore_files_outside(root: &AbsPath) -> Vec<PathBuf> {
    FolderRules::files_outside(root.as_path())
}

/// Returns the state of git's index of the repository that contains `root`; `None` if there is no repository, or its
/// `.git` cannot be read. A change of the digest may change which files a walk skips.
pub fn tracked_state(root: &AbsPath) -> Option<TrackedState> {
    FolderRules::tracked_state(root.as_path())
}

/// An ignore file that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IgnoreFault {
    /// The file, relative to the root if it is below it.
    pub path: RepoPath,
    /// The reason and its consequence.
    pub problem: String,
    /// Whether a walk of the root reports the file, too.
    pub is_visited: bool,
}

/// Finds the ignore files for `root` that cannot be used: its own and those that a walk does not visit.
pub fn find_ignore_faults(root: &AbsPath) -> Vec<IgnoreFault> {
    let root = root.as_path();
    FolderRules::load_root(root).faults().iter().map(|fault| describe_fault(root, fault)).collect()
}

/// Finds the ignore files that cannot be used in `folders`, which are relative to `root`, and in the folders between
/// them and `root`. Those of `root` itself are left out.
pub fn find_nested_ignore_faults<'f>(root: &AbsPath, folders: impl Iterator<Item = &'f str>) -> Vec<IgnoreFault> {
    let root = root.as_path();
    let ends = |folder: &'f str| folder.match_indices('/').map(|(end, _)| end).chain([folder.len()]);
    let all: BTreeSet<&str> = folders.flat_map(|folder| ends(folder).map(|end| &folder[..end])).collect();
    let mut rules: BTreeMap<&str, Arc<FolderRules>> = BTreeMap::from([("", FolderRules::load_root(root))]);
    let mut faults = Vec::new();
    // A folder sorts before the folders in it.
    for folder in all.into_iter().filter(|folder| !folder.is_empty()) {
        let above = folder.rsplit_once('/').map_or("", |(above, _)| above);
        let Some(above) = rules.get(above).cloned() else { continue };
        let path = RepoPath::new(folder).under(root);
        let own = above.extend(&path, &|name| path.join(name).symlink_metadata().is_ok()).map(Arc::new);
        faults.extend(own.iter().flat_map(|own| own.faults()).map(|fault| describe_fault(root, fault)));
        rules.insert(folder, own.unwrap_or(above));
    }
    faults
}

fn describe_fault(root: &Path, (path, message): &(PathBuf, String)) -> IgnoreFault {
    let inside = RepoPath::below(root, path);
    let is_visited = inside.is_some();
    let path = inside.unwrap_or_else(|| RepoPath::new(path.display().to_string()));
    let then = describe_ignore_fault(&path).unwrap_or("files that it excludes may be indexed");
    IgnoreFault { is_visited, path, problem: format!("cannot be read: {message}; {then}") }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn options(cancel: &CancelToken) -> WalkOptions<'_> {
        WalkOptions::new(100, cancel)
    }

    const LARGE: &str =
        "pub fn larger_than_the_options_let_in() { let (a, b) = (1, 2); let (c, d) = (a + b, a - b); drop((c, d)) }\n";

    const TREE: &[(&str, &str)] = &[
        (".gitignore", "*.gen.rs\nbuild/\n/docs/*\n!/docs/kept\n"),
        (".codescryignore", "!.github/\n!.env\n"),
        (".env", "KEY=1"),
        (".git/HEAD", "x"),
        (".git/info/exclude", "excluded.rs\n"),
        (".github/w.yml", "w"),
        (".hidden/a.rs", "a"),
        ("Cargo.lock", "l"),
        ("a.rs", "a"),
        ("a.d/x.rs", "x"),
        ("a/x.rs", "x"),
        ("build/deep/b.rs", "b"),
        ("docs/dropped/d.md", "d"),
        ("docs/kept/excluded.rs", "e"),
        ("docs/kept/k.md", "k"),
        ("src/.gitignore", "!keep.gen.rs\n"),
        ("src/drop.gen.rs", "d"),
        ("src/keep.gen.rs", "k"),
        ("src/deep/.ignore", "keep.gen.rs\n"),
        ("src/deep/keep.gen.rs", "k"),
        ("src/deep/er/.codescryignore", "!keep.gen.rs\n"),
        ("src/deep/er/keep.gen.rs", "k"),
        ("src/large.rs", LARGE),
        ("tls/.aws/config", "c"),
        ("tls/server.pem", "p"),
    ];

    fn tree() -> (tempfile::TempDir, AbsPath) {
        let folder = tempfile::tempdir().expect("a folder");
        for (path, text) in TREE {
            let path = folder.path().join(path);
            fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
            fs::write(path, text).expect("a file");
        }
        fs::create_dir(folder.path().join("empty")).expect("a folder");
        #[cfg(unix)]
        for (from, to) in [("link.rs", "a.rs"), ("src/link", "../a"), ("broken.rs", "nowhere")] {
            std::os::unix::fs::symlink(to, folder.path().join(from)).expect("a link");
        }
        let root = AbsPath::canonical(folder.path()).expect("the root");
        (folder, root)
    }

    /// Appends every path below `folder` to `found`, including skipped ones.
    fn list_all(root: &Path, folder: &Path, found: &mut Vec<RepoPath>) {
        for entry in fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            found.push(RepoPath::below(root, &path).expect("below the root"));
            if path.is_dir() {
                list_all(root, &path, found);
            }
        }
    }

    fn findings_at(root: &AbsPath, paths: &[RepoPath]) -> Vec<WalkFinding> {
        let mut found = Vec::new();
        walk_paths(root, &options(&CancelToken::default()), paths, &mut |finding| {
            found.push(finding);
            ControlFlow::Continue(())
        })
        .expect("the root is readable");
        found
    }

    fn all_findings(root: &AbsPath) -> Vec<WalkFinding> {
        let mut found = Vec::new();
        walk_tree(root, &options(&CancelToken::default()), &mut |finding| {
            found.push(finding);
            ControlFlow::Continue(())
        })
        .expect("the root is readable");
        found
    }

    fn path(finding: &WalkFinding) -> &RepoPath {
        match finding {
            WalkFinding::File(entry) => &entry.path,
            WalkFinding::Skipped(skipped) => &skipped.path,
        }
    }

    #[test]
    fn partial_walks_find_the_same_as_the_full_walk() {
        let (_folder, root) = tree();
        let whole = all_findings(&root);
        assert!(whole.len() > 20, "{whole:#?}");
        let mut paths = Vec::new();
        list_all(root.as_path(), root.as_path(), &mut paths);
        paths.extend(
            ["gone.rs", "gone/a.rs", "a.rs/b", "src/gone.rs", "../a.rs", "/a.rs", "src/../a.rs", "A.rs"]
                .map(RepoPath::new),
        );
        for wanted in &paths {
            let below = format!("{wanted}/");
            let expected: Vec<&WalkFinding> =
                whole.iter().filter(|it| path(it) == wanted || path(it).as_str().starts_with(&below)).collect();
            let found = findings_at(&root, std::slice::from_ref(wanted));
            assert_eq!(found.iter().collect::<Vec<_>>(), expected, "{wanted}");
        }
        paths.extend(paths.clone());
        paths.reverse();
        assert_eq!(findings_at(&root, &paths), whole, "together, each once and in order");
        assert_eq!(findings_at(&root, &[RepoPath::new("")]), whole);
        assert!(findings_at(&root, &[]).is_empty());
    }

    #[test]
    fn walk_folders_calls_enter_for_every_entered_folder() {
        let (_folder, root) = tree();
        let entered = |paths: &[&str], stop: &str| {
            let mut found = Vec::new();
            let paths: Vec<RepoPath> = paths.iter().copied().map(RepoPath::new).collect();
            walk_folders(&root, false, &paths, &mut |folder| {
                let path = RepoPath::below(root.as_path(), folder).expect("below the root").to_string();
                let go_on = path != stop;
                found.push(path);
                go_on
            })
            .expect("the root is readable");
            found
        };
        let every = ["", ".github", "a", "a.d", "docs", "docs/kept", "empty", "src", "src/deep", "src/deep/er", "tls"];
        assert_eq!(entered(&[""], "-"), every);
        assert_eq!(entered(&["src/deep", "a/x.rs", "build", "gone"], "-"), ["src/deep", "src/deep/er"]);
        assert_eq!(entered(&["src", "a"], "src/deep"), ["a", "src", "src/deep"]);
    }

    #[test]
    fn a_break_ends_the_walk_and_a_missing_root_is_an_error() {
        let (folder, root) = tree();
        let mut visits = 0;
        let paths = ["a.rs", "tls"].map(RepoPath::new);
        walk_paths(&root, &options(&CancelToken::default()), &paths, &mut |_| {
            visits += 1;
            ControlFlow::Break(())
        })
        .expect("the root is readable");
        assert_eq!(visits, 1);
        drop(folder);
        let error = walk_paths(&root, &options(&CancelToken::default()), &paths, &mut |_| ControlFlow::Continue(()))
            .expect_err("no root");
        assert!(matches!(error, WalkError::Missing { .. }), "{error}");
    }

    #[test]
    fn changes_of_ignore_files_affect_the_ignore_rules() {
        for path in [".gitignore", "a/.ignore", "a/b/.codescryignore", ".git", "sub/.git/info/exclude"] {
            assert!(affects_ignore_rules(&RepoPath::new(path)), "{path}");
        }
        for path in ["a.gitignore", "gitignore", ".gitignore/a", ".git/HEAD", "info/exclude", "exclude", ".github", ""]
        {
            assert!(!affects_ignore_rules(&RepoPath::new(path)), "{path}");
        }
    }
}
