//! The language of a file whose extension several languages share, decided by the first part of its text.
//!
//! A rule names a language and marks of it: words at a place where the other languages with the extension do not have
//! them. The first rule with a mark in the text decides; without any, the usual language of the extension stands. A
//! file in a language without a row in the table of languages is `text`, so that no grammar reads it.

use MarkAt::{Anywhere, Column, FirstLine, Line, LineEnd, Program, Start};

/// Number of leading bytes of a text in which marks count.
const HEAD_BYTES: usize = 32 * 1024;

/// The place at which a mark counts.
#[derive(Clone, Copy)]
enum MarkAt {
    /// At the start of the text, after white space.
    Start,
    /// In the first line, if it begins with `#!`.
    Program,
    /// In the first line.
    FirstLine,
    /// At the start of a line, after white space.
    Line,
    /// In the first column of a line.
    Column,
    /// At the end of a line, before white space.
    LineEnd,
    /// Anywhere in the text.
    Anywhere,
}

/// A language, the place of its marks, and the marks. The empty mark is in every text.
type Rule = (&'static str, MarkAt, &'static [&'static str]);

/// Shells, as the first line of a script names them.
const SHELLS: &[&str] = &["/sh", "/bash", "/dash", "/ksh", " sh", " bash"];

/// Starts of lines that only Objective-C has.
const OBJECTIVE_C: &[&str] =
    &["@interface ", "@protocol ", "@class ", "@import ", "#import ", "NS_ASSUME_NONNULL_BEGIN"];

/// Rules of C headers.
const HEADER: &[Rule] = &[
    ("objective-c", Line, OBJECTIVE_C),
    ("cpp", Line, &["namespace ", "template <", "template<", "class ", "public:", "private:", "constexpr ", "std::"]),
];

/// The extensions that several languages share, in lower case, with their rules.
#[rustfmt::skip]
static SHARED: &[(&[&str], &[Rule])] = &[
    (&["h"], HEADER),
    // MATLAB and Octave, Mercury, Mathematica, MUMPS.
    (&["m"], &[
        ("text", Column, &[":- module", ":- interface"]),
        ("objective-c", Line, OBJECTIVE_C),
        ("objective-c", Line, &["@implementation", "@end", "@autoreleasepool", "#include", "#define", "#if", "#pragma"]),
        ("text", Start, &["(*", ";"]),
        ("matlab", Line, &["%", "function ", "function[", "classdef ", "clear;", "clear all", "clc", "close all", "disp(", "fprintf(", "addpath(", "pkg load", "1;", "## "]),
        ("objective-c", Line, &["//", "/*", "- (", "+ (", "static ", "extern ", "typedef ", "int ", "void "]),
        ("matlab", LineEnd, &["...", "'];", "end", "endif", "endfunction"]),
        ("matlab", Anywhere, &[".^"]),
        ("text", Start, &[""]),
    ]),
    // Raku and Prolog. Old Perl has no pragma, so its statements count too.
    (&["pl"], &[
        ("raku", Program, &["raku", "perl6"]),
        ("prolog", Program, &["swipl", "gprolog", "/yap"]),
        ("perl", Program, &["perl"]),
        ("raku", Line, RAKU),
        ("prolog", Column, &[":- ", ":-", "?- "]),
        ("perl", Line, PERL),
        ("raku", Column, RAKU_TYPES),
        ("perl", Line, PERL_STATEMENTS),
        ("prolog", LineEnd, &[":-", "-->", ")."]),
        ("prolog", Anywhere, &[") :- "]),
    ]),
    // Raku and X pixmaps.
    (&["pm"], &[
        ("text", Start, &["/* XPM"]),
        ("raku", Line, RAKU),
        ("perl", Line, PERL),
        ("raku", Column, RAKU_TYPES),
    ]),
    // Tests in Raku and other scripts, of commands (cram), and Turing.
    (&["t"], &[
        ("raku", Program, &["raku", "perl6"]),
        ("perl", Program, &["perl"]),
        ("python", Program, &["python"]),
        ("ruby", Program, &["ruby"]),
        ("javascript", Program, &["node"]),
        ("bash", Program, SHELLS),
        ("raku", Line, RAKU),
        ("perl", Line, PERL),
        ("raku", Column, RAKU_TYPES),
        ("text", Column, &["  $ "]),
        ("perl", Line, PERL_STATEMENTS),
        ("perl", Line, &["use ", "require ", "BEGIN {", "ok(", "ok ", "is(", "is ", "plan ", "__END__", "__DATA__"]),
        ("text", Start, &[""]),
    ]),
    // Catalogues of translations, and tile sets of maps.
    (&["ts", "tsx"], &[("xml", Start, &["<?xml", "<!DOCTYPE TS", "<TS ", "<tileset"])]),
    (&["php", "hh"], &[("hack", Line, &["<?hh"])]),
    // RenderScript is a dialect of C.
    (&["rs"], &[
        ("xml", Start, &["<?xml"]),
        ("c", Line, &["#pragma rs", "#pragma version(", "#include \"rs_"]),
    ]),
    // Smalltalk.
    (&["cs"], &[("text", Anywhere, &[" methodsFor: '", " subclass: #"])]),
    // SuperCollider.
    (&["sc"], &[("text", Line, &["^this", "^super", "*new", "*initClass", "SynthDef(", "Ndef("])]),
    // Euphoria.
    (&["ex"], &[("text", Line, &["end function", "end procedure", "end if", "end for", "end while", "include std/"])]),
    // Layers of circuit boards (Gerber).
    (&["sol"], &[("text", Start, &["%", "G0", "G5", "G7", "D10*", "M0"])]),
    // GAP.
    (&["gd"], &[("text", Line, &["DeclareOperation", "DeclareGlobal", "DeclareAttribute", "DeclareProperty", "DeclareCategory", "DeclareRepresentation", "DeclareSynonym", "DeclareInfoClass", "DeclareFilter", "BindGlobal(", "InstallMethod("])]),
    // Rebol, and resources of old Macs.
    (&["r"], &[("text", Line, &["REBOL [", "REBOL[", "Rebol [", "rebol [", "#include \"Types.r\"", "#include \"Carbon", "resource '"])]),
    // Tables of measurements (STAR).
    (&["star"], &[("text", LineEnd, &["loop_"])]),
    // Fragments of pages and scripts, and meshes.
    (&["vert", "frag", "geom", "comp", "tesc", "tese", "mesh", "rgen", "rchit", "rmiss"], &[
        ("html", Start, &["<"]),
        ("glsl", Line, &["#version", "#extension", "#include", "#define", "#if", "#pragma", "layout", "uniform ", "varying ", "attribute ", "precision ", "void "]),
        ("javascript", Line, &["(function", "function", "define(", "var ", "window."]),
        ("glsl", Line, &["//", "/*", "in ", "out ", "const ", "struct ", "float ", "int ", "vec", "mat", "bool ", "buffer "]),
        ("text", Start, &[""]),
    ]),
    // Machine descriptions of GCC.
    (&["md"], &[("text", Start, &[";", "(define_"])]),
    // Coq, V.
    (&["v"], &[
        ("coq", Line, &["Require Import", "Require Export", "From Coq", "Theorem ", "Lemma ", "Fixpoint ", "Inductive ", "Proof.", "Qed."]),
        ("vlang", Line, &["fn ", "pub fn ", "pub struct ", "println("]),
    ]),
    // Scripts such as `update-rc.d`, DTrace, and dependencies that compilers write.
    (&["d"], &[
        ("bash", Program, SHELLS),
        ("perl", Program, &["perl"]),
        ("text", Column, &["#pragma D ", "provider ", "BEGIN", "dtrace:::", "syscall::", "profile:::", "tick-"]),
        ("text", Program, &["dtrace"]),
        ("d", Column, &["module ", "import ", "private ", "public ", "extern", "//", "/*", "/+"]),
        ("make", FirstLine, &[".o:", ".o :", ".lo:", ".obj:", ".rlib:", ".rmeta:"]),
        ("make", LineEnd, &[" \\"]),
    ]),
    // Forth, shaders, and Filterscript, which is a dialect of C.
    (&["fs"], &[
        ("c", Line, &["#pragma rs", "#pragma version("]),
        ("fsharp", Column, &["module ", "namespace ", "open ", "let ", "type ", "[<", "#light"]),
        ("glsl", Line, &["#version", "precision ", "uniform ", "varying ", "attribute ", "gl_Frag", "void main"]),
        ("forth", Column, &[": ", "\\ ", "new-device"]),
    ]),
    (&["f"], &[("forth", Column, &[": ", "\\ "])]),
    // Standard ML.
    (&["ml"], &[
        ("ocaml", Column, &["let ", "module ", "open "]),
        ("text", Column, &["structure ", "signature ", "functor ", "fun ", "datatype "]),
    ]),
    (&["pp"], &[
        ("pascal", LineEnd, &["end.", "end;", "begin"]),
        ("puppet", Anywhere, &[" => "]),
        ("puppet", Line, &["class ", "define ", "node ", "include "]),
    ]),
    // LaTeX, Visual Basic, OpenEdge ABL.
    (&["cls"], &[
        ("tex", Line, &["\\NeedsTeXFormat", "\\ProvidesClass", "\\LoadClass", "\\documentclass"]),
        ("tex", Start, &["%", "\\"]),
        ("visual-basic", Line, &["VERSION 1.0 CLASS", "Attribute VB_", "Option Explicit"]),
        ("text", LineEnd, &["end class.", "END CLASS.", "end method.", "END METHOD."]),
        ("apex", Line, &["public ", "private ", "protected ", "global ", "Public ", "Private ", "Global ", "virtual ", "abstract ", "with sharing", "without sharing", "class ", "enum ", "interface ", "@isTest", "@IsTest"]),
        ("text", Start, &[""]),
    ]),
    // BASIC with numbers of lines.
    (&["bas"], &[("text", Start, &["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"])]),
    (&["trigger"], &[("bash", Program, SHELLS)]),
    // Pages, BitBake and POV-Ray; `included_language` counts marks of others.
    (&["inc"], &[
        ("php", Anywhere, &["<?php"]),
        ("html", Start, &["<!DOCTYPE", "<html", "<div", "<table", "<p>", "<script", "<!--"]),
        ("sql", Line, &["CREATE TABLE ", "INSERT INTO ", "DROP TABLE "]),
        ("text", Line, &["SRC_URI", "LIC_FILES_CHKSUM", "PACKAGECONFIG", "do_install", "inherit ", "#declare ", "#macro ", "#local "]),
    ]),
];

/// Starts of lines in Raku that Perl does not have.
const RAKU: &[&str] = &[
    "use v6",
    "unit class ",
    "unit module ",
    "unit role ",
    "unit sub ",
    "multi sub ",
    "multi method ",
    "has $.",
    "has @.",
];

/// Starts of definitions in Raku, which recent Perl has too, after a pragma.
const RAKU_TYPES: &[&str] = &["class ", "role ", "grammar "];

/// Starts of lines in nearly every file of Perl.
const PERL: &[&str] = &[
    "package ",
    "use strict",
    "use warnings",
    "use v5",
    "use 5",
    "use utf8",
    "use lib",
    "use constant",
    "use Moo",
    "use Test::",
    "use feature",
    "=head1",
    "=pod",
    "=encoding",
];

/// Starts of statements in Perl, which a remark in another language may have too.
const PERL_STATEMENTS: &[&str] =
    &["my $", "my @", "my %", "my (", "our ", "local $", "sub ", "$", "@", "print ", "=cut"];

/// Returns the language of a file whose extension several languages share, by its text; `None` if the extension alone
/// decides. Reads the first 32 KiB.
pub fn language_by_content(file_name: &str, text: &str) -> Option<&'static str> {
    let (_, extension) = file_name.rsplit_once('.')?;
    // On Unix, a capital C is C++.
    let extension = if extension == "C" { "h".to_owned() } else { extension.to_ascii_lowercase() };
    let (_, rules) = SHARED.iter().find(|(extensions, _)| extensions.contains(&extension.as_str()))?;
    let head = text[..text.floor_char_boundary(HEAD_BYTES)].trim_start_matches('\u{feff}');
    let counted = || if extension == "inc" { included_language(head) } else { None };
    find_language(rules, head).or_else(counted)
}

/// Returns the language of the first rule with a mark in the text.
fn find_language(rules: &[Rule], text: &str) -> Option<&'static str> {
    rules.iter().find(|rule| has_mark(text, rule)).map(|(language, ..)| *language)
}

fn has_mark(text: &str, (_, at, marks): &Rule) -> bool {
    let begins = |part: &str| marks.iter().any(|mark| part.starts_with(mark));
    let has = |part: &str| marks.iter().any(|mark| part.contains(mark));
    match at {
        Start => begins(text.trim_start()),
        Program => text.starts_with("#!") && text.lines().next().is_some_and(has),
        FirstLine => text.lines().next().is_some_and(has),
        Line => text.lines().any(|line| begins(line.trim_start())),
        Column => text.lines().any(begins),
        LineEnd => text.lines().any(|line| marks.iter().any(|mark| line.trim_end().ends_with(mark))),
        Anywhere => has(text),
    }
}

/// Guesses the language of an `.inc` file by counting lines that are typical of a language; `None` if there are none.
fn included_language(text: &str) -> Option<&'static str> {
    let words = |line: &str, marks: &[&str]| marks.iter().any(|mark| line.starts_with(mark));
    let (mut c, mut assembly, mut pascal, mut make) = (0, 0, 0, 0);
    for line in text.lines().map(str::trim_start).filter(|line| !line.is_empty()).take(400) {
        let is_c = words(line, &["#include", "#define", "#if", "#endif", "#pragma", "//", "/*", "static ", "inline "]);
        c += u32::from(is_c || line.ends_with([';', '{', '}']));
        assembly += u32::from(words(line, &[".macro", ".equ", ".section", ".global", "%define", "%macro", ";"]));
        pascal += u32::from(words(line, &["{$", "procedure ", "begin", "end;"]));
        make += u32::from(
            words(line, &["ifeq", "ifdef", "endif", "include "]) || line.contains(":= ") || line.contains("+= "),
        );
    }
    let best = c.max(assembly).max(pascal).max(make);
    match best {
        0 => None,
        _ if pascal * 4 > c && pascal > assembly => Some("pascal"),
        _ if best == assembly => Some("assembly"),
        _ if best == make => Some("make"),
        _ => find_language(HEADER, text).or(Some("cpp")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_first_part_of_a_text_is_read() {
        let late = |bytes: usize| format!("{}namespace a {{}}\n", "int f(void);\n".repeat(bytes / 13));
        assert_eq!(language_by_content("a.h", &late(HEAD_BYTES / 2)), Some("cpp"));
        assert_eq!(language_by_content("a.h", &late(HEAD_BYTES * 2)), None);
        // The limit is inside of a character.
        assert_eq!(language_by_content("a.h", &"é€".repeat(HEAD_BYTES)), None);
    }

    #[test]
    fn an_extension_of_one_language_and_a_name_without_one_are_left_alone() {
        for name in ["a.go", "Makefile", "", ".", "a."] {
            assert_eq!(language_by_content(name, "<?xml ?>\nnamespace a {}\n"), None, "{name}");
        }
    }

    #[test]
    fn no_extension_has_two_tables_of_rules_and_no_rule_is_unreachable() {
        let mut seen = std::collections::HashSet::new();
        for (extensions, rules) in SHARED {
            for extension in *extensions {
                assert!(seen.insert(extension) && extension.to_ascii_lowercase() == *extension, "{extension}");
            }
            let any = rules.iter().position(|(_, _, marks)| marks.contains(&""));
            assert!(any.is_none_or(|at| at + 1 == rules.len()), "{extensions:?}: a rule follows one for every text");
        }
    }
}
