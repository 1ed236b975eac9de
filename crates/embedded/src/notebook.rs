//! Jupyter notebooks as text: the sources of their cells, without outputs.
//!
//! Each cell begins with a line such as `# %% cell 3`; empty cells are left out. Cells that are not code, and commands
//! to the notebook, are comments, so that the text of a notebook is a program in the notebook's language.

use std::ops::Range;

use serde_json::Value;
use types::RepoPath;

/// Returns whether a file is a notebook by its name.
pub fn is_notebook(path: &RepoPath) -> bool {
    path.file_name().to_ascii_lowercase().ends_with(".ipynb")
}

/// The cells of a notebook as a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notebook {
    /// The language of the code cells, in lower case, with aliases replaced, such as `ipython` by `python`.
    pub language: String,
    pub text: String,
}

impl Notebook {
    /// Decodes a notebook; `None` if the bytes are not one.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
        let notebook: Value = serde_json::from_slice(bytes).ok()?;
        let language = find_language(&notebook);
        let comment = line_comment(&language);
        let cells = notebook.get("cells").or_else(|| notebook.get("worksheets")?.get(0)?.get("cells"))?.as_array()?;
        let mut text = String::new();
        for (index, cell) in cells.iter().enumerate() {
            let source = join_source(cell.get("source").or_else(|| cell.get("input")));
            let source = source.trim_end();
            if source.trim().is_empty() {
                continue;
            }
            let kind = cell.get("cell_type").and_then(Value::as_str).unwrap_or("code");
            let mark = if kind == "code" { String::new() } else { format!(" [{kind}]") };
            if !text.is_empty() {
                text.push('\n');
            }
            text.push_str(&format!("{comment} {CELL_MARK}{}{mark}\n", index + 1));
            let is_foreign = kind != "code" || is_foreign_cell(source);
            for line in source.lines() {
                if line.trim().is_empty() {
                    text.push_str(if is_foreign { comment } else { "" });
                } else if is_foreign || is_command(line) {
                    text.push_str(&format!("{comment} {line}"));
                } else {
                    text.push_str(line);
                }
                text.push('\n');
            }
        }
        Some(Self { language, text })
    }
}

/// The text in the first line of a cell, before its number.
const CELL_MARK: &str = "%% cell ";

/// A cell of a notebook's text: its number, counted from 1 over all cells, its byte range, and its first line of
/// content, without the mark of a comment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CellMark<'t> {
    pub number: u32,
    pub range: Range<usize>,
    pub first_line: &'t str,
}

/// Finds the cells in a text of [`Notebook::decode`].
pub fn find_cells(text: &str) -> Vec<CellMark<'_>> {
    let mut found: Vec<CellMark<'_>> = Vec::new();
    let mut start = 0;
    for line in text.split_inclusive('\n') {
        let end = start + line.len();
        let comment = line.split(CELL_MARK).next().filter(|comment| comment.len() < line.len());
        let number = comment
            .filter(|comment| COMMENTS.contains(&comment.trim_end()))
            .and_then(|comment| line[comment.len() + CELL_MARK.len()..].split_whitespace().next()?.parse().ok());
        match (number, found.last_mut()) {
            (Some(number), last) => {
                if let Some(last) = last {
                    last.range.end = start;
                }
                found.push(CellMark { number, range: start..text.len(), first_line: "" });
            }
            (None, Some(last)) if last.first_line.is_empty() => {
                let words = line.trim();
                let words = COMMENTS.iter().find_map(|comment| words.strip_prefix(comment)).unwrap_or(words);
                last.first_line = words.trim_start_matches(['#', ' ']);
            }
            _ => {}
        }
        start = end;
    }
    found
}

/// Marks that begin a comment line in any of the languages.
const COMMENTS: [&str; 5] = ["#", "//", "--", "%", ";"];

fn line_comment(language: &str) -> &'static str {
    match language {
        "javascript" | "typescript" | "java" | "scala" | "kotlin" | "go" | "rust" | "cpp" | "c" | "csharp"
        | "fsharp" | "swift" | "groovy" | "php" | "dart" => "//",
        "sql" | "haskell" | "lua" => "--",
        "matlab" | "octave" | "erlang" | "prolog" => "%",
        "clojure" | "scheme" | "lisp" => ";",
        _ => "#",
    }
}

/// Returns the name of the language of a notebook's code; `python` if it names none.
fn find_language(notebook: &Value) -> String {
    let metadata = notebook.get("metadata");
    let at = |group: &str, key: &str| metadata?.get(group)?.get(key)?.as_str();
    let named = at("language_info", "name").or_else(|| at("kernelspec", "language")).unwrap_or("python");
    let named = named.trim().to_lowercase();
    let known = match named.as_str() {
        "ipython" | "python3" | "" => "python",
        "c#" | ".net (c#)" => "csharp",
        "f#" | ".net (f#)" => "fsharp",
        "nodejs" | "deno" => "javascript",
        "shell" => "bash",
        name if name.starts_with("c++") => "cpp",
        _ => &named,
    };
    known.to_owned()
}

fn join_source(source: Option<&Value>) -> String {
    match source {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Array(lines)) => lines.iter().filter_map(Value::as_str).collect(),
        _ => String::new(),
    }
}

/// Returns whether the first line of a cell says that the cell is in another language.
fn is_foreign_cell(source: &str) -> bool {
    let Some(magic) = source.trim_start().strip_prefix("%%") else { return false };
    let mut words = magic.lines().next().unwrap_or_default().split_whitespace();
    let word = words.next().unwrap_or_default();
    // A cell that writes a Python module counts as code.
    if matches!(word, "file" | "writefile") {
        return !words.next_back().is_some_and(|file| file.ends_with(".py"));
    }
    !matches!(word, "time" | "timeit" | "capture" | "prun" | "memit" | "cython" | "python" | "python3" | "pypy")
}

/// Returns whether a line is a command to the notebook or the shell instead of code.
fn is_command(line: &str) -> bool {
    let code = line.trim_start();
    code.starts_with(['%', '!']) && !code.starts_with("!=")
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOTEBOOK: &str = r##"{"cells": [
        {"cell_type": "markdown", "source": ["# Churn\n", "\n", "Who leaves?"]},
        {"cell_type": "code", "source": "%matplotlib inline\nimport pandas as pd\n", "outputs": [{"data": {"image/png": "aGk="}}]},
        {"cell_type": "code", "source": []},
        {"cell_type": "code", "source": ["%%bash\n", "ls -l"]},
        {"cell_type": "code", "source": ["def fit(x):\n", "    return x"]}
    ], "metadata": {"kernelspec": {"language": "python"}}, "nbformat": 4}"##;

    #[test]
    fn a_notebook_becomes_a_program_with_numbered_cells() {
        let found = Notebook::decode(NOTEBOOK.as_bytes()).expect("a notebook");
        assert_eq!(found.language, "python");
        assert_eq!(
            found.text,
            "# %% cell 1 [markdown]\n# # Churn\n#\n# Who leaves?\n\n# %% cell 2\n# %matplotlib inline\nimport pandas as pd\n\n\
             # %% cell 4\n# %%bash\n# ls -l\n\n# %% cell 5\ndef fit(x):\n    return x\n"
        );
        let cells: Vec<_> = find_cells(&found.text).iter().map(|cell| (cell.number, cell.first_line)).collect();
        assert_eq!(cells, [(1, "Churn"), (2, "%matplotlib inline"), (4, "%%bash"), (5, "def fit(x):")]);
    }

    #[test]
    fn other_data_is_no_notebook_and_an_empty_one_has_no_text() {
        assert_eq!(Notebook::decode(b"{\"cells\": 3}"), None);
        assert_eq!(Notebook::decode(b"not json"), None);
        let text = |source: &str| {
            let notebook = serde_json::json!({ "cells": [{ "cell_type": "code", "source": source }] }).to_string();
            Notebook::decode(notebook.as_bytes()).map(|found| found.text).unwrap_or_default()
        };
        assert_eq!(text("%%writefile a.py\nx = 1"), "# %% cell 1\n# %%writefile a.py\nx = 1\n");
        assert_eq!(text("%%writefile a.txt\nx"), "# %% cell 1\n# %%writefile a.txt\n# x\n");
        assert_eq!(text("%%time\nif a != b: pass"), "# %% cell 1\n# %%time\nif a != b: pass\n");
        assert_eq!(Notebook::decode(b"{\"cells\": []}").map(|found| found.text), Some(String::new()));
    }
}
