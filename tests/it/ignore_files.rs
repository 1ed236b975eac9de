//! Tests of ignore files: the user's own, faulty ones, and those of deep folders.

use std::fs;
use std::process::Command;

use serde_json::Value;

use crate::support::cli::Project;

/// Returns the reason why a dry run leaves out a path; `None` if it includes it.
fn reason(listing: &Value, path: &str) -> Option<String> {
    let excluded = listing["excluded"].as_array().expect("a list");
    let found = excluded.iter().find(|entry| entry["path"] == path);
    found.map(|entry| entry["detail"].as_str().expect("a reason").to_owned())
}

fn dry_run(project: &Project) -> Value {
    let ran = project.run(&["index", "--dry-run", "--json"]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    ran.json()
}

#[test]
fn the_excludes_of_the_user_are_found_as_by_git() {
    let project = Project::empty();
    for name in ["a.rs", "b.rs", "c.rs"] {
        project.write(name, "fn a() {}\n");
    }
    fs::create_dir_all(project.home().join(".config/git")).expect("a folder");
    fs::write(project.home().join(".config/git/ignore"), "/a.rs\n").expect("a file");
    fs::write(project.home().join("my ignore"), "# private-note\n/b.r[a-s]\n").expect("a file");
    let place = |name: &str| project.home().canonicalize().expect("it is there").join(name).display().to_string();
    let listing = dry_run(&project);
    let expected = format!("ignored by line 1 of {}", place(".config/git/ignore"));
    assert_eq!(reason(&listing, "a.rs"), Some(expected), "the default");
    assert_eq!(reason(&listing, "b.rs"), None);
    fs::write(project.home().join(".gitconfig"), "[include]\n\tpath = more\n").expect("a file");
    fs::write(project.home().join("more"), "[core]\n\texcludesFile = ~/my ignore # mine\n").expect("a file");
    let listing = dry_run(&project);
    assert_eq!(reason(&listing, "a.rs"), None);
    assert_eq!(reason(&listing, "b.rs"), Some(format!("ignored by line 2 of {}", place("my ignore"))));
    assert!(!listing.to_string().contains("[a-s]"), "rules outside of the root are not quoted: {listing}");
}

#[test]
fn a_faulty_ignore_file_outside_of_the_folder_is_reported() {
    let project = Project::empty();
    project.write("a.rs", "fn a() {}\n");
    project.write(".git/HEAD", "");
    project.write("sub/b.rs", "fn b() {}\n");
    fs::create_dir_all(project.home().join(".config/git")).expect("a folder");
    let large = vec![b'\n'; (1 << 20) + 1];
    fs::write(project.home().join(".config/git/ignore"), &large).expect("a file");
    project.write(".gitignore", &large);
    for command in ["index", "status"] {
        let ran = project.run(&[command, "--json", "sub"]);
        assert_eq!(ran.code, 0, "{command}: {}", ran.err);
        let problems = ran.json()["problems"].to_string();
        for file in [project.root().join(".gitignore"), project.home().join(".config/git/ignore")] {
            let file = file.canonicalize().expect("it is there").display().to_string();
            assert!(problems.contains(&file), "{command}: {problems}");
        }
        let problem = "cannot be read: it is larger than 1 MiB; shorten it; files that it excludes may be indexed";
        assert_eq!(problems.matches(problem).count(), 2, "{command}: {problems}");
    }
}

#[test]
#[cfg(unix)]
fn faulty_ignore_files_are_reported_and_quote_nothing() {
    use std::os::unix::fs::symlink;
    let outside = "TOPSECRET_LINE\n{unclosed_hunter2\n*.txt\n";
    for file in [".gitignore", ".ignore", ".codescryignore", ".git/info/exclude"] {
        let project = Project::empty();
        project.write("a.rs", "fn a() {}\n");
        project.write("TOPSECRET_LINE.rs", "fn b() {}\n");
        project.write(".git/info/x", "");
        fs::write(project.home().join("private"), outside).expect("a file");
        symlink(project.home().join("private"), project.root().join(file)).expect("a link");
        for arguments in [&["index", "--dry-run"][..], &["index"], &["status"]] {
            let ran = project.run(arguments);
            assert_eq!(ran.code, 0, "{file} {arguments:?}: {}", ran.err);
            let shown = [ran.out, ran.err].concat().replace("TOPSECRET_LINE.rs", "");
            assert!(!shown.contains("TOPSECRET") && !shown.contains("hunter2"), "{file} {arguments:?}: {shown}");
            assert!(shown.contains("it is a link, which is not followed"), "{file} {arguments:?}: {shown}");
        }
    }
}

#[test]
#[cfg(unix)]
fn pipes_devices_and_huge_files_do_not_stop_a_run() {
    use std::os::unix::fs::symlink;
    let sparse = |project: &Project, file: &str| {
        let file = fs::File::create(project.root().join(file)).expect("a file");
        file.set_len(3 << 30).expect("a sparse file");
    };
    for file in [".gitignore", ".codescryignore", ".git", ".git/info/exclude", ".git/config"] {
        for kind in ["pipe", "device", "huge"] {
            let project = Project::empty();
            project.write("a.rs", "fn a() {}\n");
            let path = project.root().join(file);
            fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
            match kind {
                "pipe" => assert!(Command::new("mkfifo").arg(&path).status().expect("mkfifo is there").success()),
                "device" => symlink("/dev/zero", &path).expect("a link"),
                _ => sparse(&project, file),
            }
            let ran = project.run(&["index"]);
            assert_eq!(ran.code, 0, "{kind} {file}: {}", ran.err);
            assert!(ran.out.contains("indexed 1 file ("), "{kind} {file}: {}", ran.out);
            let is_reported = [ran.out, ran.err].concat().contains("it is larger than ");
            assert_eq!(is_reported, kind == "huge" && file != ".git/config", "{kind} {file}");
        }
    }
}

#[test]
#[cfg(unix)]
fn a_file_in_a_deep_folder_is_found() {
    const DEPTH: usize = 1_000;
    let project = Project::empty();
    let folder = vec!["d"; DEPTH].join("/");
    let file = format!("{folder}/a.rs");
    project.write(&file, "/// Multiplies two matrices.\nfn multiply_matrices() {}\n");
    let found = project.paths(&["multiply two matrices"]);
    // Removing the folders together would open all of them at once.
    project.remove(&file);
    for folder in project.root().join(&folder).ancestors().take(DEPTH) {
        fs::remove_dir(folder).expect("removed");
    }
    assert_eq!(found, [file]);
}

#[test]
#[cfg_attr(not(feature = "lance"), ignore = "needs an index that outlives its process")]
fn status_names_ignore_files_in_subfolders_that_cannot_be_used() {
    let project = Project::empty();
    project.write("src/deep/a.rs", "fn a() {}\n");
    project.write("src/deep/.gitignore", vec![b'#'; (1 << 20) + 1]);
    assert_eq!(project.run(&["index"]).code, 0);
    let status = project.run(&["status"]);
    assert!(status.out.contains("src/deep/.gitignore: cannot be read: it is larger than"), "{}", status.out);
    project.write("src/deep/.gitignore", "*.log\n");
    assert!(!project.run(&["status"]).out.contains("src/deep/.gitignore"), "it is mended");
}
