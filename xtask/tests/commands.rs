//! Tests that the commands can be called.

use std::process::Command;

fn run(arguments: &[&str]) -> (bool, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_xtask")).args(arguments).output().expect("xtask starts");
    let text = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8(text).expect("it writes UTF-8"))
}

#[test]
fn every_command_has_help() {
    let (succeeded, help) = run(&["--help"]);
    assert!(succeeded, "{help}");
    let commands: Vec<&str> = help
        .lines()
        .skip_while(|line| !line.starts_with("Commands:"))
        .skip(1)
        .map_while(|line| line.strip_prefix("  ")?.split(' ').next())
        .filter(|command| *command != "help")
        .collect();
    assert!(commands.len() > 5, "{help}");
    for command in commands {
        let (succeeded, help) = run(&[command, "--help"]);
        assert!(succeeded && help.contains("Usage: cargo xtask"), "{command}: {help}");
    }
}

#[test]
fn the_plugin_is_up_to_date() {
    let (succeeded, text) = run(&["plugin", "--check"]);
    assert!(succeeded, "{text}");
}

#[test]
fn a_model_is_made_the_same_way_twice() {
    let folder = tempfile::tempdir().expect("a folder");
    let write = |name: &str, bytes: &[u8]| std::fs::write(folder.path().join(name), bytes).expect("written");
    // Three tokens with vectors of two dimensions.
    write("teacher_tokens.txt", b"alpha\nbeta\ngamma\n");
    write("teacher_vectors.bin", &[3, 0, 0, 0, 2, 0, 0, 0, 100, 10, 10, 100, 70, 156]);
    std::fs::create_dir(folder.path().join("corpus")).expect("created");
    write("corpus/a.txt", b"alpha beta alpha");
    let path = |name: &str| folder.path().join(name).to_string_lossy().into_owned();
    let (teacher, corpus) = (path(""), path("corpus"));
    let make = |out: &str| {
        let (succeeded, text) =
            run(&["make-model", "--teacher", &teacher, "--corpus", &corpus, "--out", &path(out), "--dimensions", "2"]);
        assert!(succeeded && text.contains("words counted       3 (2 distinct) in 1 files"), "{text}");
        std::fs::read(path(out)).expect("the model is written")
    };
    assert_eq!(make("one.bin"), make("two.bin"));
    let (succeeded, text) =
        run(&["make-model", "--teacher", &teacher, "--corpus", &teacher, "--out", &path("three.bin")]);
    assert!(!succeeded && text.contains("span fewer than 256 dimensions"), "{text}");
}
