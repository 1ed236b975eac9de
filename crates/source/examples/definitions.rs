//! Lists the definitions of files, one JSON object per line. The first argument is the folder, by default the working
//! folder. Standard input lists the paths of the files in it, one per line.

use std::io::{self, BufRead as _, Write as _};
use std::path::PathBuf;
use std::time::Duration;

use codescry_source::decode_source;
use codescry_source::parse::Parser;
use types::RepoPath;

fn main() -> io::Result<()> {
    let root = PathBuf::from(std::env::args().nth(1).unwrap_or_else(|| ".".to_owned()));
    let mut out = io::BufWriter::new(io::stdout().lock());
    let mut parser = Parser::new(Duration::from_secs(10));
    for path in io::stdin().lock().lines() {
        let path = RepoPath::new(path?);
        let file = decode_source(&path, std::fs::read(path.under(&root))?);
        let parsed = parser.parse(&file);
        if let Some(problem) = &parsed.problem {
            writeln!(io::stderr(), "{path}: {problem}")?;
        }
        for symbol in parsed.symbols() {
            let line = serde_json::json!({
                "path": path.as_str(), "start_line": symbol.span.start_line, "end_line": symbol.span.end_line,
                "kind": symbol.kind.as_str(), "symbol": symbol.name, "container": symbol.container,
                "signature": symbol.signature,
            });
            writeln!(out, "{line}")?;
        }
    }
    out.flush()
}
