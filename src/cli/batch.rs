//! `codescry search --batch`: one question a line in, one answer a line out, in order.
//!
//! Invariants: every line of the input, also a blank or a broken one, gets exactly one line of
//! output, flushed before the next is read; a line never takes more memory than [`MAX_LINE_BYTES`].
//! Must never import: anything of this crate but `engine`.

use std::io::{self, BufRead, Read as _};

use serde::Deserialize;

use super::printer::Printer;
use super::{Exit, wire};
use crate::engine::{Engine, SearchAnswer, SearchQuery};

/// Longest line that is read; a longer one is refused.
const MAX_LINE_BYTES: u64 = 1 << 20;

/// A line of the input. Other fields are left alone.
#[derive(Deserialize)]
struct Asked {
    query: String,
    limit: Option<usize>,
}

/// Answers standard input until it ends; `like` says what the lines leave open.
///
/// # Errors
/// When standard input or output fails. A bad line is answered, and remembered for the exit code.
pub fn run(engine: &Engine, like: &SearchQuery) -> anyhow::Result<Exit> {
    let mut input = io::stdin().lock();
    let mut printer = Printer::new();
    let mut exit = Exit::Done;
    while let Some(line) = next_line(&mut input)? {
        let query = line.and_then(|line| asked(&line, like));
        match query.and_then(|query| answer(engine, query)) {
            Ok((query, answer)) => printer.json(&wire::Answer::new(&query.text, &answer))?,
            Err(error) => {
                exit = Exit::Failed;
                printer.json(&wire::Refused { error })?;
            }
        }
    }
    printer.finish()?;
    Ok(exit)
}

fn answer(engine: &Engine, query: SearchQuery) -> Result<(SearchQuery, SearchAnswer), String> {
    let answer = engine.search(&query).map_err(|error| error.to_string())?;
    Ok((query, answer))
}

fn asked(line: &[u8], like: &SearchQuery) -> Result<SearchQuery, String> {
    let asked: Asked = serde_json::from_slice(line).map_err(|error| {
        format!("cannot read the line: {error}; give one object a line, such as {{\"query\": \"open a file\"}}")
    })?;
    Ok(SearchQuery { text: asked.query, limit: asked.limit.unwrap_or(like.limit), ..like.clone() })
}

/// The next line, or why it is not read; `None` at the end.
fn next_line(input: &mut impl BufRead) -> io::Result<Option<Result<Vec<u8>, String>>> {
    let mut line = Vec::new();
    let read = input.by_ref().take(MAX_LINE_BYTES).read_until(b'\n', &mut line)?;
    if read == 0 {
        return Ok(None);
    }
    if line.ends_with(b"\n") || (read as u64) < MAX_LINE_BYTES {
        return Ok(Some(Ok(line)));
    }
    skip_line(input)?;
    Ok(Some(Err(format!("the line is longer than {MAX_LINE_BYTES} bytes; ask in fewer words"))))
}

/// Reads up to the next line end without keeping anything.
fn skip_line(input: &mut impl BufRead) -> io::Result<()> {
    loop {
        let held = input.fill_buf()?;
        let end = held.iter().position(|byte| *byte == b'\n');
        let used = end.map_or(held.len(), |end| end + 1);
        let over = end.is_some() || held.is_empty();
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
    fn a_line_too_long_is_refused_and_the_next_one_read() {
        let mut input = vec![b'x'; (MAX_LINE_BYTES + 7) as usize];
        input.extend(b"\nnext\n\nlast");
        let mut input = input.as_slice();
        let mut lines = Vec::new();
        while let Some(line) = next_line(&mut input).expect("a slice can be read") {
            lines.push(line);
        }
        assert!(lines[0].as_ref().is_err_and(|error| error.contains("longer than")));
        assert_eq!(lines[1..], [Ok(b"next\n".to_vec()), Ok(b"\n".to_vec()), Ok(b"last".to_vec())]);
    }

    #[test]
    fn a_line_takes_over_what_it_does_not_say() {
        let like = SearchQuery { limit: 7, explain: true, ..SearchQuery::default() };
        let query = asked(br#"{"query": "a", "category": "x"}"#, &like).expect("a query");
        assert_eq!((query.text.as_str(), query.limit, query.explain), ("a", 7, true));
        assert_eq!(asked(br#"{"query": "a", "limit": 3}"#, &like).map(|query| query.limit), Ok(3));
        for bad in [&b""[..], b"\n", b"[]", b"{}", br#"{"query": 1}"#, br#"{"query": "a", "limit": -1}"#, b"\xff"] {
            assert!(asked(bad, &like).is_err_and(|error| error.contains("one object a line")));
        }
    }
}
