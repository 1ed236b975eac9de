//! Tests of the index on disk after crashes and damage, and of index folders that belong to another folder.

use std::fs;
use std::process::Stdio;

use crate::support::cli::Project;

const NEEDS_DISK: &str = "fn connection_pool() -> Pool { Pool::open() }\n";

#[test]
#[cfg_attr(not(feature = "lance"), ignore = "needs an index that outlives its process")]
fn a_killed_run_leaves_a_readable_index_that_the_next_run_completes() {
    let project = Project::empty();
    for at in 0..3_000 {
        project.write(&format!("src/part_{at}.rs"), NEEDS_DISK.replace("pool", &format!("pool_{at}")).repeat(40));
    }
    // Kill the run as soon as the lock file appears, then a little later each time.
    for spins in [0, 20_000, 200_000, 2_000_000] {
        let mut child =
            project.command(&["index"]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("it starts");
        while !project.index_dir().join("lock").exists() {
            assert!(child.try_wait().expect("it is there").is_none(), "it ended before it began");
            std::thread::yield_now();
        }
        (0..spins).for_each(|_| std::hint::spin_loop());
        child.kill().expect("it can be killed");
        child.wait().expect("it ends");
        let status = project.run(&["status"]);
        assert_eq!(status.code, 0, "{}", status.err);
    }
    let index = project.run(&["index", "--json"]);
    assert_eq!((index.code, &index.json()["files_found"]), (0, &3_000.into()), "{}", index.err);
    assert_eq!(project.run(&["search", "connection_pool_2999", "--no-index", "--json"]).paths()[0], "src/part_2999.rs");
}

#[test]
#[cfg_attr(not(feature = "lance"), ignore = "needs an index that outlives its process")]
fn a_broken_manifest_is_reported_and_repaired_by_the_next_run() {
    let project = Project::empty();
    project.write("src/pool.rs", NEEDS_DISK);
    for command in [&["index"][..], &["status"], &["search", "pool"], &["index", "--rebuild"]] {
        assert_eq!(project.run(&["index"]).code, 0);
        for name in ["manifest.json", "manifest.copy.json"] {
            fs::write(project.index_dir().join(name), "{ broken").expect("it can be written");
        }
        let search = project.run(&["search", "pool", "--no-index"]);
        assert!(search.code == 2 && search.err.contains("run `codescry index`"), "{}", search.err);
        assert!(!search.err.contains("delete"), "{}", search.err);
        let repair = project.run(command);
        assert_eq!(repair.code, 0, "{command:?}: {}", repair.err);
        assert_eq!(project.paths(&["pool", "--no-index"]), ["src/pool.rs"], "after {command:?}");
    }
}

#[test]
#[cfg_attr(not(feature = "lance"), ignore = "needs an index that outlives its process")]
fn an_index_of_another_folder_is_not_overwritten() {
    let (here, there) = (Project::empty(), Project::empty());
    here.write("src/pool.rs", NEEDS_DISK);
    there.write("src/other.rs", "fn other() {}\n");
    assert_eq!(here.run(&["index"]).code, 0);
    let place = here.index_dir().to_string_lossy().into_owned();
    let search = there.run(&["search", "other", "--index-dir", &place]);
    let wanted = here.root().to_string_lossy().into_owned();
    assert!(search.code == 2 && search.err.contains(&wanted) && search.err.contains("--rebuild"), "{}", search.err);
    assert_eq!(here.paths(&["pool"]), ["src/pool.rs"]);
}
