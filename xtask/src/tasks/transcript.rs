//! `cargo xtask transcript`: writes `docs/session.md`, a session with the server and its cost in tokens.
//!
//! Sends the questions of `benches/session.json` about a repository to the tools of a real server, over stdio. Compares
//! the tokens of the answers with the tokens of the output of grep and of whole files.

use std::fmt::Write as _;
use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Instant;

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::{Value, json};
use text::tokens::count_tokens;

/// Writes a page with a session of questions and answers, and its cost in tokens
#[derive(clap::Args)]
pub struct TranscriptArguments {
    /// The codescry program
    program: PathBuf,
    /// The repository that the questions are about
    repository: PathBuf,
    /// The questions, such as `benches/session.json`
    questions: PathBuf,
    /// The page to write, such as `docs/session.md`
    page: PathBuf,
}

/// Maximum number of lines of an answer that the page shows. The token counts cover all lines.
const SHOWN_LINES: usize = 40;

const TABLE_HEAD: &str = "| question | tools, as text | as JSON | grep for | its lines | + files with the answer | + every file that matches |\n\
     |---|---|---|---|---|---|---|\n";

/// Sends the questions to a server and writes the page.
///
/// # Errors
/// If the repository cannot be indexed, a call fails, an answer lacks an expected text, or the page cannot be written.
pub fn run_transcript(arguments: &TranscriptArguments) -> Result<()> {
    let repository = arguments.repository.canonicalize().context("cannot find the repository")?;
    let questions: Value = serde_json::from_str(&fs::read_to_string(&arguments.questions)?)?;
    let index = std::env::temp_dir().join(format!("codescry-transcript-{}", std::process::id()));
    let indexing =
        Command::new(&arguments.program).arg("index").arg(&repository).arg("--index-dir").arg(&index).status()?;
    ensure!(indexing.success(), "the repository could not be indexed");
    let mut servers = ServerPair {
        text: StdioServer::start(&arguments.program, &repository, &index, &[])?,
        structured: StdioServer::start(&arguments.program, &repository, &index, &["--structured"])?,
    };
    let mut files = Vec::new();
    read_text_files(&repository, &mut files)?;
    let (mut body, mut table) = (String::new(), TABLE_HEAD.to_owned());
    let mut sums = [0; 5];
    for (number, question) in questions["questions"].as_array().context("no questions")?.iter().enumerate() {
        let text = question["ask"].as_str().context("a question without a text")?;
        let answer = ask_question(&mut servers, question, text)?;
        let note = question["note"].as_str().map(|note| format!("\n{note}\n")).unwrap_or_default();
        write!(body, "\n## {}. {text}\n{}{note}", number + 1, answer.shown)?;
        let GrepCost { lines, with_answer, with_all, files } = measure_grep(&repository, &files, question);
        let pattern = question["grep"].as_str().unwrap_or_default();
        let tools = format!("{} | {}", answer.text_tokens, answer.json_tokens);
        writeln!(
            table,
            "| {} | {tools} | `{pattern}` | {lines} | {with_answer} | {with_all} ({files} files) |",
            number + 1
        )?;
        let costs = [answer.text_tokens, answer.json_tokens, lines, with_answer, with_all];
        sums.iter_mut().zip(costs).for_each(|(sum, cost)| *sum += cost);
    }
    let [text, json, lines, with_answer, with_all] = sums;
    writeln!(table, "| **all** | **{text}** | **{json}** | | **{lines}** | **{with_answer}** | **{with_all}** |")?;
    let name = questions["repository"].as_str().unwrap_or_default();
    fs::write(&arguments.page, introduction(name) + &table + &body)?;
    drop(servers);
    // A failure is harmless: the index is in the folder for temporary files.
    _ = fs::remove_dir_all(index);
    Ok(())
}

fn introduction(repository: &str) -> String {
    format!(
        "# A session\n\nTen questions about {repository}, answered by the server's tools over stdio. `cargo xtask \
         transcript` sends the calls in `benches/session.json`, checks that the answer contains the expected code, and \
         writes this page; nothing in it is edited. Long answers are shortened here, but counted in full.\n\n## Token \
         cost\n\nThe table counts tokens of the `o200k` vocabulary, for calls and answers: as text, which is the default, \
         and as structured JSON, which `--structured` adds and which is then the only form that some clients show to \
         their model. No call gives a limit or a size. For comparison it counts the output of \
         grep over the whole folder for one plain pattern: the matching lines; these and the whole files that \
         contain the answer (which a reader who does not know the answer cannot select); these and every matching \
         file. Sometimes grep's lines alone cost least, but they seldom contain the answer. Both could be \
         reduced: grep by a better pattern, the tools' answers by a smaller limit. The questions were chosen with \
         the tools in mind.\n\n"
    )
}

/// The answer to a question, which may take several calls.
#[derive(Default)]
struct QuestionAnswer {
    /// The calls and answers as the page shows them.
    shown: String,
    /// Tokens of the calls and the answers as text.
    text_tokens: usize,
    /// Tokens of the calls and the answers as structured JSON.
    json_tokens: usize,
}

/// Sends the calls of a question.
///
/// # Errors
/// If a call fails, or an expected text is missing in the text or in the JSON. Both are checked, because a client
/// shows a model either the text or the JSON.
fn ask_question(servers: &mut ServerPair, question: &Value, text: &str) -> Result<QuestionAnswer> {
    let mut answer = QuestionAnswer::default();
    let (mut all_text, mut all_json) = (String::new(), String::new());
    for call in question["calls"].as_array().context("a question without calls")? {
        let begun = Instant::now();
        let (reply, none) = servers.text.call(&call["tool"], &call["arguments"]).with_context(|| text.to_owned())?;
        let elapsed_ms = begun.elapsed().as_millis();
        ensure!(none.is_null(), "{text}: the answer has structured content without --structured");
        let (_, structured) = servers.structured.call(&call["tool"], &call["arguments"])?;
        let arguments = call["arguments"].to_string();
        let (call_tokens, reply_tokens) = (count_tokens(&arguments), count_tokens(&reply));
        answer.text_tokens += call_tokens + reply_tokens;
        answer.json_tokens += call_tokens + count_tokens(&structured.to_string());
        let tool = call["tool"].as_str().unwrap_or_default();
        let shown = indent_first_lines(&reply);
        write!(answer.shown, "\n`{tool}` `{arguments}` → {reply_tokens} tokens, {elapsed_ms} ms\n\n{shown}")?;
        all_text.push_str(&reply);
        join_strings(&structured, &mut all_json);
    }
    for expected in question["expect"].as_array().into_iter().flatten().filter_map(Value::as_str) {
        for answer in [&all_text, &all_json] {
            ensure!(answer.contains(expected), "{text}: {expected:?} is not in the answer:\n{answer}");
        }
    }
    Ok(answer)
}

/// A server for each form of answers.
struct ServerPair {
    text: StdioServer,
    structured: StdioServer,
}

/// A server process with the client's ends of its pipes. Killed when dropped.
struct StdioServer {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
    last_id: u64,
}

impl StdioServer {
    fn start(program: &Path, repository: &Path, index: &Path, more: &[&str]) -> Result<Self> {
        let mut command = Command::new(program);
        command.args(["serve", "--stdio"]).args(more).arg(repository).arg("--index-dir").arg(index);
        let mut child =
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().context("cannot start the server")?;
        let input = child.stdin.take().context("no pipe")?;
        let output = BufReader::new(child.stdout.take().context("no pipe")?);
        let mut server = Self { child, input, output, last_id: 0 };
        let client = json!({ "name": "transcript", "version": "1" });
        let params = json!({ "protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": client });
        server.request("initialize", &params)?;
        server.send(&json!({ "jsonrpc": "2.0", "method": "notifications/initialized" }))?;
        Ok(server)
    }

    fn send(&mut self, message: &Value) -> Result<()> {
        writeln!(self.input, "{message}")?;
        Ok(self.input.flush()?)
    }

    fn request(&mut self, method: &str, params: &Value) -> Result<Value> {
        self.last_id += 1;
        let id = self.last_id;
        self.send(&json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params }))?;
        loop {
            let mut line = String::new();
            ensure!(self.output.read_line(&mut line)? > 0, "the server has ended");
            let message: Value = serde_json::from_str(&line)?;
            if message["id"] == id {
                return Ok(message["result"].clone());
            }
        }
    }

    /// Calls a tool and returns the text of its answer, and its structured form.
    fn call(&mut self, tool: &Value, arguments: &Value) -> Result<(String, Value)> {
        let answer = self.request("tools/call", &json!({ "name": tool, "arguments": arguments }))?;
        let text = answer["content"][0]["text"].as_str().context("an answer without a text")?;
        if answer["isError"] == true {
            bail!("{text}");
        }
        Ok((text.to_owned(), answer["structuredContent"].clone()))
    }
}

impl Drop for StdioServer {
    fn drop(&mut self) {
        // Errors are ignored: the process may have ended already.
        _ = self.child.kill();
        _ = self.child.wait();
    }
}

/// Appends all strings inside of a JSON value, one per line.
fn join_strings(value: &Value, joined: &mut String) {
    match value {
        Value::String(text) => _ = writeln!(joined, "{text}"),
        Value::Array(values) => values.iter().for_each(|value| join_strings(value, joined)),
        Value::Object(fields) => fields.values().for_each(|value| join_strings(value, joined)),
        _ => {}
    }
}

/// Reads the files that grep would search, sorted by path: text files that are neither hidden nor below a folder
/// `target`.
fn read_text_files(folder: &Path, files: &mut Vec<(PathBuf, String)>) -> Result<()> {
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
            read_text_files(&path, files)?;
        } else if kind.is_file()
            && let Ok(text) = fs::read_to_string(&path)
        {
            files.push((path, text));
        }
    }
    Ok(())
}

/// The cost of one question with grep, in tokens.
struct GrepCost {
    /// The tokens of the matching lines, with path and line number.
    lines: usize,
    /// The tokens of the matching lines and of the whole files that contain the answer.
    with_answer: usize,
    /// The tokens of the matching lines and of all whole files with a matching line.
    with_all: usize,
    /// The number of files with a matching line.
    files: usize,
}

fn measure_grep(repository: &Path, texts: &[(PathBuf, String)], question: &Value) -> GrepCost {
    let pattern = question["grep"].as_str().unwrap_or_default();
    let answer_files: Vec<&str> =
        question["answer_in"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let (mut output, mut answer_tokens, mut all_tokens, mut files) = (String::new(), 0, 0, 0);
    for (path, text) in texts {
        let name = path.strip_prefix(repository).unwrap_or(path).to_string_lossy().into_owned();
        let mut matches = false;
        for (number, line) in text.lines().enumerate().filter(|(_, line)| line.contains(pattern)) {
            matches = true;
            // Writing to a string cannot fail.
            _ = writeln!(output, "{name}:{}:{line}", number + 1);
        }
        let has_answer = answer_files.contains(&name.as_str());
        let tokens = if matches || has_answer { count_tokens(text) } else { 0 };
        answer_tokens += if has_answer { tokens } else { 0 };
        all_tokens += if matches { tokens } else { 0 };
        files += usize::from(matches);
    }
    let lines = count_tokens(&output);
    GrepCost { lines, with_answer: lines + answer_tokens, with_all: lines + all_tokens, files }
}

/// Returns the first lines of an answer, indented, so that the page shows them as code even if they have code fences. A
/// last line counts the omitted ones.
fn indent_first_lines(text: &str) -> String {
    let lines: Vec<&str> = text.lines().collect();
    let mut page: String = lines.iter().take(SHOWN_LINES).map(|line| format!("    {line}\n")).collect();
    if lines.len() > SHOWN_LINES {
        _ = writeln!(page, "    [… {} more lines of this answer]", lines.len() - SHOWN_LINES);
    }
    page
}
