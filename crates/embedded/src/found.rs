//! The findings of a scanner in a text.

use std::borrow::Cow;
use std::ops::Range;

use types::SymbolKind;

/// A part of a text that is in another language.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EmbeddedText {
    /// Byte range of the part.
    pub range: Range<usize>,
    /// Name of the part's language in the language table.
    pub language: &'static str,
    /// Whether the part is only evaluated where it stands, so that it defines nothing: `save(item)` in
    /// `@click="save(item)"`.
    pub is_expression: bool,
    /// Code that makes the part a whole program, before and after it.
    pub frame: (&'static str, &'static str),
    /// Code in the part that is not in its language, such as actions of a template: byte ranges of the whole text, each
    /// with the byte that replaces each of its bytes except line feeds.
    pub holes: Vec<(Range<usize>, u8)>,
}

impl EmbeddedText {
    /// Returns the program to parse: the part, between the two texts of its frame and with its holes filled. `text` is
    /// the whole text that contains the part. The part keeps its length in bytes.
    pub fn program<'t>(&self, text: &'t str) -> Cow<'t, str> {
        let part = &text[self.range.clone()];
        if self.holes.is_empty() && self.frame == ("", "") {
            return Cow::Borrowed(part);
        }
        let mut out = String::with_capacity(part.len() + self.frame.0.len() + self.frame.1.len());
        out.push_str(self.frame.0);
        let mut at = self.range.start;
        for (hole, fill) in &self.holes {
            out.push_str(&text[at..hole.start]);
            out.extend(text[hole.clone()].bytes().map(|byte| char::from(if byte == b'\n' { byte } else { *fill })));
            at = hole.end;
        }
        out.push_str(&text[at..self.range.end]);
        out.push_str(self.frame.1);
        Cow::Owned(out)
    }
}

/// A definition in markup or in a style sheet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostDefinition {
    pub kind: SymbolKind,
    pub node: Range<usize>,
    pub name: Range<usize>,
    /// First byte of the body.
    pub body_start: Option<usize>,
}

/// The kind of a use in markup or in a style sheet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HostUse {
    /// An element that is a component, or a call of a mixin.
    Call,
    Other,
}

/// The findings of a scanner in a text. All positions are byte offsets, and all but those of `depths` are at character
/// boundaries.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HostScan {
    /// The parts in other languages, in order.
    pub texts: Vec<EmbeddedText>,
    pub definitions: Vec<HostDefinition>,
    pub comments: Vec<Range<usize>>,
    /// Uses of the requested name: byte position and kind.
    pub uses: Vec<(usize, HostUse)>,
    /// The bytes at which the nesting depth changes, in order, each with the depth from there on; [`INSIDE_DEPTH`]
    /// inside of a tag, a statement or a comment.
    pub depths: Vec<(usize, u32)>,
}

/// Depth of positions before which a text should not be cut.
pub const INSIDE_DEPTH: u32 = 10_000;
