//! Tests that a file with other content but the same size and modification time is indexed again.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, SystemTime};

use serde_json::json;

use crate::support::cli::Project;
use crate::support::mcp::{RawClient, Repository, poll_until};

const FIRST: &str = "def alpha_reading():\n    return 1\n";
const SECOND: &str = "def gamma_reading():\n    return 2\n";

/// Runs a program in a folder.
fn run(folder: &Path, program: &str, arguments: &[&str]) {
    let ran = Command::new(program).current_dir(folder).args(arguments).output().expect("it is installed");
    assert!(ran.status.success(), "{program} {arguments:?}: {}", String::from_utf8_lossy(&ran.stderr));
}

fn set_modified(path: &Path, time: SystemTime) {
    fs::File::options().write(true).open(path).and_then(|file| file.set_modified(time)).expect("a time");
}

/// The name of a way to change a file, and a function that does so in a folder.
type Change = (&'static str, fn(&Path));

/// The ways in which a file gets other content of the same size and with the same modification time.
const WAYS: [Change; 5] = [
    ("a write and touch -r", |folder| {
        fs::copy(folder.join("../second.py"), folder.join("a.py")).expect("a copy");
        run(folder, "touch", &["-r", "../first.py", "a.py"]);
    }),
    ("cp -p", |folder| run(folder, "cp", &["-p", "../second.py", "a.py"])),
    ("a rename", |folder| {
        run(folder, "cp", &["-p", "../second.py", "../third.py"]);
        fs::rename(folder.join("../third.py"), folder.join("a.py")).expect("renamed");
    }),
    ("tar with fixed times", |folder| {
        fs::create_dir_all(folder.join("../packed")).expect("a folder");
        fs::copy(folder.join("../second.py"), folder.join("../packed/a.py")).expect("a copy");
        run(folder, "tar", &["-C", "../packed", "--mtime=@1000000000", "-cf", "../a.tar", "a.py"]);
        run(folder, "tar", &["-xf", "../a.tar"]);
    }),
    ("a hard link", |folder| {
        fs::remove_file(folder.join("a.py")).expect("removed");
        run(folder, "cp", &["-p", "../second.py", "../linked.py"]);
        fs::hard_link(folder.join("../linked.py"), folder.join("a.py")).expect("a link");
    }),
];

/// Writes both contents beside the folder and the first one into it, all with one old time.
fn prepare(folder: &Path) {
    let time = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000);
    for (path, text) in [("../first.py", FIRST), ("../second.py", SECOND), ("a.py", FIRST)] {
        fs::write(folder.join(path), text).expect("a file");
        set_modified(&folder.join(path), time);
    }
}

#[test]
fn other_content_of_the_same_size_and_time_is_noticed() {
    for (way, change) in WAYS {
        let project = Project::empty();
        prepare(project.root());
        assert_eq!(project.run(&["index"]).code, 0);
        // The second run trusts the times, unless the first one was too soon after the change.
        assert_eq!(project.run(&["index"]).code, 0);
        let before = fs::metadata(project.root().join("a.py")).expect("a file");
        change(project.root());
        let after = fs::metadata(project.root().join("a.py")).expect("a file");
        assert_eq!((before.len(), before.modified().ok()), (after.len(), after.modified().ok()), "{way}");
        let found = project.run(&["symbol", "gamma_reading"]);
        assert!(found.code == 0 && found.out.contains("def gamma_reading"), "{way}: {}{}", found.out, found.err);
        assert!(!project.run(&["symbol", "alpha_reading"]).out.contains("alpha_reading"), "{way}");
    }
}

#[test]
fn a_running_server_notices_other_content_of_the_same_size_and_time() {
    for (way, change) in WAYS {
        let repository = Repository::new();
        prepare(&repository.root());
        let mut client = RawClient::initialized(&repository);
        client.indexed();
        change(&repository.root());
        let find = || client.call("find_symbol", json!({ "name": "gamma_reading" })).to_string();
        let found = poll_until(find, |found| found.contains("def gamma_reading"));
        assert!(found.contains("def gamma_reading"), "{way}: {found}");
    }
}
