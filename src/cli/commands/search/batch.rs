//! `codescry search --batch`: reads one query per line and writes one answer per line, in order.
//!
//! Invariants: every input line that is not blank gets exactly one line of output, an answer or an error with the
//! number of the line, which is flushed before the next line is read; at most [`MAX_QUERY_LINE_BYTES`] of a line, and its
//! line end, are held in memory.

use std::collections::{BTreeMap, HashSet};
use std::io::{self, BufRead, Read as _};

use clap::ValueEnum;
use serde::Deserialize;
use serde::de::IgnoredAny;

use engine::{Filter, MAX_LIMIT, SearchAnswer, SearchQuery};

use crate::cli::arguments::{ContentName, ModeName};
use crate::cli::commands::result_page::show_hit_paths;
use crate::cli::exit::CommandExit;
use crate::cli::index_run::command_folder::ShownPaths;
use crate::cli::index_run::searched::Searched;
use crate::cli::json_output::search::{BatchErrorJson, SearchJson};
use crate::cli::printer::Printer;
use crate::cli::text_output::remedies::for_command_line;

/// Maximum length of an input line without its line end, in bytes; longer lines are answered with an error.
const MAX_QUERY_LINE_BYTES: u64 = 1 << 20;

/// One line of the input. A field takes precedence over the option of the same name.
#[derive(Deserialize)]
struct BatchQuery {
    query: String,
    limit: Option<usize>,
    offset: Option<usize>,
    lang: Option<LanguageNames>,
    path: Option<String>,
    project: Option<String>,
    content: Option<String>,
    mode: Option<String>,
    /// Fields that may be for other programs, or spelled wrongly; a warning names each once.
    #[serde(flatten)]
    unknown: BTreeMap<String, IgnoredAny>,
}

/// The languages of a line: names separated by commas, or a list of names.
#[derive(Deserialize)]
#[serde(untagged)]
enum LanguageNames {
    Text(String),
    List(Vec<String>),
}

/// A parsed line of the input.
struct LineQuery {
    /// The query, with a limit that includes the results to leave out.
    query: SearchQuery,
    /// Number of results to leave out.
    offset: usize,
}

/// Answers the queries on standard input until it ends; `defaults` supplies the other parameters, `offset` the number of
/// results to leave out.
///
/// # Errors
/// If standard input or output fails. An invalid line is answered with an error object and makes
/// the outcome [`CommandExit::Failed`].
pub fn answer_batch(
    searched: &Searched,
    paths: &ShownPaths,
    defaults: &SearchQuery,
    offset: usize,
) -> anyhow::Result<CommandExit> {
    let mut input = io::stdin().lock();
    let mut printer = Printer::new();
    let mut exit = CommandExit::Done;
    let (mut number, mut named_fields) = (0, HashSet::new());
    while let Some(line) = read_query_line(&mut input)? {
        number += 1;
        if line.as_ref().is_ok_and(|line| line.trim_ascii().is_empty()) {
            continue;
        }
        let query = line.and_then(|line| parse_query_line(&line, defaults, offset, &mut named_fields));
        match query.and_then(|query| answer_query(searched, query)) {
            Ok((text, mut answer)) => {
                searched.set_projects(&mut answer.hits);
                show_hit_paths(&mut answer, paths);
                printer.json(&SearchJson::new(&text, &answer, &[]))?;
            }
            Err(error) => {
                exit = CommandExit::Failed;
                printer.json(&BatchErrorJson { line: number, error: for_command_line(&error) })?;
            }
        }
    }
    printer.finish()?;
    Ok(exit)
}

/// Returns the text of a query, and its answer.
fn answer_query(searched: &Searched, line: LineQuery) -> Result<(String, SearchAnswer), String> {
    let LineQuery { query, offset } = line;
    let mut answer = searched.search(&query, &engine::CancelToken::default()).map_err(|error| error.to_string())?;
    answer.hits.drain(..offset.min(answer.hits.len()));
    Ok((query.text, answer))
}

/// Parses a line of the input. A warning names each unknown field that is not in `named_fields` yet.
///
/// # Errors
/// For an invalid line, a message with the reason.
fn parse_query_line(
    line: &[u8],
    defaults: &SearchQuery,
    offset: usize,
    named_fields: &mut HashSet<String>,
) -> Result<LineQuery, String> {
    let line: BatchQuery = serde_json::from_slice(line).map_err(|error| {
        format!("cannot parse the line: {error}; give one JSON object per line, such as {{\"query\": \"open a file\"}}")
    })?;
    for name in line.unknown.into_keys().filter(|name| named_fields.insert(name.clone())) {
        let name = name.escape_debug();
        tracing::warn!(
            "the field `{name}` of a line is ignored; the fields are query, limit, offset, lang, path, project, content, mode"
        );
    }
    let default = defaults.filter.clone();
    let languages = match line.lang {
        None => default.languages,
        Some(LanguageNames::Text(names)) => names.split(',').map(|name| name.trim().to_owned()).collect(),
        Some(LanguageNames::List(names)) => names,
    };
    let content = match &line.content {
        None => default.content,
        Some(word) => parse_choice::<ContentName>("content", word)?.into(),
    };
    let mode = match &line.mode {
        None => defaults.mode,
        Some(word) => parse_choice::<ModeName>("mode", word)?.into(),
    };
    let filter =
        Filter { languages, path: line.path.or(default.path), project: line.project.or(default.project), content };
    let (limit, offset) = (line.limit.unwrap_or(defaults.limit), line.offset.unwrap_or(offset));
    if offset >= MAX_LIMIT {
        return Err(format!("offset {offset}: only the first {MAX_LIMIT} results are ranked; give less"));
    }
    // A limit that is out of range is refused by the search.
    let limit = if limit == 0 { limit } else { limit.max((limit.saturating_add(offset)).min(MAX_LIMIT)) };
    let query = SearchQuery { text: line.query, limit, mode, filter, explain: defaults.explain };
    Ok(LineQuery { query, offset })
}

/// Parses the value of a field that has a few choices.
///
/// # Errors
/// For another value, a message with the choices.
fn parse_choice<C: ValueEnum>(field: &str, word: &str) -> Result<C, String> {
    C::from_str(word, true).map_err(|_| {
        let choices = C::value_variants().iter().filter_map(C::to_possible_value);
        let choices: Vec<String> = choices.map(|choice| choice.get_name().to_owned()).collect();
        format!("unknown {field} {word:?}; give one of {}", choices.join(", "))
    })
}

/// Reads the next line, or returns why it is rejected; `None` at the end of the input.
fn read_query_line(input: &mut impl BufRead) -> io::Result<Option<Result<Vec<u8>, String>>> {
    let mut line = Vec::new();
    let read = input.by_ref().take(MAX_QUERY_LINE_BYTES + 1).read_until(b'\n', &mut line)?;
    if read == 0 {
        return Ok(None);
    }
    // Without a line end, the line is the last one or longer than the limit.
    if line.ends_with(b"\n") || read as u64 <= MAX_QUERY_LINE_BYTES {
        return Ok(Some(Ok(line)));
    }
    skip_line(input)?;
    Ok(Some(Err(format!("the line is longer than {MAX_QUERY_LINE_BYTES} bytes; shorten the query"))))
}

/// Skips input up to and including the next line end.
fn skip_line(input: &mut impl BufRead) -> io::Result<()> {
    loop {
        let buffer = input.fill_buf()?;
        let end = buffer.iter().position(|byte| *byte == b'\n');
        let used = end.map_or(buffer.len(), |end| end + 1);
        let over = end.is_some() || buffer.is_empty();
        input.consume(used);
        if over {
            return Ok(());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use engine::{ContentFilter, RetrievalMode};

    #[test]
    fn a_too_long_line_is_refused_and_the_next_one_is_read() {
        let mut input = vec![b'x'; (MAX_QUERY_LINE_BYTES + 7) as usize];
        input.extend(b"\nnext\n\nlast");
        let mut input = input.as_slice();
        let mut lines = Vec::new();
        while let Some(line) = read_query_line(&mut input).expect("a slice can be read") {
            lines.push(line);
        }
        assert!(lines[0].as_ref().is_err_and(|error| error.contains("longer than")));
        assert_eq!(lines[1..], [Ok(b"next\n".to_vec()), Ok(b"\n".to_vec()), Ok(b"last".to_vec())]);
    }

    #[test]
    fn a_line_of_the_maximum_length_is_read_with_and_without_a_line_end() {
        let read_all = |mut input: &[u8]| {
            let mut lines = Vec::new();
            while let Some(line) = read_query_line(&mut input).expect("a slice can be read") {
                lines.push(line.map(|line| line.len()).map_err(|_| ()));
            }
            lines
        };
        let longest = MAX_QUERY_LINE_BYTES as usize;
        let (line, longer) = (vec![b'x'; longest], vec![b'x'; longest + 1]);
        assert_eq!(read_all(&line), [Ok(longest)]);
        assert_eq!(read_all(&[&line[..], b"\n", &line].concat()), [Ok(longest + 1), Ok(longest)]);
        assert_eq!(read_all(&longer), [Err(())]);
        assert_eq!(read_all(&[&longer[..], b"\nnext"].concat()), [Err(()), Ok(4)]);
    }

    #[test]
    fn fields_that_a_line_omits_take_the_defaults() {
        let filter = Filter { path: Some("src".to_owned()), ..Filter::default() };
        let defaults = SearchQuery { limit: 7, explain: true, filter, ..SearchQuery::default() };
        let parse = |line: &str| parse_query_line(line.as_bytes(), &defaults, 2, &mut HashSet::new());
        let LineQuery { query, offset } = parse(r#"{"query": "a"}"#).expect("a query");
        assert_eq!((query.text.as_str(), query.explain), ("a", true));
        assert_eq!((query.limit, offset, query.filter.path.as_deref()), (9, 2, Some("src")));
        let line = r#"{"query": "a", "limit": 3, "offset": 4, "lang": "go, rust", "path": "lib", "mode": "lexical", "content": "all"}"#;
        let LineQuery { query, offset } = parse(line).expect("a query");
        assert_eq!((query.limit, offset), (7, 4));
        assert_eq!(
            (query.filter.languages.join(" "), query.filter.path.as_deref()),
            ("go rust".to_owned(), Some("lib"))
        );
        assert_eq!((query.mode, query.filter.content), (RetrievalMode::Lexical, ContentFilter::All));
        let listed = parse(r#"{"query": "a", "lang": ["go", "rust"]}"#).expect("a query").query;
        assert_eq!(listed.filter.languages, ["go", "rust"]);
        let bad = |line: &[u8]| parse_query_line(line, &defaults, 0, &mut HashSet::new()).err().unwrap_or_default();
        for line in [&b""[..], b"\n", b"[]", b"{}", br#"{"query": 1}"#, br#"{"query": "a", "limit": -1}"#, b"\xff"] {
            assert!(bad(line).contains("one JSON object per line"), "{}", bad(line));
        }
        assert!(parse(r#"{"query": "a", "id": [7, {}]}"#).is_ok());
        let choices = bad(br#"{"query": "a", "mode": "fuzzy"}"#);
        assert_eq!(choices, "unknown mode \"fuzzy\"; give one of hybrid, dense, lexical");
        assert!(bad(br#"{"query": "a", "offset": 200}"#).contains("only the first 200 results are ranked"));
    }
}
