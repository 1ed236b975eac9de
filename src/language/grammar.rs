use std::sync::OnceLock;

use tree_sitter::Query;
use tree_sitter_language::LanguageFn;

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
    compiled: OnceLock<Result<(Query, Vec<Capture>), String>>,
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

    /// The query and what each of its captures means, by capture index. Compiled on first use.
    ///
    /// # Errors
    /// When the query file does not fit the grammar: a bug that a test of this module finds.
    pub fn query(&self) -> Result<(&Query, &[Capture]), &str> {
        match self.compiled.get_or_init(|| self.compile()) {
            Ok((query, captures)) => Ok((query, captures)),
            Err(message) => Err(message),
        }
    }

    /// Compiles the query once more and drops it: what a worker without a past has to do.
    pub fn compile_anew(&self) {
        drop(self.compile());
    }

    fn compile(&self) -> Result<(Query, Vec<Capture>), String> {
        let query = Query::new(&self.language(), self.source).map_err(|error| error.to_string())?;
        let captures = query.capture_names().iter().map(|name| capture(name)).collect::<Result<_, _>>()?;
        Ok((query, captures))
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
