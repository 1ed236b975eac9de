//! A walk over some paths only, and over folders only.
//!
//! Owns which part of a tree is asked for. Invariant: what is visited is judged as the full walk
//! judges it, in the same order, because it is the same walk with the rest of the tree left out.
//! Never imports the store, the embedder, `index` or `search`.

use std::ops::ControlFlow;
use std::path::Path;

use super::rules::FILES;
use super::{Disk, Skipped, WalkError, WalkOptions, Walked, to_the_end};
use crate::types::{AbsPath, Places, RepoPath, SkipReason, is_below};

/// Visits just these files and folders, folders with all that is below; the empty path is the root.
///
/// Each is told once, as [`super::walk`] would tell it. So a path that is missing, or below a folder
/// that is out, is not visited; a folder on the way that cannot be read is.
///
/// # Errors
/// When the root itself cannot be read.
pub fn walk_paths(
    root: &AbsPath,
    options: &WalkOptions<'_>,
    paths: &[RepoPath],
    visit: &mut dyn FnMut(Walked) -> ControlFlow<()>,
) -> Result<(), WalkError> {
    let wanted = paths.iter().cloned().collect::<Places>();
    super::run(root, options, &wanted, &mut |_| true, &mut |walked| {
        let is_told = match &walked {
            Walked::File(entry) => wanted.cover(&entry.path),
            // Nobody knows what lies behind it.
            Walked::Skipped(Skipped { path, reason: SkipReason::Unreadable { .. }, .. }) => wanted.touch(path),
            // What is only on the way to a wanted path was not asked for.
            Walked::Skipped(skipped) => wanted.cover(&skipped.path),
        };
        if is_told { visit(walked) } else { ControlFlow::Continue(()) }
    })
}

/// Calls `enter` with each folder of `paths`, or below one, that a walk enters; the empty path is the root.
///
/// It is called before the folder is listed, so a watch that `enter` sets misses nothing made in
/// between. A folder it answers `false` for is not entered.
///
/// # Errors
/// When the root itself cannot be read.
pub fn folders(root: &AbsPath, paths: &[RepoPath], enter: &mut dyn FnMut(&Path) -> bool) -> Result<(), WalkError> {
    let wanted = paths.iter().cloned().collect::<Places>();
    let mut enter_wanted = |folder: &Path| match RepoPath::below(root.as_path(), folder) {
        Some(path) if wanted.cover(&path) => enter(folder),
        _ => true,
    };
    let options = WalkOptions { max_file_bytes: 0, files: &Disk, stop: &to_the_end };
    super::run(root, &options, &wanted, &mut enter_wanted, &mut |_| ControlFlow::Continue(()))
}

/// What a walk says of this file or folder, or of the folder it lies in that is out; `None` where no
/// walk comes by.
///
/// # Errors
/// When the root itself cannot be read.
pub fn judge(root: &AbsPath, options: &WalkOptions<'_>, path: &RepoPath) -> Result<Option<Walked>, WalkError> {
    let mut found = None;
    super::run(root, options, &[path.clone()].into_iter().collect(), &mut |_| true, &mut |walked| {
        let at = match &walked {
            Walked::File(entry) => &entry.path,
            Walked::Skipped(skipped) => &skipped.path,
        };
        if is_below(path.as_str(), at.as_str()) {
            found = Some(walked);
            return ControlFlow::Break(());
        }
        ControlFlow::Continue(())
    })?;
    Ok(found)
}

/// Whether a change of this file may change what a walk says of others.
pub fn changes_rules(path: &RepoPath) -> bool {
    let name = path.file_name();
    FILES.contains(&name) || name == ".git" || (name == "exclude" && path.folder().ends_with(".git/info"))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::super::walk;
    use super::*;

    const OPTIONS: WalkOptions<'_> = WalkOptions { max_file_bytes: 100, files: &Disk, stop: &to_the_end };

    const LARGE: &str =
        "pub fn larger_than_the_options_let_in() { let (a, b) = (1, 2); let (c, d) = (a + b, a - b); drop((c, d)) }\n";

    const FILES: &[(&str, &str)] = &[
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
        for (path, text) in FILES {
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

    /// Every path below `folder`, whatever a walk says of it.
    fn all(root: &Path, folder: &Path, found: &mut Vec<RepoPath>) {
        for entry in fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            found.push(RepoPath::below(root, &path).expect("below the root"));
            if path.is_dir() {
                all(root, &path, found);
            }
        }
    }

    fn only(root: &AbsPath, paths: &[RepoPath]) -> Vec<Walked> {
        let mut found = Vec::new();
        walk_paths(root, &OPTIONS, paths, &mut |walked| {
            found.push(walked);
            ControlFlow::Continue(())
        })
        .expect("the root is readable");
        found
    }

    fn whole(root: &AbsPath) -> Vec<Walked> {
        let mut found = Vec::new();
        walk(root, &OPTIONS, &mut |walked| {
            found.push(walked);
            ControlFlow::Continue(())
        })
        .expect("the root is readable");
        found
    }

    fn path(walked: &Walked) -> &RepoPath {
        match walked {
            Walked::File(entry) => &entry.path,
            Walked::Skipped(skipped) => &skipped.path,
        }
    }

    #[test]
    fn each_path_is_judged_as_the_full_walk_judges_it() {
        let (_folder, root) = tree();
        let whole = whole(&root);
        assert!(whole.len() > 20, "{whole:#?}");
        let mut paths = Vec::new();
        all(root.as_path(), root.as_path(), &mut paths);
        paths.extend(
            ["gone.rs", "gone/a.rs", "a.rs/b", "src/gone.rs", "../a.rs", "/a.rs", "src/../a.rs", "A.rs"]
                .map(RepoPath::new),
        );
        for asked in &paths {
            let below = format!("{asked}/");
            let expected: Vec<&Walked> =
                whole.iter().filter(|it| path(it) == asked || path(it).as_str().starts_with(&below)).collect();
            let found = only(&root, std::slice::from_ref(asked));
            assert_eq!(found.iter().collect::<Vec<_>>(), expected, "{asked}");
        }
        paths.extend(paths.clone());
        paths.reverse();
        assert_eq!(only(&root, &paths), whole, "together, each once and in order");
        assert_eq!(only(&root, &[RepoPath::new("")]), whole);
        assert!(only(&root, &[]).is_empty());
    }

    #[test]
    fn folders_are_those_that_a_walk_enters() {
        let (_folder, root) = tree();
        let entered = |paths: &[&str], stop: &str| {
            let mut found = Vec::new();
            let paths: Vec<RepoPath> = paths.iter().copied().map(RepoPath::new).collect();
            folders(&root, &paths, &mut |folder| {
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
    fn a_break_ends_it_and_a_missing_root_is_an_error() {
        let (folder, root) = tree();
        let mut visits = 0;
        let paths = ["a.rs", "tls"].map(RepoPath::new);
        walk_paths(&root, &OPTIONS, &paths, &mut |_| {
            visits += 1;
            ControlFlow::Break(())
        })
        .expect("the root is readable");
        assert_eq!(visits, 1);
        drop(folder);
        let error = walk_paths(&root, &OPTIONS, &paths, &mut |_| ControlFlow::Continue(())).expect_err("no root");
        assert!(matches!(error, WalkError::Missing { .. }), "{error}");
    }

    #[test]
    fn rules_change_with_the_files_they_stand_in() {
        for path in [".gitignore", "a/.ignore", "a/b/.codescryignore", ".git", "sub/.git/info/exclude"] {
            assert!(changes_rules(&RepoPath::new(path)), "{path}");
        }
        for path in ["a.gitignore", "gitignore", ".gitignore/a", ".git/HEAD", "info/exclude", "exclude", ".github", ""]
        {
            assert!(!changes_rules(&RepoPath::new(path)), "{path}");
        }
    }
}
