//! The captures of query files.

use types::SymbolKind;

/// The meaning of a capture name in a query file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum QueryCapture {
    /// `@definition.KIND`: a whole definition.
    Definition(SymbolKind),
    /// `@name`: the name of the definition.
    Name,
    /// `@receiver`: the type of a method that is defined outside of the type.
    Receiver,
    /// `@body`: the body of the definition; the signature ends before it.
    Body,
    /// `@comment`: a comment; directly above a definition it is the doc comment.
    Comment,
    /// `@attached`: an attribute or annotation of the definition directly below it.
    Attached,
    /// `@_NAME`: a node that only a predicate of the pattern examines.
    Examined,
}

/// Parses a capture name of a query file.
///
/// # Errors
/// When the capture or its kind is unknown.
pub(super) fn parse_capture(name: &str) -> Result<QueryCapture, String> {
    let unknown = || format!("unknown capture @{name}");
    match name {
        "name" => Ok(QueryCapture::Name),
        "receiver" => Ok(QueryCapture::Receiver),
        "body" => Ok(QueryCapture::Body),
        "comment" => Ok(QueryCapture::Comment),
        "attached" => Ok(QueryCapture::Attached),
        _ if name.starts_with('_') => Ok(QueryCapture::Examined),
        _ => {
            let kind = name.strip_prefix("definition.").ok_or_else(unknown)?;
            SymbolKind::parse(kind).map(QueryCapture::Definition).ok_or_else(unknown)
        }
    }
}
