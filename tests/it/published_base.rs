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
