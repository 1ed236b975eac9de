//! Searches a folder from a program: opens an engine, indexes, searches, prints.
//!
//! ```text
//! cargo run --release --example search -- path/to/folder "where are retries handled"
//! ```

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "an example for the command line")]

use std::error::Error;
use std::path::PathBuf;

use engine::{CancelToken, Engine, IndexRequest, Options, QueryCalls as _, SearchQuery, Settings};

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args_os().skip(1);
    let folder = arguments.next().map(PathBuf::from).ok_or("usage: search FOLDER QUERY")?;
    let text = arguments.next().and_then(|query| query.into_string().ok()).ok_or("usage: search FOLDER QUERY")?;

    // Options may leave values out; settings are complete and checked.
    let options = Options { path: Some(folder), ..Options::default() };
    let engine = Engine::open(Settings::resolve(&options)?)?;

    // Files that did not change since the last run are not read again.
    let report = engine.index(&IndexRequest::default(), &CancelToken::default(), &|progress| {
        eprintln!("{} of {} files", progress.files_done, progress.files_found);
    })?;
    eprintln!("indexed {} files in {:?}", report.files_indexed, report.elapsed);

    let answer = engine.search(&SearchQuery { text, limit: 5, ..SearchQuery::default() }, &CancelToken::default())?;
    for hit in &answer.hits {
        println!("{}:{}-{}  {} {}", hit.path, hit.span.start_line, hit.span.end_line, hit.kind, hit.symbol);
    }
    Ok(())
}
