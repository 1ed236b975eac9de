//! Tests of what people see on a terminal: the width of lines, and the number of results.

use std::process::{Command, Stdio};

use crate::command_line::project;
use crate::support::cli::Project;

/// Runs the program on a terminal of the given width, and returns the shown text.
fn run_on_terminal(project: &Project, columns: usize, arguments: &str) -> String {
    let program = env!("CARGO_BIN_EXE_codescry");
    let command = project.command(&[]);
    let mut script = Command::new("script");
    let line = format!("stty cols {columns} rows 40; '{program}' {arguments}");
    script.args(["-qec", &line, "/dev/null"]);
    script.env_clear().envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
    script.env("PATH", std::env::var_os("PATH").unwrap_or_default()).env("TERM", "xterm-256color");
    script.env("COLUMNS", columns.to_string()).current_dir(project.root()).stdin(Stdio::null());
    let output = script.output().expect("`script` of util-linux starts; this test needs it");
    String::from_utf8(output.stdout).expect("UTF-8").replace("\r\n", "\n")
}

/// Removes the escape sequences of colours.
fn without_colours(text: &str) -> String {
    let mut parts = text.split("\x1b[");
    let first = parts.next().unwrap_or_default().to_owned();
    first
        + &parts
            .map(|part| part.split_once(|c: char| c.is_ascii_alphabetic()).map_or("", |(_, rest)| rest))
            .collect::<String>()
}

#[test]
#[cfg_attr(not(feature = "lance"), ignore = "needs an index that outlives its process")]
fn nothing_is_cut_off_by_a_narrow_terminal() {
    let project = project();
    project.write("src/wide.rs", format!("/// {}\npub fn wide() {{}}\n", "A sentence that goes on. ".repeat(20)));
    assert_eq!(project.run(&["index"]).code, 0);
    let commands = [
        "--help",
        "search --help",
        "symbol --help",
        "references --help",
        "read --help",
        "outline --help",
        "similar --help",
        "index --help",
        "status --help",
        "indexes --help",
        "indexes prune --help",
        "serve --help",
        "watch --help",
        "eval --help",
        "tune --help",
        "bench pipeline --help",
        "models --help",
        "install --help",
        "uninstall --help",
        "doctor --help",
        "publish --help",
        "help --help",
        "-h",
        "search where is a failed upload tried again",
        "search wide",
        "search no_such_word_anywhere --mode lexical",
        "serach",
        "symbol upload_file",
        "references send",
        "read src/wide.rs",
        "outline src/net/upload.rs",
        "outline",
        "status -v",
        "index --rebuild -v",
        "index --dry-run",
        "indexes list",
        "models list",
        "bench pipeline --only tree-sitter",
        "doctor",
    ];
    for columns in [60, 120] {
        for arguments in commands {
            let shown = without_colours(&run_on_terminal(&project, columns, arguments));
            assert!(!shown.trim().is_empty(), "{arguments}");
            // A progress bar returns to the beginning of its line.
            for line in shown.split(['\n', '\r']) {
                // A path is shown whole, so that it can be opened.
                let is_one_word = line.trim().split(' ').count() <= 1;
                assert!(line.chars().count() <= columns || is_one_word, "{arguments} at {columns}: {line:?}");
            }
        }
    }
    let five = run_on_terminal(&project, 80, "search upload file --color never");
    assert!(five.lines().filter(|line| line.contains(".rs:") || line.contains(".md:")).count() <= 5, "{five}");
}

#[test]
fn code_is_cut_on_a_terminal_and_whole_elsewhere() {
    let project = project();
    let long = format!("let text = \"{}\";", "word ".repeat(40));
    project.write("src/long.rs", format!("fn long() {{\n    {long}\n}}\n"));
    let shown = without_colours(&run_on_terminal(&project, 60, "read src/long.rs:1-3"));
    let cut: Vec<&str> = shown.lines().filter(|line| line.contains("word")).collect();
    assert!(cut.len() == 1 && cut[0].ends_with('…') && cut[0].chars().count() <= 60, "{shown}");
    assert!(project.run(&["read", "src/long.rs:1-3"]).out.contains(&long));
}
