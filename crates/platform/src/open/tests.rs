//! Tests of files and folders that are opened without following links.

use std::fs;

use super::*;

/// Returns a folder with `repo`, which has two files, and `repo-evil` beside it.
fn folder() -> (tempfile::TempDir, std::path::PathBuf) {
    let dir = tempfile::tempdir().expect("a folder");
    let base = dir.path().canonicalize().expect("it is there");
    for (path, text) in [("repo/src/a.rs", "inside"), ("repo-evil/a.rs", "outside"), ("repo/b.rs", "inside too")] {
        let path = base.join(path);
        fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
        fs::write(path, text).expect("a file");
    }
    (dir, base)
}

fn text_of(read: io::Result<FileBytes>) -> Option<String> {
    Some(String::from_utf8(read.ok()?.bytes).expect("text"))
}

/// Reads the file at `path` below `root` with [`read_beneath`]. If that succeeds, checks that
/// [`read_without_links`] returns the same text.
fn read(root: &Path, path: &str) -> Option<String> {
    let beneath = text_of(read_beneath(root, path, 100));
    if beneath.is_some() {
        assert_eq!(text_of(read_without_links(&root.join(path), 100)), beneath);
    }
    beneath
}

#[test]
fn a_file_is_read_up_to_the_limit() {
    let (_dir, base) = folder();
    let root = base.join("repo");
    assert_eq!(read(&root, "src/a.rs").as_deref(), Some("inside"));
    for read in [read_beneath(&root, "src/a.rs", 2), read_without_links(&root.join("src/a.rs"), 2)] {
        let read = read.expect("it is there");
        assert_eq!((read.bytes.as_slice(), read.metadata.len()), (&b"in"[..], 6));
    }
}

#[test]
fn no_path_leads_outside_the_root() {
    let (_dir, base) = folder();
    let root = base.join("repo");
    let outside = base.join("repo-evil/a.rs").to_string_lossy().into_owned();
    let tries = ["../repo-evil/a.rs", "src/../../repo-evil/a.rs", "src/./a.rs", "src//a.rs", "", "src", "a\0.rs"];
    for path in tries.into_iter().chain([outside.as_str()]) {
        assert_eq!(read(&root, path), None, "{path:?}");
    }
}

#[cfg(unix)]
#[test]
fn a_link_is_never_followed() {
    use std::os::unix::fs::symlink;
    let (_dir, base) = folder();
    let root = base.join("repo");
    symlink(base.join("repo-evil/a.rs"), root.join("file.rs")).expect("a link");
    symlink(base.join("repo-evil"), root.join("folder")).expect("a link");
    symlink(root.join("src"), root.join("inner")).expect("a link");
    symlink(&root, base.join("root")).expect("a link");
    for path in ["file.rs", "folder/a.rs", "inner/a.rs"] {
        assert_eq!(read(&root, path), None, "{path}");
        assert!(read_without_links(&root.join(path), 100).is_err(), "{path}");
        assert!(open_and_compare(&root.join(path)).is_err(), "{path}");
    }
    assert_eq!(read(&base.join("root"), "b.rs"), None);
    assert!(FolderHandle::open(&base.join("root")).is_err());
    let handle = FolderHandle::open(&root).expect("a folder");
    assert!(handle.enter("folder").is_err() && handle.enter("inner").is_err());
    assert!(handle.read_small_file("file.rs", 100).is_err());
    let entries = handle.list_entries(10).expect("entries");
    assert!(entries.iter().filter(|it| it.name != "src" && it.name != "b.rs").all(|it| !it.is_file && !it.is_folder));
    assert!(read_without_links(&root.join("src"), 100).is_err(), "a folder is not a file");
    assert!(open_and_compare(&root.join("src/a.rs")).is_ok());
}

/// Checks that reads stay inside the root, no matter when a folder is replaced by a symbolic link.
#[cfg(unix)]
#[test]
fn a_folder_swapped_for_a_link_never_exposes_files_outside() {
    use std::os::unix::fs::symlink;
    use std::sync::atomic::{AtomicBool, Ordering};
    let (_dir, base) = folder();
    let root = base.join("repo");
    symlink(base.join("repo-evil"), base.join("link")).expect("a link");
    let (src, aside) = (root.join("src"), base.join("aside"));
    let is_over = AtomicBool::new(false);
    let (mut inside, mut refused) = (0, 0);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !is_over.load(Ordering::Relaxed) {
                fs::rename(&src, &aside).expect("it moves");
                fs::rename(base.join("link"), &src).expect("it moves");
                fs::rename(&src, base.join("link")).expect("it moves");
                fs::rename(&aside, &src).expect("it moves");
            }
        });
        let until = std::time::Instant::now() + std::time::Duration::from_secs(20);
        while (inside < 200 || refused < 200) && std::time::Instant::now() < until {
            let reads = [read_beneath(&root, "src/a.rs", 100), read_without_links(&root.join("src/a.rs"), 100)];
            for read in reads {
                match text_of(read).as_deref() {
                    None => refused += 1,
                    Some("inside") => inside += 1,
                    Some(other) => panic!("read {other}"),
                }
            }
        }
        is_over.store(true, Ordering::Relaxed);
    });
    assert!(inside > 0 && refused > 0, "no read met both states: {inside} read, {refused} refused");
}

#[test]
fn a_small_file_is_read_whole_or_not_at_all() {
    let (_dir, base) = folder();
    let root = base.join("repo");
    let src = FolderHandle::open(&root).and_then(|root| root.enter("src")).expect("a folder");
    let read = |max_bytes| {
        let reads = [
            read_small_file(&root.join("src/a.rs"), max_bytes),
            read_small_file_beneath(&root, "src/a.rs", max_bytes),
            src.read_small_file("a.rs", max_bytes),
        ];
        reads.map(|read| read.map_err(|error| error.to_string()))
    };
    for text in read(6) {
        assert_eq!(text, Ok(b"inside".to_vec()));
    }
    let mebi = vec![b'x'; (1 << 20) + 1];
    fs::write(root.join("src/a.rs"), mebi).expect("a file");
    for error in read(1 << 20) {
        assert_eq!(error, Err("it is larger than 1 MiB; shorten it".to_owned()));
    }
    for name in ["", ".", "..", "../b.rs", "src/a.rs"] {
        assert!(src.read_small_file(name, 100).is_err() && src.enter(name).is_err(), "{name}");
    }
}

#[test]
fn a_folder_is_listed_by_its_handle() {
    let (_dir, base) = folder();
    let root = FolderHandle::open(&base.join("repo")).expect("a folder");
    let mut entries = root.list_entries(10).expect("entries");
    entries.sort_by(|a, b| a.name.cmp(&b.name));
    let shown: Vec<_> = entries.iter().map(|entry| (entry.name.to_str(), entry.is_file, entry.is_folder)).collect();
    assert_eq!(shown, [(Some("b.rs"), true, false), (Some("src"), false, true)]);
    assert_eq!(root.list_entries(1).expect("entries").len(), 1);
    assert!(root.enter("b.rs").is_err() && root.enter("gone").is_err());
}

#[cfg(unix)]
#[test]
fn a_pipe_does_not_block() {
    let (_dir, base) = folder();
    let pipe = base.join("repo/pipe.rs");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().is_ok_and(|made| made.success()));
    assert_eq!(read(&base.join("repo"), "pipe.rs"), None);
    assert!(read_without_links(&pipe, 100).is_err());
}
