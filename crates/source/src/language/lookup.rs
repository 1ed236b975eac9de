//! Lookup of rows of the language table, and of the properties of a language.

use std::collections::HashMap;
use std::sync::LazyLock;

use types::{ContentKind, Language};

use platform::file_format::checksum64;

use super::grammar::Grammar;
use super::table::{ALIASES, LanguageRow, ROWS};

/// The language of plain text, and of files that match no row of the table. Its files are split by lines.
pub(super) const TEXT: Language = Language("text");

/// Indexes of the language table, built once because every file of a walk is looked up.
pub(super) struct LanguageLookup {
    pub by_name: HashMap<&'static str, &'static LanguageRow>,
    pub by_extension: HashMap<&'static str, &'static LanguageRow>,
    pub by_file_name: HashMap<&'static str, &'static LanguageRow>,
    pub by_interpreter: HashMap<&'static str, &'static LanguageRow>,
}

pub(super) static LOOKUP: LazyLock<LanguageLookup> = LazyLock::new(|| {
    let keys = |of: fn(&LanguageRow) -> &'static [&'static str]| {
        ROWS.iter().flat_map(move |row| of(row).iter().map(move |key| (*key, row))).collect()
    };
    LanguageLookup {
        by_name: ROWS.iter().map(|row| (row.name, row)).collect(),
        by_extension: keys(|row| row.extensions),
        by_file_name: keys(|row| row.file_names),
        by_interpreter: keys(|row| row.interpreters),
    }
});

/// Returns every row, in the order of the table.
pub fn all_languages() -> impl Iterator<Item = &'static LanguageRow> + Clone {
    ROWS.iter()
}

/// Returns the language with this name (`rust`), extension (`rs`) or common alias (`golang`), ignoring case; `None` if
/// it is unknown.
pub fn language_by_name(name: &str) -> Option<Language> {
    let name = name.to_ascii_lowercase();
    let alias = language_aliases().find(|(alias, _)| *alias == name).map(|(_, known)| known);
    let wanted = alias.unwrap_or(name.as_str());
    let row = LOOKUP.by_name.get(wanted).or_else(|| LOOKUP.by_extension.get(wanted))?;
    Some(Language(row.name))
}

/// Returns every alias of a language with the language's name in the table. No alias is a name or an extension in the
/// table.
pub fn language_aliases() -> impl Iterator<Item = (&'static str, &'static str)> {
    ALIASES.iter().flat_map(|(name, aliases)| aliases.iter().map(move |alias| (*alias, *name)))
}

/// Returns the language of plain text, which is also that of files that match no row of the table.
pub fn text_language() -> Language {
    TEXT
}

/// Returns the row of a language; the row of [`text_language`] for an unknown one.
pub fn language_row(language: Language) -> &'static LanguageRow {
    LOOKUP.by_name.get(language.0).copied().unwrap_or(&ROWS[0])
}

/// Returns the kind of content of a language's files.
pub fn language_content(language: Language) -> ContentKind {
    language_row(language).content
}

/// Returns the grammar of a language, if it has one.
pub fn language_grammar(language: Language) -> Option<&'static Grammar> {
    language_row(language).grammar.as_deref()
}

/// About how many milliseconds the slow queries take to compile. The numbers only decide which process parses a language.
#[rustfmt::skip]
const COMPILE_MS: [(&str, u32); 24] = [
    ("cpp", 157), ("swift", 110), ("scala", 93), ("elixir", 88), ("perl", 78), ("typescript", 76), ("tsx", 76),
    ("zig", 68), ("haskell", 65), ("ruby", 48), ("c", 42), ("kotlin", 42), ("javascript", 41), ("glsl", 31),
    ("python", 26), ("csharp", 22), ("r", 20), ("php", 14), ("sql", 11), ("bash", 11), ("dart", 11), ("groovy", 10),
    ("gradle", 10), ("rust", 6),
];

/// Returns about how many milliseconds a language's query takes to compile; 0 without a grammar.
pub fn compile_ms(language: Language) -> u32 {
    let slow = COMPILE_MS.iter().find(|(name, _)| *name == language.0).map_or(3, |(_, ms)| *ms);
    if language_grammar(language).is_some() { slow } else { 0 }
}

/// Returns a number that differs between versions of a language's grammar, of its query and of this program; `None` for
/// a language that has neither a grammar nor a scanner that finds its definitions.
pub fn grammar_fingerprint(language: Language) -> Option<u64> {
    let scanned = || embedded::is_scanned(language.0).then(|| checksum64(env!("CARGO_PKG_VERSION").as_bytes()));
    language_grammar(language).map(Grammar::fingerprint).or_else(scanned)
}

/// Compiles a language's query once more and discards the result. A benchmark uses it to simulate new workers for each
/// batch of files.
pub fn recompile_query(language: Language) {
    if let Some(grammar) = language_grammar(language) {
        grammar.recompile_query();
    }
}

/// Returns the name of a language for messages, such as `C#`. A name without a listed spelling gets an initial capital.
pub fn language_title(language: Language) -> String {
    let title = match language.0 {
        "csharp" => "C#",
        "cpp" => "C++",
        "javascript" => "JavaScript",
        "typescript" => "TypeScript",
        "tsx" => "TSX",
        "php" => "PHP",
        "sql" => "SQL",
        "cmake" => "CMake",
        "css" => "CSS",
        "gdscript" => "GDScript",
        "glsl" => "GLSL",
        "graphql" => "GraphQL",
        "html" => "HTML",
        "json" => "JSON",
        "powershell" => "PowerShell",
        "toml" => "TOML",
        "wgsl" => "WGSL",
        "yaml" => "YAML",
        name => {
            let mut letters = name.chars();
            return letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default();
        }
    };
    title.to_owned()
}
