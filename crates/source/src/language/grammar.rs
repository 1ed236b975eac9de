//! Grammars and their queries.

use std::sync::OnceLock;

use tree_sitter::Query;
use tree_sitter_language::LanguageFn;

use super::capture::{QueryCapture, parse_capture};
use super::pattern_roots::PatternRoots;
use platform::file_format::checksum64;

/// A tree-sitter grammar and the query that finds its definitions.
pub struct Grammar {
    function: LanguageFn,
    source: &'static str,
    compiled: OnceLock<Result<CompiledQuery, String>>,
}

/// A compiled query, and the meaning of its captures and patterns.
pub struct CompiledQuery {
    pub query: Query,
    /// Meaning of each capture, by capture index.
    pub captures: Vec<QueryCapture>,
    /// Whether each pattern has `(#set! body)`. Then the body is the definition's child with the field name `body`, and
    /// the pattern need not capture it. A capture makes Swift's query compile twenty times slower.
    pub finds_body: Vec<bool>,
    /// Node kinds at which the patterns begin; `None` if a pattern can begin at any node, or the kinds cannot be
    /// determined.
    pub roots: Option<PatternRoots>,
}

impl Grammar {
    /// Creates a grammar whose query, `source`, is not compiled yet.
    pub(super) const fn new(function: LanguageFn, source: &'static str) -> Self {
        Self { function, source, compiled: OnceLock::new() }
    }

    /// Returns the tree-sitter language.
    pub fn language(&self) -> tree_sitter::Language {
        self.function.into()
    }

    /// Returns whether this is the Bash grammar, whose scanner crashes on some texts.
    pub fn is_bash(&self) -> bool {
        self.language() == tree_sitter_bash::LANGUAGE.into()
    }

    /// Returns the query, compiling it on first use.
    ///
    /// # Errors
    /// When the query file does not match the grammar, which a test of this module rules out.
    pub fn query(&self) -> Result<&CompiledQuery, &str> {
        self.compiled.get_or_init(|| self.compile()).as_ref().map_err(String::as_str)
    }

    /// Returns a number that differs between versions of the grammar, of the query and of this program.
    pub fn fingerprint(&self) -> u64 {
        let language = self.language();
        let version = language
            .metadata()
            .map(|metadata| [metadata.major_version, metadata.minor_version, metadata.patch_version].map(u32::from));
        let size = (language.parse_state_count(), language.node_kind_count(), language.field_count());
        let parts =
            format!("{} {:?} {version:?} {size:?} {}", env!("CARGO_PKG_VERSION"), language.abi_version(), self.source);
        checksum64(parts.as_bytes())
    }

    /// Compiles the query once more, as a new process would have to, and discards the result.
    pub fn recompile_query(&self) {
        drop(self.compile());
    }

    fn compile(&self) -> Result<CompiledQuery, String> {
        let language = self.language();
        let query = Query::new(&language, self.source).map_err(|error| error.to_string())?;
        let captures = query.capture_names().iter().map(|name| parse_capture(name)).collect::<Result<_, _>>()?;
        let roots = PatternRoots::parse(self.source, &language, |name| parse_capture(name).ok());
        let finds_body = |pattern| query.property_settings(pattern).iter().any(|property| &*property.key == "body");
        let finds_body = (0..query.pattern_count()).map(finds_body).collect();
        Ok(CompiledQuery { query, captures, finds_body, roots })
    }
}
