use types::{Language, RepoPath};

use super::*;

fn of(path: &str, first_line: &str) -> &'static str {
    detect_language(&RepoPath::new(path), Some(first_line)).0
}

#[test]
fn names_extensions_and_interpreters_are_known() {
    assert_eq!(of("src/main.rs", ""), "rust");
    assert_eq!(of("App.TSX", ""), "tsx");
    assert_eq!(of("bin/run", "#!/usr/bin/env -S bash -e"), "bash");
    assert_eq!(of("bin/run", "#!/usr/bin/python3.11"), "python");
    assert_eq!(of("Makefile", ""), "make");
    assert_eq!(of("LICENSE", "MIT License"), "text");
    assert_eq!(of("LICENSE.old", ""), "text");
    assert_eq!(
        [of("Dockerfile.dev", ""), of("Makefile.am", ""), of("Jenkinsfile.release", "")],
        ["docker", "make", "groovy"]
    );
    assert_eq!([of("Makefile.inc", ""), of("BUILD.boost", ""), of("BUILD.gn", "")], ["make", "bazel", "gn"]);
    assert_eq!([of("build.ninja", ""), of("build.cake", "")], ["text", "text"], "these are no files of Bazel");
    assert_eq!([of("build", "#!/bin/sh"), of("build", ""), of("bin/x", "#!/usr/bin/perl6")], ["bash", "bazel", "raku"]);
    assert_eq!(of("makefile.py", ""), "python");
    assert_eq!([of("a.ino", ""), of("a.cppm", ""), of("a.pyx", "")], ["cpp", "cpp", "python"]);
    for (path, language) in [
        ("a.vb", "visual-basic"),
        ("a.bas", "visual-basic"),
        ("a.bat", "batch"),
        ("a.gd", "gdscript"),
        ("a.razor", "razor"),
        ("a.tcl", "tcl"),
        ("a.prisma", "prisma"),
        ("a.coffee", "coffeescript"),
        ("a.cbl", "cobol"),
        ("a.trigger", "apex"),
    ] {
        assert_eq!(of(path, ""), language);
    }
    assert_eq!(language_by_name("C++").map(|language| language.0), Some("cpp"));
    assert_eq!(language_by_name("rs").map(|language| language.0), Some("rust"));
    assert_eq!(language_by_name("klingon"), None);
    for (alias, language) in [
        ("ObjC", "objective-c"),
        ("python3", "python"),
        ("react", "tsx"),
        ("typescriptreact", "tsx"),
        ("C#", "csharp"),
        ("shellscript", "bash"),
        ("dockerfile", "docker"),
        ("makefile", "make"),
        ("hcl", "terraform"),
        ("latex", "tex"),
    ] {
        assert_eq!(language_by_name(alias).map(|language| language.0), Some(language), "{alias}");
    }
}

#[test]
fn other_names_are_of_known_languages_and_hide_no_name() {
    let mut seen = std::collections::HashSet::new();
    for (alias, name) in language_aliases() {
        assert!(all_languages().any(|row| row.name == name), "{name} is a language");
        assert!(!all_languages().any(|row| row.name == alias || row.extensions.contains(&alias)), "{alias} has a row");
        assert!(seen.insert(alias) && alias.to_lowercase() == alias, "{alias} is one lower-case name");
    }
}

#[test]
fn a_header_with_cpp_code_is_cpp() {
    let of = |text| refine_language(Language("c"), &RepoPath::new("a.h"), text).0;
    assert_eq!(of("namespace fmt {\n}"), "cpp");
    assert_eq!(of("#ifndef A_H\nint f(void); /* a class of its own */"), "c");
}

#[test]
fn an_objective_c_header_is_objective_c() {
    let of = |text| refine_language(Language("c"), &RepoPath::new("a.h"), text).0;
    assert_eq!(of("#import <Foundation/Foundation.h>\n\n@interface Cart : NSObject\n@end\n"), "objective-c");
    assert_eq!(of("@class Cart;\nvoid f(Cart *cart);\n"), "objective-c");
    assert_eq!(of("/* See @interface in the manual. */\nint f(void);\n"), "c");
}

#[test]
fn an_included_file_is_in_the_language_of_its_content() {
    let of = |text| refine_language(Language("include"), &RepoPath::new("a.inc"), text).0;
    assert_eq!(of("<?php\nfunction f() {}\n"), "php");
    assert_eq!(of("#define LIMIT 3\nstatic int limit(int x)\n{\n    return x;\n}\n"), "cpp");
    assert_eq!(of("; the ports\n%define PORT 0x60\n%macro out 2\n%endmacro\n"), "assembly");
    assert_eq!(of("procedure Run;\nbegin\n  Go;\nend;\n"), "pascal");
    assert_eq!(of("SOURCES := a.c\nifdef DEBUG\nCFLAGS += -g\nendif\n"), "make");
    assert_eq!(of("some words\n"), "include");
}

/// Returns the language of a file by its path and its text.
fn read_as(path: &str, text: &str) -> &'static str {
    let path = RepoPath::new(path);
    refine_language(detect_language(&path, text.lines().next()), &path, text).0
}

#[test]
fn a_file_whose_extension_several_languages_share_is_in_the_language_of_its_text() {
    for (path, text, language) in [
        ("cart.m", "#import \"Cart.h\"\n\n@implementation Cart\n- (int)total {\n  return 1;\n}\n@end\n", "objective-c"),
        ("add.m", "// Adds.\nint add(int a, int b) {\n  return a + b;\n}\n", "objective-c"),
        ("gain.m", "function y = gain(x)\n  % doubles\n  y = 2 * x;\nend\n", "matlab"),
        ("plots.m", "x = 1:10;\nfor k = x\n  y(k) = k;\nend\n", "matlab"),
        ("Shape.m", "classdef Shape < handle\nend\n", "matlab"),
        ("notes.m", "(* ::Package:: *)\nf[x_] := x^2\n", "text"),
        ("hello.m", ":- module hello.\n:- interface.\n% says hello\n", "text"),
        ("run.pl", "use strict;\nmy $n = shift;\nprint \"$n\\n\";\n", "perl"),
        ("old.pl", "$n = 1;\nsub twice {\n  return 2 * $_[0];\n}\n# see (1).\n", "perl"),
        ("table.pl", "return <<'END';\n0041\n0042\nEND\n", "perl"),
        ("family.pl", "% Who is whose parent.\nparent(tom, bob).\nparent(bob, ann).\n", "prolog"),
        (
            "rules.pl",
            ":- use_module(library(lists)).\n\ngrand(X, Z) :-\n    parent(X, Y),\n    parent(Y, Z).\n",
            "prolog",
        ),
        ("script.pl", "#!/usr/bin/env swipl\nmain.\n", "prolog"),
        ("six.pl", "use v6;\nsay 'hello';\n", "raku"),
        ("Cart.pm", "package Cart;\nuse Moo;\n=head1 NAME\n\nclass of carts\n\n=cut\n1;\n", "perl"),
        ("Cart.pm", "unit class Cart;\nhas $.total;\n", "raku"),
        ("icon.pm", "/* XPM */\nstatic char *icon[] = {\n};\n", "text"),
        ("t/basic.t", "use Test::More;\nok(1);\ndone_testing;\n", "perl"),
        ("t/plain.t", "print \"1..1\\nok 1\\n\";\n", "perl"),
        ("t/six.t", "use v6;\nuse Test;\nplan 1;\n", "raku"),
        ("t/run.t", "#!/bin/sh\necho 1..1\n", "bash"),
        ("t/clone.t", "A clone is made:\n\n  $ hg clone a b\n  updating\n", "text"),
        ("cpu.v", "// Module of the core.\nmodule cpu(input clk);\nendmodule\n", "verilog"),
        ("plus.v", "Require Import Arith.\nLemma plus : 1 + 1 = 2.\nProof. reflexivity. Qed.\n", "coq"),
        ("main.v", "module main\n\nfn main() {\n\tprintln('hello')\n}\n", "vlang"),
        ("app.d", "/// The program. \\\nmodule app;\nimport std.stdio;\n", "d"),
        ("pool.d", "build/pool.o: src/pool.c \\\n src/pool.h\n", "make"),
        ("update-rc.d", "#! /bin/sh\nexit 0\n", "bash"),
        ("probe.d", "#pragma D option quiet\nsyscall::open:entry\n{\n}\n", "text"),
        ("beamer.cls", "% A class.\n\\NeedsTeXFormat{LaTeX2e}\n", "tex"),
        ("Cart.cls", "/** Sells. */\npublic with sharing class Cart {\n}\n", "apex"),
        (
            "Cart.cls",
            "VERSION 1.0 CLASS\nBEGIN\nEND\nAttribute VB_Name = \"Cart\"\nPublic Total As Long\n",
            "visual-basic",
        ),
        ("Cart.cls", "CLASS Cart:\nEND CLASS.\n", "text"),
        ("cart.ts", "/** Sells. */\nexport class Cart {}\n", "typescript"),
        ("app_de.ts", "<?xml version=\"1.0\"?>\n<!DOCTYPE TS>\n<TS version=\"2.1\"></TS>\n", "xml"),
        ("Cart.tsx", "export const Cart = () => <p />;\n", "tsx"),
        ("tiles.tsx", "<?xml version=\"1.0\"?>\n<tileset name=\"a\"/>\n", "xml"),
        ("Cart.fs", "module Cart\n\nlet total = 1\n", "fsharp"),
        ("light.fs", "#version 330\nuniform vec3 light;\nvoid main() {}\n", "glsl"),
        ("shader.fs", "module Shader\n\nlet text = \"\"\"\n#version 330\nvoid main() {}\n\"\"\"\n", "fsharp"),
        ("stack.fs", "\\ Words.\n: twice ( n -- n ) 2 * ;\n", "forth"),
        ("solve.f", "C     Solves.\n      SUBROUTINE SOLVE(N)\n      END\n", "fortran"),
        ("stack.f", ": twice 2 * ;\n", "forth"),
        ("cart.ml", "module Cart = struct\n  let total = 1\nend\n", "ocaml"),
        ("cart.ml", "structure Cart = struct\n  val total = 1\nend\n", "text"),
        ("web.pp", "class web {\n  package { 'nginx':\n    ensure => installed,\n  }\n}\n", "puppet"),
        ("cart.pp", "unit cart;\ninterface\nimplementation\nend.\n", "pascal"),
        ("fit.R", "fit <- function(x) {\n  x\n}\n", "r"),
        ("script.r", "REBOL [Title: \"Hello\"]\nprint 1\n", "text"),
        ("menu.r", "#include \"Types.r\"\nresource 'MENU' (128) {\n};\n", "text"),
        ("cart.ex", "defmodule Cart do\n  def total, do: 1\nend\n", "elixir"),
        ("cart.ex", "include std/io.e\nfunction total()\n  return 1\nend function\n", "text"),
        ("cart.sc", "object Cart {\n  val total = 1\n}\n", "scala"),
        ("Synth.sc", "Synth : Object {\n\t*new { |x|\n\t\t^super.new\n\t}\n}\n", "text"),
        ("Vault.sol", "// SPDX-License-Identifier: MIT\ncontract Vault {}\n", "solidity"),
        ("board.sol", "%FSLAX25Y25*%\nG04 a layer*\nM02*\n", "text"),
        ("player.gd", "extends Node\n\nfunc run():\n\tpass\n", "gdscript"),
        ("lib.gd", "#! @Chapter Groups\nDeclareOperation(\"Order\", [IsGroup]);\n", "text"),
        ("cart.rs", "fn total() -> u32 {\n    1\n}\n", "rust"),
        ("mono.rs", "#pragma version(1)\n#pragma rs java_package_name(a)\n", "c"),
        ("Cart.cs", "namespace Shop {\n  class Cart { }\n}\n", "csharp"),
        ("Cart.cs", "Object subclass: #Cart\n!Cart methodsFor: 'a'!\ntotal\n  ^ 1! !\n", "text"),
        ("index.php", "<?php\nfunction total() {}\n", "php"),
        ("index.php", "<?hh // strict\nfunction total(): int { return 1; }\n", "hack"),
        ("cart.hh", "#pragma once\nclass Cart {};\n", "cpp"),
        ("water.frag", "precision mediump float;\nvoid main() {}\n", "glsl"),
        ("parts.frag", "vec3 shade(vec3 light) {\n  return light;\n}\n", "glsl"),
        ("page.frag", "<div>text</div>\n", "html"),
        ("intro.frag", "(function (window) {\n", "javascript"),
        ("bunny.mesh", "MeshVersionFormatted 1\nVertices 3\n", "text"),
        ("rules.star", "def rule():\n    pass\n", "starlark"),
        ("particles.star", "data_particles\n\nloop_\n_x #1\n1.0\n", "text"),
        ("guide.md", "# Guide\n\n; a remark\n", "markdown"),
        ("i386.md", ";; GCC machine description.\n(define_insn \"a\")\n", "text"),
        ("game.bas", "Sub Main()\nEnd Sub\n", "visual-basic"),
        ("game.bas", "10 PRINT \"HI\"\n20 GOTO 10\n", "text"),
        ("a.trigger", "trigger A on Account (before insert) {\n}\n", "apex"),
        ("a.trigger", "#!/bin/sh\nldconfig\n", "bash"),
        ("POOL.C", "int take(void) { return 1; }\n", "c"),
        ("pool.C", "namespace pool {\n}\n", "cpp"),
        ("pool.c", "/* see\nnamespace pool */\n", "c"),
        ("image.inc", "SRC_URI = \"file://a\"\ndo_install() {\n  true\n}\n", "text"),
        ("head.inc", "<div>\n</div>\n", "html"),
    ] {
        assert_eq!(read_as(path, text), language, "{path}: {text}");
        assert_eq!(language_by_name(language).map(|known| known.0), Some(language), "{language} is in the table");
    }
}

#[test]
fn small_files_of_settings_are_configuration() {
    for (path, text, language) in [
        (".gitignore", "target/\n", "settings"),
        ("web/.dockerignore", "node_modules\n", "settings"),
        (".gitattributes", "*.rs text\n", "settings"),
        (".browserslistrc", "defaults\n", "settings"),
        (".prettierrc", "{ \"semi\": false }\n", "json"),
        (".babelrc", "\n{}\n", "json"),
        (".editorconfig", "root = true\n", "ini"),
        (".gitmodules", "[submodule \"a\"]\n", "ini"),
        (".clang-format", "BasedOnStyle: LLVM\n", "yaml"),
        (".github/CODEOWNERS", "* @a\n", "settings"),
    ] {
        assert_eq!(read_as(path, text), language, "{path}");
        assert_eq!(language_content(Language(language)), types::ContentKind::Config, "{path}");
    }
    assert_eq!([read_as(".bashrc", ""), read_as(".vimrc", ""), read_as("src/rc", "")], ["bash", "vim", "text"]);
}

#[test]
fn no_key_is_claimed_twice() {
    for of in
        [|row: &LanguageRow| row.extensions, |row: &LanguageRow| row.file_names, |row: &LanguageRow| row.interpreters]
    {
        let mut keys: Vec<_> = all_languages().flat_map(of).collect();
        let count = keys.len();
        keys.sort_unstable();
        keys.dedup();
        assert_eq!(keys.len(), count);
    }
}

#[test]
fn every_query_compiles() {
    for row in all_languages() {
        if let Some(grammar) = &row.grammar {
            assert!(grammar.query().is_ok(), "{}: {:?}", row.name, grammar.query().err());
        }
    }
}
