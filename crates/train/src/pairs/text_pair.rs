//! Pairs of texts, and their kinds.

/// The kind of a pair: the contents of its query and its passage.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum PairKind {
    /// The first sentence of a doc comment; the definition without the comment.
    Doc,
    /// The words of a name; the definition without that name.
    Name,
    /// The first sentence of a container's doc comment; a definition in the container.
    Member,
    /// A heading with its parent headings; its section.
    Heading,
    /// A test; the definition it tests.
    Test,
    /// The subject of a commit message; a function that the commit changed.
    Commit,
    /// An everyday phrase; the terms that code uses for it.
    Paraphrase,
    /// No query; a definition. Such pairs are candidates in an evaluation only.
    Definition,
}

impl PairKind {
    pub const ALL: [Self; 8] = [
        Self::Doc,
        Self::Name,
        Self::Member,
        Self::Heading,
        Self::Test,
        Self::Commit,
        Self::Paraphrase,
        Self::Definition,
    ];

    /// Returns the kind's name on the command line.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Doc => "doc",
            Self::Name => "name",
            Self::Member => "member",
            Self::Heading => "heading",
            Self::Test => "test",
            Self::Commit => "commit",
            Self::Paraphrase => "paraphrase",
            Self::Definition => "definition",
        }
    }
}

/// A query and the passage that answers it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TextPair {
    pub kind: PairKind,
    pub query: String,
    /// The passage; that of a definition has the form of [`embed::build_passage`].
    pub passage: String,
    /// The path, in the form of [`embed::build_path_passage`]; empty for a paraphrase.
    pub path: String,
    /// A key of the passage's definition, or of the concept of a paraphrase.
    pub target: u64,
}

impl TextPair {
    /// Returns whether the passage is a whole definition, as a search result would be.
    pub(crate) fn is_definition(&self) -> bool {
        matches!(self.kind, PairKind::Doc | PairKind::Definition)
    }

    /// Returns the pair without its query, as a candidate in an evaluation.
    pub(crate) fn without_query(&self) -> Self {
        Self { kind: PairKind::Definition, query: String::new(), ..self.clone() }
    }
}

/// The pairs of one repository.
#[derive(Clone, Debug)]
pub struct TrainingRepository {
    pub name: String,
    pub pairs: Vec<TextPair>,
}

/// Returns the first 8 bytes of a text's BLAKE3 hash.
pub fn hash_text(text: &str) -> u64 {
    let mut first = [0; 8];
    first.copy_from_slice(&blake3::hash(text.as_bytes()).as_bytes()[..8]);
    u64::from_le_bytes(first)
}
