//! Tests of `--base` in a folder that has an index already.

use crate::support::cli::Project;

#[test]
fn a_base_is_not_used_in_a_folder_with_an_index_until_that_is_removed() {
    let project = Project::with_files(&[("a.rs", "pub fn alpha_of_a() {}\n")]);
    let [location, root, index_dir] =
        [project.home().join("published"), project.root().to_owned(), project.index_dir()]
            .map(|path| path.to_string_lossy().into_owned());
    let published = project.run(&["publish", &location]);
    assert_eq!(published.code, 0, "{}", published.err);

    let search = ["search", "alpha_of_a", "--base", &location];
    let kept = project.run(&search);
    assert_eq!((kept.code, kept.out.contains("a.rs")), (0, true), "{}", kept.err);
    let remedy = format!("codescry indexes remove {root} --index-dir {index_dir}");
    for part in ["is not used", "an index that was made here, and index runs keep it up to date", &remedy] {
        assert!(kept.err.contains(part), "{part} is not in {}", kept.err);
    }
    // A variable may be meant for other folders.
    let mut by_variable = project.command(&search[..2]);
    let by_variable = by_variable.env("CODESCRY_BASE", &location).output().expect("the program starts");
    assert!(!String::from_utf8_lossy(&by_variable.stderr).contains("not used"));
    // Answers would come from the folder's own index, as it was at its last update.
    let trusted = project.run(&[&search[..], &["--trust-base"]].concat());
    assert!(trusted.code == 2 && trusted.err.contains("leave out --trust-base"), "{}", trusted.err);

    let removed = project.run(&["indexes", "remove", &root, "--index-dir", &index_dir]);
    assert_eq!(removed.code, 0, "{}", removed.err);
    let started = project.run(&search);
    assert!(started.code == 0 && started.err.contains("starting from the index of"), "{}", started.err);
    let again = project.run(&search);
    assert!(again.code == 0 && !again.err.contains("not used"), "{}", again.err);
}

#[test]
fn an_index_without_files_does_not_block_a_base() {
    let project = Project::with_files(&[("a.rs", "pub fn alpha_of_a() {}\n")]);
    let location = project.home().join("published").to_string_lossy().into_owned();
    assert_eq!(project.run(&["publish", &location]).code, 0);

    let empty = Project::empty();
    let nothing = empty.run(&["search", "alpha_of_a"]);
    let says = format!("{} has no files to index", empty.root().display());
    assert!(nothing.code == 1 && nothing.err.contains(&says), "{}", nothing.err);
    assert!(!nothing.err.contains("nowhere in the index"), "{}", nothing.err);
    assert!(empty.run(&["outline"]).err.contains("no files to index; is this the folder with your code?"));
    assert!(empty.run(&["index"]).out.starts_with("no files to index; is this the folder with your code?"));
    let trusted = empty.run(&["search", "alpha_of_a", "--base", &location, "--trust-base"]);
    assert!(trusted.code == 0 && trusted.out.contains("a.rs:1"), "{} {}", trusted.out, trusted.err);

    let alone = project.run(&["search", "alpha_of_a", "--trust-base"]);
    assert!(alone.code == 2 && alone.err.contains("name its location with --base"), "{}", alone.err);
}
