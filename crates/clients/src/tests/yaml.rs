//! Tests of inserting, updating and removing the entry in YAML.

use super::{check_insert, check_refused, check_round_trip, remove};

const GOOSE: &str = "goose";
const CONTINUE: &str = "continue";

const OURS: &str = "  codescry:\n    name: codescry\n    type: stdio\n    cmd: /bin/codescry\n    args: [\"serve\", \"--stdio\"]\n    enabled: true\n    timeout: 300\n";

const ITEM: &str = "  - name: codescry\n    command: /bin/codescry\n    args: [\"serve\", \"--stdio\"]\n";

#[test]
fn a_mapping_gets_the_entry_at_its_end() {
    let before = "# Goose.\nGOOSE_MODEL: gpt   # as ever\nextensions:\n  developer:\n    bundled: true\n    args: [ ]\n    env_keys:\n    - A\n    - B # two\n\n# the rest\nkeyring: false\n";
    let (head, tail) = before.split_at(before.find("\n# the rest").expect("it is there"));
    check_round_trip(GOOSE, before, &format!("{head}{OURS}{tail}"));
}

#[test]
fn the_last_line_may_have_no_end() {
    check_insert(
        GOOSE,
        "extensions:\n  a: { enabled: true }",
        &format!("extensions:\n  a: {{ enabled: true }}\n{OURS}"),
    );
    check_insert(GOOSE, "a: 1", &format!("a: 1\nextensions:\n{OURS}"));
}

#[test]
fn empty_and_missing_servers_are_filled() {
    let whole = format!("a: 1\nextensions:\n{OURS}b: 2\n");
    check_insert(GOOSE, "a: 1\nextensions: {}\nb: 2\n", &whole);
    check_insert(GOOSE, "a: 1\nextensions:\nb: 2\n", &whole);
    check_insert(GOOSE, "a: 1\nextensions: null\nb: 2\n", &whole);
    check_insert(GOOSE, "", &format!("extensions:\n{OURS}"));
    check_insert(GOOSE, "# mine\n", &format!("# mine\nextensions:\n{OURS}"));
    assert_eq!(remove(&whole, GOOSE).as_deref(), Ok("a: 1\nextensions: {}\nb: 2\n"));
}

#[test]
fn a_list_gets_an_item_in_its_indentation() {
    let before = "name: Mine\nversion: 1.0.0\nschema: v1\nmcpServers:\n  - name: other\n    command: npx\n    args:\n      - -y\n      - other\nmodels: []\n";
    let (head, tail) = before.split_at(before.find("models").expect("it is there"));
    check_round_trip(CONTINUE, before, &format!("{head}{ITEM}{tail}"));
    let flat = "mcpServers:\n- name: other\n  command: npx\n";
    check_round_trip(CONTINUE, flat, &format!("{flat}{}", ITEM.replace("\n  ", "\n").trim_start()));
    check_insert(CONTINUE, "", &format!("name: Local Config\nversion: 1.0.0\nschema: v1\nmcpServers:\n{ITEM}"));
}

#[test]
fn servers_in_braces_stay_on_their_line() {
    let with = "extensions: {a: {cmd: x}, codescry: { name: codescry, type: stdio, cmd: /bin/codescry, args: [\"serve\", \"--stdio\"], enabled: true, timeout: 300 }}\n";
    check_round_trip(GOOSE, "extensions: {a: {cmd: x}}\n", with);
}

#[test]
fn carriage_returns_and_blocks_of_text_are_kept() {
    let ours = OURS.replace('\n', "\r\n");
    check_round_trip(
        GOOSE,
        "extensions:\r\n  a:\r\n    cmd: x\r\nb: 1\r\n",
        &format!("extensions:\r\n  a:\r\n    cmd: x\r\n{ours}b: 1\r\n"),
    );
    let text = "extensions:\n  a:\n    description: |\n      # not a comment\n\n      last\n";
    check_round_trip(GOOSE, &format!("{text}b: 1\n"), &format!("{text}{OURS}b: 1\n"));
}

#[test]
fn an_existing_entry_keeps_its_other_fields() {
    let old = "extensions:\n  codescry:\n    # mine\n    cmd: /old # here\n    args:\n      - serve\n      - /code\n    envs: { A: b }\n    enabled: false\n";
    let new = "extensions:\n  codescry:\n    # mine\n    cmd: /bin/codescry # here\n    args:\n      [\"serve\", \"--stdio\"]\n    envs: { A: b }\n    enabled: false\n";
    check_insert(GOOSE, old, new);
}

#[test]
fn other_texts_are_refused_with_the_position() {
    check_refused(GOOSE, "a: [1\nb: 2\n", "this is not YAML");
    check_refused(GOOSE, "extensions: text\n", "line 1, column 13: \"extensions\" is not a mapping");
    check_refused(CONTINUE, "a: 1\nmcpServers: {}\n", "line 2, column 13: \"mcpServers\" is not a list");
    check_refused(GOOSE, "- a\n", "not a mapping in block style");
    check_refused(GOOSE, "a: 1\n---\nb: 2\n", "several documents");
    check_refused(GOOSE, "extensions:\n  codescry:\n    uri: http://localhost\n", "starts no program");
}
