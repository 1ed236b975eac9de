//! `codescry search --batch`: reads one query per line and writes one answer per line, in order.
//!
//! Invariants: every input line that is not blank gets exactly one line of output, an answer or an error with the
//! number of the line, which is flushed before the next line is read; at most [`MAX_QUERY_LINE_BYTES`] of a line, and its
//! line end, are held in memory.

use std::io::{self, BufRead, Read as _};

use serde::Deserialize;

use engine::{SearchAnswer, SearchQuery};

use crate::cli::commands::result_page::show_hit_paths;
use crate::cli::exit::CommandExit;
use crate::cli::index_run::command_folder::ShownPaths;
use crate::cli::index_run::searched::Searched;
use crate::cli::json_output::search::{BatchErrorJson, SearchJson};
use crate::cli::printer::Printer;
use crate::cli::text_output::remedies::for_command_line;

/// Maximum length of an input line without its line end, in bytes; longer lines are answered with an error.
const MAX_QUERY_LINE_BYTES: u64 = 1 << 20;

/// One line of the input. Unknown fields are ignored.
#[derive(Deserialize)]
struct BatchQuery {
    query: String,
    limit: Option<usize>,
}

/// Answers the queries on standard input until it ends; `defaults` supplies the other parameters.
///
/// # Errors
/// If standard input or output fails. An invalid line is answered with an error object and makes
/// the outcome [`CommandExit::Failed`].
pub fn answer_batch(searched: &Searched, paths: &ShownPaths, defaults: &SearchQuery) -> anyhow::Result<CommandExit> {
    let mut input = io::stdin().lock();
    let mut printer = Printer::new();
    let mut exit = CommandExit::Done;
    let mut number = 0;
    while let Some(line) = read_query_line(&mut input)? {
        number += 1;
        if line.as_ref().is_ok_and(|line| line.trim_ascii().is_empty()) {
            continue;
        }
        let query = line.and_then(|line| parse_query_line(&line, defaults));
        match query.and_then(|query| answer_query(searched, query)) {
            Ok((query, mut answer)) => {
                show_hit_paths(&mut answer, paths);
                printer.json(&SearchJson::new(&query.text, &answer, &[]))?;
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

fn answer_query(searched: &Searched, query: SearchQuery) -> Result<(SearchQuery, SearchAnswer), String> {
    let answer = searched.search(&query, &engine::CancelToken::default()).map_err(|error| error.to_string())?;
    Ok((query, answer))
}

fn parse_query_line(line: &[u8], defaults: &SearchQuery) -> Result<SearchQuery, String> {
    let line: BatchQuery = serde_json::from_slice(line).map_err(|error| {
        format!("cannot parse the line: {error}; give one JSON object per line, such as {{\"query\": \"open a file\"}}")
    })?;
    Ok(SearchQuery { text: line.query, limit: line.limit.unwrap_or(defaults.limit), ..defaults.clone() })
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
        let defaults = SearchQuery { limit: 7, explain: true, ..SearchQuery::default() };
        let query = parse_query_line(br#"{"query": "a", "category": "x"}"#, &defaults).expect("a query");
        assert_eq!((query.text.as_str(), query.limit, query.explain), ("a", 7, true));
        assert_eq!(parse_query_line(br#"{"query": "a", "limit": 3}"#, &defaults).map(|query| query.limit), Ok(3));
        for bad in [&b""[..], b"\n", b"[]", b"{}", br#"{"query": 1}"#, br#"{"query": "a", "limit": -1}"#, b"\xff"] {
            assert!(parse_query_line(bad, &defaults).is_err_and(|error| error.contains("one JSON object per line")));
        }
    }
}
