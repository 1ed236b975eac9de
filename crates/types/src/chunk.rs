//! Chunks and symbols: the parts of a file, their lines and their kinds.

use std::fmt;
use std::ops::Range;

use crate::path::RepoPath;

/// The name of a row in the language table (`rust`, `typescript`, `text`, …).
///
/// Only the crate `source` creates values, so each one names an existing row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Language(pub &'static str);

impl fmt::Display for Language {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

/// The kind of content in a file: code, documentation or configuration. The option `--content` filters by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ContentKind {
    /// Program source.
    Code,
    /// Documents: Markdown, reStructuredText, plain text.
    Docs,
    /// Settings and build files: TOML, YAML, Makefile, Dockerfile.
    Config,
}

/// A range of whole lines in a file: 1-based, both ends included.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Span {
    pub start_line: u32,
    pub end_line: u32,
}

impl Span {
    /// Returns whether `line` (1-based) lies in the span.
    pub fn contains(&self, line: u32) -> bool {
        (self.start_line..=self.end_line).contains(&line)
    }

    /// Returns the number of lines, which is at least 1.
    pub fn line_count(&self) -> u32 {
        self.end_line - self.start_line + 1
    }
}

macro_rules! symbol_kinds {
    ($($variant:ident $name:literal,)*) => {
        /// The kind of a definition.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum SymbolKind { $(#[doc = concat!("`", $name, "` in queries and answers.")] $variant,)* }

        impl SymbolKind {
            /// All kinds. The position of a kind is its number in cached files and in messages of parser processes.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// Returns the kind's name in query files, in the store and in answers.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// Returns the kind with exactly this name; `None` for any other text.
            pub fn parse(word: &str) -> Option<Self> {
                match word { $($name => Some(Self::$variant),)* _ => None }
            }
        }
    };
}

symbol_kinds! {
    Function "function",
    Method "method",
    Constructor "constructor",
    Class "class",
    Struct "struct",
    Union "union",
    Enum "enum",
    Interface "interface",
    Trait "trait",
    Impl "impl",
    Module "module",
    Type "type",
    Constant "constant",
    Variable "variable",
    Field "field",
    Property "property",
    Macro "macro",
    Test "test",
    Section "section",
    Block "block",
    Resource "resource",
    Service "service",
    Task "task",
}

impl SymbolKind {
    /// Returns the kind that a word typed by a user means. Accepts plurals, abbreviations, synonyms and any letter case
    /// (`functions`, `fn`, `namespace`, `CONST`). `None` for any other word.
    pub fn from_word(word: &str) -> Option<Self> {
        let word = word.trim().to_lowercase();
        let singular = || word.strip_suffix('s').and_then(Self::parse);
        let plural = || word.strip_suffix("es").and_then(Self::parse); // classes
        Self::parse(&word).or_else(singular).or_else(plural).or(match word.as_str() {
            "fn" | "func" | "fun" | "def" | "procedure" => Some(Self::Function),
            "ctor" | "init" => Some(Self::Constructor),
            "mod" | "namespace" | "package" => Some(Self::Module),
            "protocol" => Some(Self::Interface),
            "typedef" | "typealias" | "alias" => Some(Self::Type),
            "const" | "constants" => Some(Self::Constant),
            "var" | "let" => Some(Self::Variable),
            "properties" | "prop" => Some(Self::Property),
            "attr" | "attribute" | "member" => Some(Self::Field),
            "heading" => Some(Self::Section),
            "job" | "step" | "target" | "recipe" | "script" | "stage" => Some(Self::Task),
            _ => None,
        })
    }

    /// Returns whether definitions of this kind usually contain others (class, module, impl, section, …).
    pub fn is_container(self) -> bool {
        use SymbolKind::{Class, Enum, Impl, Interface, Module, Section, Struct, Trait, Union};
        matches!(self, Class | Struct | Union | Enum | Interface | Trait | Impl | Module | Section)
    }
}

impl fmt::Display for SymbolKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A definition in a file, as the `outline` command lists it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Symbol {
    pub name: String,
    pub kind: SymbolKind,
    /// Names of the enclosing definitions, outermost first, and of a method's receiver, joined with `.`; empty at the
    /// top level.
    pub container: String,
    /// The definition's source up to its body, or a description of it, such as the title of a section. White space is
    /// collapsed, and a text longer than about 300 bytes is cut.
    pub signature: String,
    /// The definition's lines, including its doc comment and attributes.
    pub span: Span,
}

/// A piece of a file that is embedded, stored and found as a unit: one definition, a part of a large one,
/// several small neighbors, or the lines between definitions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chunk {
    pub path: RepoPath,
    pub language: Language,
    pub span: Span,
    pub kind: SymbolKind,
    /// The name of the definition that the chunk contains, wholly or in part. Of several, it is the first one, but a
    /// constant, field, property, type or variable only if there is no other. Empty for a block.
    pub symbol: String,
    /// Names of the enclosing definitions, outermost first, and of a method's receiver, joined with `.`; empty at the
    /// top level.
    pub container: String,
    /// The definitions whose names are in the chunk, in order of their lines. Their lines may go beyond the chunk.
    pub definitions: Vec<Symbol>,
    /// The signature of the definition named by `symbol`, as in [`Symbol::signature`]; empty for a block.
    pub signature: String,
    /// The lines of `span`, without the last line break. Credentials are masked, and very long lines are shortened to
    /// their start and their end.
    pub text: String,
    /// Byte ranges of the text in which a mask stands for a credential.
    pub masked: Vec<Range<u32>>,
}

impl Chunk {
    /// Returns the chunk's container and symbol, joined by [`qualified_name`].
    pub fn qualified_name(&self) -> String {
        qualified_name(&self.container, &self.symbol)
    }

    /// Returns the names of the chunk's definitions, in order.
    pub fn defined_names(&self) -> impl Iterator<Item = &str> {
        self.definitions.iter().map(|definition| definition.name.as_str())
    }
}

/// Returns the names in a container such as `outer.Store<K, V>`, innermost first and without type arguments: `Store`,
/// then `outer`.
pub fn container_names(container: &str) -> impl Iterator<Item = &str> {
    let mut depth = 0_usize;
    let is_separator = move |c: char| {
        match c {
            '<' | '[' => depth += 1,
            '>' | ']' => depth = depth.saturating_sub(1),
            _ => {}
        }
        depth == 0 && matches!(c, '.' | ':' | '\\')
    };
    let names: Vec<&str> =
        container.split(is_separator).map(|part| part.split(['<', '[']).next().unwrap_or(part)).collect();
    names.into_iter().rev().map(str::trim).filter(|name| !name.is_empty())
}

/// Joins a container and a symbol to `container.symbol`; if one of them is empty, returns the other one. A symbol named
/// as its container, such as a constructor, is not repeated.
pub fn qualified_name(container: &str, symbol: &str) -> String {
    match (container, symbol) {
        ("", symbol) => symbol.to_owned(),
        (container, "") => container.to_owned(),
        (container, symbol) if container.rsplit('.').next() == Some(symbol) => container.to_owned(),
        (container, symbol) => format!("{container}.{symbol}"),
    }
}
