//! Fields of a document, and document numbers.

/// Document number: identifies a stored chunk in the inverted index.
pub type DocNumber = u32;

/// A part of a chunk whose terms are counted and weighted separately.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum ChunkField {
    /// Every line of the chunk's text that is not in [`ChunkField::Comment`].
    Body,
    /// Comment lines and doc strings.
    Comment,
    /// The names that the chunk defines.
    Name,
    /// The signature of the chunk's definition, which is also part of the body.
    Signature,
    /// The names of the definitions around the chunk's definition.
    Container,
    /// The path of the file.
    Path,
}

/// Number of [`ChunkField`]s.
pub const FIELDS: usize = 6;

impl ChunkField {
    /// Every field, in the order of their numbers.
    pub const ALL: [Self; FIELDS] =
        [Self::Body, Self::Comment, Self::Name, Self::Signature, Self::Container, Self::Path];
}
