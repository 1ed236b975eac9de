//! Tests of references, by language.

use std::time::{Duration, Instant};

use crate::language;
use crate::parse::{Parser, SourceFile};
use types::RepoPath;

/// Returns every reference to `name` as `line:kind`.
fn references(file: &str, name: &str, text: &str) -> Vec<String> {
    let path = RepoPath::new(file);
    let language = language::detect_language(&path, None);
    let file = SourceFile { path, language, text: text.to_owned(), masks: Vec::new() };
    let found = Parser::new(Duration::from_secs(60)).find_references(&file, name);
    assert_eq!(found.problem, None);
    found.sites.iter().map(|one| format!("{}:{}", one.line, one.kind.as_str())).collect()
}

#[test]
fn rust() {
    let text = "use store::open_store;\n// open_store in a comment\nfn open_store(path: &str) -> Store {\n    \
                let store = open_store(\"open_store\");\n    let f = open_store;\n    store::open_store::<u8>(path);\n    \
                retry!(open_store(path))\n}\n";
    assert_eq!(
        references("a.rs", "open_store", text),
        ["1:import", "3:definition", "4:call", "5:other", "6:call", "7:call"]
    );
    let text = "struct Point { x: u32 }\nimpl Point {\n    fn set(&mut self, v: u32) -> Point {\n        self.x = v;\n        \
                Point { x: self.x }\n    }\n}\nfn f(p: Vec<Point>) { p[0].x += 1; }\n";
    assert_eq!(references("a.rs", "x", text), ["1:definition", "4:write", "5:write", "5:other", "8:write"]);
    assert_eq!(references("a.rs", "Point", text), ["1:definition", "2:definition", "3:type", "5:type", "8:type"]);
}

#[test]
fn python() {
    let text = "from net.retry import backoff\nimport net\n\n\ndef run(task: backoff):\n    \"\"\"Calls backoff.\"\"\"\n    \
                net.retry.backoff(task)\n    backoff = 3\n    print(f\"{backoff} backoff\")\n    @backoff\n    def inner(): pass\n";
    let wanted = ["1:import", "5:type", "7:call", "8:definition|8:write", "9:other", "10:call"];
    let found = references("a.py", "backoff", text);
    assert_eq!(found.len(), wanted.len(), "{found:?}");
    for (found, wanted) in found.iter().zip(wanted) {
        assert!(wanted.split('|').any(|wanted| wanted == found), "{found}: {wanted}");
    }
}

#[test]
fn typescript() {
    let text = "import { Router } from './Router';\nexport { Router };\nclass App extends Router {\n  r: Router = new Router();\n  \
                go(r?: Router) { this.r.open(); this.r = `${Router} Router`; }\n}\n";
    assert_eq!(
        references("a.ts", "Router", text),
        ["1:import", "2:import", "3:type", "4:type", "4:call", "5:type", "5:other"]
    );
    assert_eq!(references("a.ts", "open", text), ["5:call"]);
}

/// Each text has one call on a line of its own, among comments and strings with the same word.
#[test]
fn a_call_is_a_call_in_every_language() {
    for (file, text) in [
        ("a.go", "package a\n// fetch\nfunc run() {\n\tx := net.fetch(\"fetch\")\n}\n"),
        ("A.java", "class A {\n  // fetch\n  void run() {\n    this.net.fetch(\"fetch\");\n  }\n}\n"),
        ("a.c", "/* fetch */\n#define A \"x\"\nint run(void) {\n  return fetch(\"fetch\");\n}\n"),
        ("a.cpp", "// fetch\n\nint run() {\n  return net::fetch<int>(\"fetch\");\n}\n"),
        ("a.cs", "class A {\n  // fetch\n  void Run() {\n    net.fetch(\"fetch\");\n  }\n}\n"),
        ("a.rb", "# fetch\nclass A\n  def run\n    net.fetch 'fetch'\n  end\nend\n"),
        ("a.php", "<?php\n// fetch\nfunction run() {\n  $net->fetch('fetch');\n}\n"),
        ("a.kt", "// fetch\n\nfun run() {\n  net.fetch(\"fetch\")\n}\n"),
        ("a.scala", "// fetch\nobject A {\n  def run() =\n    net.fetch(\"fetch\")\n}\n"),
        ("a.swift", "// fetch\n\nfunc run() {\n  net.fetch(\"fetch\")\n}\n"),
        ("a.lua", "-- fetch\n\nfunction run()\n  net.fetch('fetch')\nend\n"),
        ("a.sh", "# fetch\n\nrun() {\n  fetch \"fetch\"\n}\n"),
        ("A.hs", "module A where\n-- fetch\nrun x =\n  fetch x \"fetch\"\n"),
        ("a.ex", "defmodule A do\n  # fetch\n  def run do\n    Net.fetch(\"fetch\")\n  end\nend\n"),
        ("a.zig", "// fetch\n\nfn run() void {\n    net.fetch(\"fetch\");\n}\n"),
        ("a.pl", "# fetch\n\nsub run {\n  $net->fetch('fetch');\n}\n"),
        ("b.pl", "# fetch\n\nsub run {\n  return fetch 'fetch';\n}\n"),
        ("a.r", "# fetch\n\nrun <- function() {\n  net::fetch('fetch')\n}\n"),
        ("a.ps1", "# fetch\n\nfunction Invoke-Run {\n  fetch 'fetch'\n}\n"),
        ("b.ps1", "# fetch\n\nfunction Invoke-Run {\n  $net.fetch('fetch')\n}\n"),
        ("a.groovy", "// fetch\nclass A {\n  def run() {\n    net.fetch('fetch')\n  }\n}\n"),
        ("a.erl", "-module(a).\n% fetch\nrun(X) ->\n  net:fetch(\"fetch\").\n"),
        ("a.elm", "module A exposing (..)\n-- fetch\nrun =\n  Net.fetch \"fetch\"\n"),
        ("a.sol", "// fetch\ncontract A {\n  function run() public {\n    net.fetch(\"fetch\");\n  }\n}\n"),
        ("a.gd", "# fetch\n\nfunc run():\n\tnet.fetch(\"fetch\")\n"),
        ("a.glsl", "// fetch\n\nvoid main() {\n  fetch(1.0);\n}\n"),
        ("a.wgsl", "// fetch\n\nfn run() {\n  fetch(1.0);\n}\n"),
        ("a.nix", "# fetch\n\n{ net }: {\n  run = net.fetch \"fetch\";\n}\n"),
        ("a.bzl", "# fetch\n\ndef run():\n    net.fetch(\"fetch\")\n"),
        ("a.cmake", "# fetch\n\nfunction(run)\n  fetch(\"fetch\")\nendfunction()\n"),
        ("a.gradle", "// fetch\n\ndef run() {\n  net.fetch('fetch')\n}\n"),
        ("a.dart", "// fetch\n\nvoid run() {\n  net.fetch('fetch');\n}\n"),
        ("a.js", "// fetch\n\nfunction run() {\n  return net?.fetch('fetch');\n}\n"),
        ("a.tsx", "// fetch\n\nfunction Run() {\n  return <p>fetch {net.fetch('fetch')}</p>;\n}\n"),
    ] {
        assert_eq!(references(file, "fetch", text), ["4:call"], "{file}");
    }
}

#[test]
fn an_import_is_an_import_in_every_language() {
    for (file, text) in [
        ("A.java", "import net.Fetch;\n"),
        ("a.cs", "using Net.Fetch;\n"),
        ("a.php", "<?php use Net\\Fetch;\n"),
        ("a.kt", "import net.Fetch\n"),
        ("a.scala", "import net.Fetch\n"),
        ("a.swift", "import Fetch\n"),
        ("A.hs", "module A where\nimport Net (Fetch)\n"),
        ("a.rs", "pub use net::{Fetch, other};\n"),
    ] {
        let found = references(file, "Fetch", text);
        assert!(found.len() == 1 && found[0].ends_with(":import"), "{file}: {found:?}");
    }
}

#[test]
fn interpolated_code_and_symbols_are_references() {
    assert_eq!(references("a.rb", "total", "puts \"total #{total}\"\nbefore :total\n"), ["1:other", "2:other"]);
    assert_eq!(references("a.sh", "total", "echo \"total ${total} $total\"\n"), ["1:other", "1:other"]);
    assert_eq!(references("a.php", "total", "<?php echo \"total $total\";\n"), ["1:other"]);
    assert_eq!(references("a.kt", "total", "fun f() = \"total ${total}\"\n"), ["1:other"]);
    assert_eq!(references("a.c", "total", "#define SUM total(1)\n"), ["1:call"]);
}

#[test]
fn a_mark_at_the_end_is_part_of_a_name() {
    let ruby = "def save!\n  save\nend\n\ndef run\n  user.save!\n  save!(true)\n  user.empty?\nend\n";
    assert_eq!(references("a.rb", "save!", ruby), ["1:definition", "6:call", "7:call"]);
    assert_eq!(references("a.rb", "save", ruby), ["2:other"]);
    assert_eq!(references("a.rb", "empty?", ruby), ["8:call"]);
    let elixir = "defmodule A do\n  def fetch!(id), do: id\n  def run, do: A.fetch!(1)\nend\n";
    assert_eq!(references("a.ex", "fetch!", elixir), ["2:definition", "3:call"]);
    assert_eq!(references("a.rs", "retry!", "fn f() {\n    retry!(1)\n}\n"), ["2:call"]);
    let raw = "fn r#match() {}\nfn f() { r#match(); match 1 { _ => 2 } }\n";
    assert_eq!(references("a.rs", "match", raw), ["1:definition", "2:call"]);
}

#[test]
fn whole_words_are_found_without_a_grammar() {
    assert_eq!(
        references("a.thrift", "Fetch", "struct Fetch {}\nstruct FetchAll {}\nrpc fetch (Fetch)\n"),
        ["1:text", "3:text"]
    );
    assert_eq!(references("a.rs", "café", "fn f() { let x = café + cafés; }\n"), ["1:other"]);
    assert!(references("a.rs", "x", "").is_empty());
}

#[test]
fn the_time_limit_holds_for_deeply_nested_text() {
    let text = format!("fn f() {{ {}x{} }}\n", "(".repeat(20_000), ")".repeat(20_000)).repeat(8);
    let file = SourceFile { path: RepoPath::new("a.rs"), language: types::Language("rust"), text, masks: Vec::new() };
    let begun = Instant::now();
    let found = Parser::new(Duration::from_millis(300)).find_references(&file, "x");
    assert!(found.problem.is_some() || found.sites.len() == 8);
    assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", begun.elapsed());
}
