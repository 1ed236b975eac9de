//! Tests of the cost of deep folders, in calls of the file system.

use std::fs::{self, Metadata};
use std::io;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::walk::{Disk, FileContents, FileSystem, WalkFinding, WalkOptions, judge_path, walk_scope};
use platform::cancel::CancelToken;
use types::{AbsPath, RepoPath};

const DEPTH: usize = 1_000;

/// Counts the listings of folders and the reads of metadata in a walk.
#[derive(Default)]
struct CountingFiles {
    listings: AtomicUsize,
    metadata: AtomicUsize,
}

impl FileSystem for CountingFiles {
    fn read(&self, path: &Path, limit_bytes: u64) -> io::Result<FileContents> {
        Disk.read(path, limit_bytes)
    }

    fn metadata(&self, path: &Path) -> io::Result<Metadata> {
        self.metadata.fetch_add(1, Ordering::Relaxed);
        Disk.metadata(path)
    }

    fn list(&self, folder: &Path) -> io::Result<Vec<PathBuf>> {
        self.listings.fetch_add(1, Ordering::Relaxed);
        Disk.list(folder)
    }
}

/// A full walk and a partial walk list each folder on the way to a deep file once.
#[test]
fn the_cost_of_a_deep_file_is_its_depth() {
    let folder = tempfile::tempdir().expect("a folder");
    let deepest = vec!["d"; DEPTH].join("/");
    fs::create_dir_all(folder.path().join(&deepest)).expect("folders");
    let file = RepoPath::new(format!("{deepest}/a.rs"));
    fs::write(file.under(folder.path()), "a").expect("a file");
    fs::write(folder.path().join(".gitignore"), "*.c\n**/no/**\n").expect("a file");
    fs::write(folder.path().join("d/.ignore"), "b.rs\n").expect("a file");
    let root = AbsPath::canonical(folder.path()).expect("the root");
    let cancel = CancelToken::default();
    let walks = [None, Some(file.clone()), Some(RepoPath::new("d/d"))];
    for paths in walks.map(|path| path.map(|path| vec![path])) {
        let files = CountingFiles::default();
        let options = WalkOptions { files: &files, ..WalkOptions::new(1000, &cancel) };
        let mut found = Vec::new();
        walk_scope(&root, &options, paths.as_deref(), &mut |finding| {
            found.extend(matches!(&finding, WalkFinding::File(entry) if entry.path == file).then_some(finding));
            ControlFlow::Continue(())
        })
        .expect("the root is readable");
        assert_eq!(found.len(), 1, "{paths:?}");
        let calls = (files.listings.into_inner(), files.metadata.into_inner());
        // The full walk also visits the two ignore files.
        let extra = if paths.is_none() { 2 } else { 0 };
        assert_eq!(calls, (DEPTH + 1, DEPTH + 1 + extra), "{paths:?}");
    }
    let judged = judge_path(&root, &WalkOptions::new(1000, &cancel), &file).expect("the root is readable");
    assert!(matches!(judged, Some(WalkFinding::File(_))), "{judged:?}");
    remove_chain(folder.path(), &file);
}

/// Deep folders are read by handles, of which only the last ones stay open. The findings are the same as by paths.
#[test]
fn deep_folders_are_read_as_shallow_ones() {
    const LEVELS: usize = 300;
    let folder = tempfile::tempdir().expect("a folder");
    let mut deepest = folder.path().to_owned();
    for _ in 0..LEVELS {
        fs::create_dir_all(deepest.join("e/f")).expect("folders");
        fs::write(deepest.join("a.rs"), "a").expect("a file");
        fs::write(deepest.join("e/f/e.rs"), "e").expect("a file");
        fs::write(deepest.join("z.rs"), "z").expect("a file");
        std::os::unix::fs::symlink("e", deepest.join("link")).expect("a link");
        deepest.push("d");
    }
    let root = AbsPath::canonical(folder.path()).expect("the root");
    let cancel = CancelToken::default();
    let walk = |files: &dyn FileSystem| {
        let options = WalkOptions { files, ..WalkOptions::new(1000, &cancel) };
        let mut found = Vec::new();
        walk_scope(&root, &options, None, &mut |finding| {
            found.push(finding);
            ControlFlow::Continue(())
        })
        .expect("the root is readable");
        found
    };
    let by_path = CountingFiles::default();
    let found = walk(&Disk);
    assert!(found == walk(&by_path), "the findings differ");
    // Two files, one file in a folder and a link on each level.
    assert_eq!(found.len(), 4 * LEVELS);
    assert!(by_path.listings.into_inner() > LEVELS);
}

/// Removes the folders above a file, one after the other: removing them together opens all of them at once.
fn remove_chain(root: &Path, file: &RepoPath) {
    for name in [".gitignore", "d/.ignore"] {
        fs::remove_file(root.join(name)).expect("removed");
    }
    fs::remove_file(file.under(root)).expect("removed");
    for folder in file.under(root).ancestors().skip(1).take(DEPTH) {
        fs::remove_dir(folder).expect("removed");
    }
}
