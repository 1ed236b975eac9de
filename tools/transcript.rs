//! Writes `docs/session.md`: questions about a repository, asked of the real server as an assistant asks
//! them, with what the answers cost in tokens beside what grep and whole files would.
//!
//! `cargo run --release --example transcript -- target/release/codescry REPOSITORY tools/session.json docs/session.md`

use std::error::Error;
use std::fmt::Write as _;
use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Instant;

use serde_json::{Value, json};

/// Lines of an answer that the page shows; the tokens are those of all of it.
const SHOWN_LINES: usize = 40;

type Failed = Box<dyn Error>;

/// A server and the client's end of its pipes.
struct Server {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
    last: u64,
}

impl Server {
    fn start(program: &str, repository: &Path, index: &Path) -> Result<Self, Failed> {
        let mut child = Command::new(program)
            .args(["serve", "--stdio"])
            .arg(repository)
            .arg("--index-dir")
            .arg(index)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let input = child.stdin.take().ok_or("no pipe")?;
        let output = BufReader::new(child.stdout.take().ok_or("no pipe")?);
        let mut server = Self { child, input, output, last: 0 };
        let client = json!({ "name": "transcript", "version": "1" });
        let greeting = json!({ "protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": client });
        server.request("initialize", greeting)?;
        server.send(&json!({ "jsonrpc": "2.0", "method": "notifications/initialized" }))?;
        Ok(server)
    }

    fn send(&mut self, message: &Value) -> Result<(), Failed> {
        writeln!(self.input, "{message}")?;
        Ok(self.input.flush()?)
    }

    fn request(&mut self, method: &str, params: Value) -> Result<Value, Failed> {
        self.last += 1;
        let id = self.last;
        self.send(&json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params }))?;
        loop {
            let mut line = String::new();
            if self.output.read_line(&mut line)? == 0 {
                return Err("the server has ended".into());
            }
            let message: Value = serde_json::from_str(&line)?;
            if message["id"] == id {
                return Ok(message["result"].clone());
            }
        }
    }

    /// The text of a tool's answer, and its structured form.
    fn call(&mut self, tool: &Value, arguments: &Value) -> Result<(String, Value), Failed> {
        let answer = self.request("tools/call", json!({ "name": tool, "arguments": arguments }))?;
        let text = answer["content"][0]["text"].as_str().ok_or("an answer without a text")?;
        if answer["isError"] == true {
            Err(text.into())
        } else {
            Ok((text.to_owned(), answer["structuredContent"].clone()))
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It ends with its input; nothing is lost where that takes too long.
        _ = self.child.kill();
        _ = self.child.wait();
    }
}

fn tokens(text: &str) -> usize {
    bpe_openai::o200k_base().count(text)
}

/// All texts of a structured answer, one below the other.
fn words(value: &Value, said: &mut String) {
    match value {
        Value::String(text) => _ = writeln!(said, "{text}"),
        Value::Array(values) => values.iter().for_each(|value| words(value, said)),
        Value::Object(fields) => fields.values().for_each(|value| words(value, said)),
        _ => {}
    }
}

/// What grep reads: text files that are not hidden, by path.
fn texts(folder: &Path, found: &mut Vec<(PathBuf, String)>) -> Result<(), Failed> {
    let mut entries: Vec<_> = fs::read_dir(folder)?.collect::<Result<_, _>>()?;
    entries.sort_by_key(std::fs::DirEntry::path);
    for entry in entries {
        let path = entry.path();
        let name = entry.file_name().to_string_lossy().into_owned();
        let kind = entry.file_type()?;
        if name.starts_with('.') || name == "target" {
            continue;
        }
        if kind.is_dir() {
            texts(&path, found)?;
        } else if kind.is_file()
            && let Ok(text) = fs::read_to_string(&path)
        {
            found.push((path, text));
        }
    }
    Ok(())
}

/// Tokens that grep costs for one question.
struct Grep {
    /// Of the lines that match, with path and number.
    lines: usize,
    /// The same and the whole files that hold the answer.
    answer: usize,
    /// The same and every file with a line that matches.
    every: usize,
    files: usize,
}

fn grep(repository: &Path, texts: &[(PathBuf, String)], question: &Value) -> Grep {
    let pattern = question["grep"].as_str().unwrap_or_default();
    let holding: Vec<&str> = question["answer_in"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let (mut output, mut answer, mut every, mut files) = (String::new(), 0, 0, 0);
    for (path, text) in texts {
        let name = path.strip_prefix(repository).unwrap_or(path).to_string_lossy().into_owned();
        let mut has = false;
        for (number, line) in text.lines().enumerate().filter(|(_, line)| line.contains(pattern)) {
            has = true;
            // Writing to a string cannot fail.
            _ = writeln!(output, "{name}:{}:{line}", number + 1);
        }
        let whole = if has || holding.contains(&name.as_str()) { tokens(text) } else { 0 };
        answer += if holding.contains(&name.as_str()) { whole } else { 0 };
        every += if has { whole } else { 0 };
        files += usize::from(has);
    }
    let lines = tokens(&output);
    Grep { lines, answer: lines + answer, every: lines + every, files }
}

/// The first lines of an answer, indented, so that no fence of it ends the page's.
fn shown(text: &str) -> String {
    let all: Vec<&str> = text.lines().collect();
    let mut page: String = all.iter().take(SHOWN_LINES).map(|line| format!("    {line}\n")).collect();
    if all.len() > SHOWN_LINES {
        _ = writeln!(page, "    [… {} more lines of this answer]", all.len() - SHOWN_LINES);
    }
    page
}

fn main() -> Result<(), Failed> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [program, repository, questions, page] = arguments.as_slice() else {
        return Err("give PROGRAM REPOSITORY QUESTIONS.json PAGE.md".into());
    };
    let repository = Path::new(repository).canonicalize()?;
    let questions: Value = serde_json::from_str(&fs::read_to_string(questions)?)?;
    let index = std::env::temp_dir().join(format!("codescry-transcript-{}", std::process::id()));
    let mut server = Server::start(program, &repository, &index)?;
    server.call(&json!("index_project"), &json!({}))?;
    let mut all = Vec::new();
    texts(&repository, &mut all)?;
    let (mut body, mut table) = (String::new(), String::new());
    let mut sums = [0; 5];
    for (number, question) in questions["questions"].as_array().ok_or("no questions")?.iter().enumerate() {
        let ask = question["ask"].as_str().ok_or("a question without words")?;
        write!(body, "\n## {}. {ask}\n", number + 1)?;
        let (mut said, mut structured_said) = (String::new(), String::new());
        let (mut cost, mut structured_cost) = (0, 0);
        for call in question["calls"].as_array().ok_or("a question without calls")? {
            let begun = Instant::now();
            let answer = server.call(&call["tool"], &call["arguments"]);
            let (text, structured) = answer.map_err(|error| format!("{ask}: {error}"))?;
            let elapsed = begun.elapsed().as_millis();
            let written = call["arguments"].to_string();
            cost += tokens(&text) + tokens(&written);
            structured_cost += tokens(&structured.to_string()) + tokens(&written);
            words(&structured, &mut structured_said);
            let tool = call["tool"].as_str().unwrap_or_default();
            write!(body, "\n`{tool}` `{written}` → {} tokens, {elapsed} ms\n\n{}", tokens(&text), shown(&text))?;
            said.push_str(&text);
        }
        for expected in question["expect"].as_array().into_iter().flatten().filter_map(Value::as_str) {
            // Some clients show a model the one form, some the other.
            for said in [&said, &structured_said] {
                if !said.contains(expected) {
                    return Err(format!("{ask}: {expected:?} is not in the answer:\n{said}").into());
                }
            }
        }
        if let Some(note) = question["note"].as_str() {
            writeln!(body, "\n{note}")?;
        }
        let Grep { lines, answer, every, files } = grep(&repository, &all, question);
        let pattern = question["grep"].as_str().unwrap_or_default();
        let tools = format!("{cost} | {structured_cost}");
        writeln!(table, "| {} | {tools} | `{pattern}` | {lines} | {answer} | {every} ({files} files) |", number + 1)?;
        for (sum, one) in sums.iter_mut().zip([cost, structured_cost, lines, answer, every]) {
            *sum += one;
        }
    }
    let [cost, structured, lines, answer, every] = sums;
    writeln!(table, "| **all** | **{cost}** | **{structured}** | | **{lines}** | **{answer}** | **{every}** |")?;
    let of = questions["repository"].as_str().unwrap_or_default();
    let intro = format!(
        "# A session\n\nTen questions about {of}, answered by the server's tools over stdio. `tools/transcript.rs` sends \
         the calls in `tools/session.json`, checks that the answer contains the expected code, and writes this \
         page; nothing in it is edited. Long answers are shortened here, but counted in full.\n\n## Token cost\n\nThe \
         table counts tokens of the `o200k` vocabulary, for calls and answers: as text, and as structured JSON, \
         which is the only form that some clients show to their model. For comparison it counts the output of \
         grep over the whole folder for one plain pattern: the matching lines; these and the whole files that \
         contain the answer (which a reader who does not know the answer cannot select); these and every matching \
         file. Sometimes grep's lines alone cost least, but they seldom contain the answer. Both could be \
         reduced: grep by a better pattern, the tools' answers by a smaller limit. The questions were chosen with \
         the tools in mind.\n\n\
         | question | tools, as text | as JSON | grep for | its lines | + files with the answer | + every file that matches |\n\
         |---|---|---|---|---|---|---|\n{table}"
    );
    fs::write(page, intro + &body)?;
    drop(server);
    // What stays behind is in the folder for temporary files.
    _ = fs::remove_dir_all(index);
    Ok(())
}
