use std::sync::OnceLock;

use tree_sitter::Query;
use tree_sitter_language::LanguageFn;

use super::roots::Roots;
use crate::types::SymbolKind;

/// What a capture name of a query file means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Capture {
    /// `@definition.KIND`: the whole of a definition.
    Definition(SymbolKind),
    /// `@name`: the node whose text is its name.
    Name,
    /// `@receiver`: what it belongs to although it does not stand inside it.
    Receiver,
    /// `@body`: where its signature ends.
    Body,
    /// `@comment`: a comment; one right above a definition is its doc comment.
    Comment,
    /// `@attached`: an attribute or annotation of the definition right below it.
    Attached,
}

/// A tree-sitter grammar and the query that finds its definitions.
pub struct Grammar {
    function: LanguageFn,
    source: &'static str,
    compiled: OnceLock<Result<Compiled, String>>,
}

/// A query, ready to be run.
pub struct Compiled {
    pub query: Query,
    /// What each of its captures means, by capture index.
    pub captures: Vec<Capture>,
    /// By pattern, whether a definition's body is its child of that field although the pattern does not
    /// ask for it: `(#set! body)`. Swift's functions take twenty times as long to compile otherwise.
    pub finds_body: Vec<bool>,
    /// Where its patterns begin; `None` where that can be anywhere.
    pub roots: Option<Roots>,
}

impl Grammar {
    pub(super) const fn new(function: LanguageFn, source: &'static str) -> Self {
        Self { function, source, compiled: OnceLock::new() }
    }

    /// The grammar itself.
    pub fn language(&self) -> tree_sitter::Language {
        self.function.into()
    }

    /// Whether this is Bash's grammar, whose scanner needs a guard.
    pub fn is_bash(&self) -> bool {
        self.language() == tree_sitter_bash::LANGUAGE.into()
    }

    /// The query, compiled on first use.
    ///
    /// # Errors
    /// When the query file does not fit the grammar: a bug that a test of this module finds.
    pub fn query(&self) -> Result<&Compiled, &str> {
        self.compiled.get_or_init(|| self.compile()).as_ref().map_err(String::as_str)
    }

    /// Compiles the query once more and drops it: what a worker without a past has to do.
    pub fn compile_anew(&self) {
        drop(self.compile());
    }

    fn compile(&self) -> Result<Compiled, String> {
        let language = self.language();
        let query = Query::new(&language, self.source).map_err(|error| error.to_string())?;
        let captures = query.capture_names().iter().map(|name| capture(name)).collect::<Result<_, _>>()?;
        let roots = Roots::of(self.source, &language, |name| capture(name).ok());
        let finds_body = |pattern| query.property_settings(pattern).iter().any(|property| &*property.key == "body");
        let finds_body = (0..query.pattern_count()).map(finds_body).collect();
        Ok(Compiled { query, captures, finds_body, roots })
    }
}

fn capture(name: &str) -> Result<Capture, String> {
    let unknown = || format!("unknown capture @{name}");
    match name {
        "name" => Ok(Capture::Name),
        "receiver" => Ok(Capture::Receiver),
        "body" => Ok(Capture::Body),
        "comment" => Ok(Capture::Comment),
        "attached" => Ok(Capture::Attached),
        _ => {
            let kind = name.strip_prefix("definition.").ok_or_else(unknown)?;
            SymbolKind::parse(kind).map(Capture::Definition).ok_or_else(unknown)
        }
    }
}
