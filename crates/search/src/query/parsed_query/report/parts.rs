//! Splits the lines of a report into prose, code and logs.

use text::code::snippet;

/// Words of headings above descriptions of the environment, which say nothing about the code.
const ENVIRONMENT_HEADINGS: &str = "environment version versions system platform os installation info information \
    setup browser device checklist prerequisites configuration specs";

/// Words that may occur beside [`ENVIRONMENT_HEADINGS`] in a heading above a description of the environment.
const HEADING_FILLERS: &str = "your the of and my additional details please output";

/// Beginnings of lines that are typed into or printed by an interpreter or a shell.
const CONSOLE_PREFIXES: &[&str] = &[">>>", "... ", "In [", "Out[", "In[", "$ ", "sage: ", "% ", "PS> ", "C:\\"];

/// Beginnings of lines of traces and logs.
const LOG_PREFIXES: &[&str] =
    &["Traceback (most recent", "File \"", "at ", "thread '", "goroutine ", "panic:", "Caused by:", "stack backtrace"];

/// The lines of a report by kind.
#[derive(Debug, Default)]
pub(super) struct ReportParts {
    /// The first nonblank line outside of code fences and comments, without Markdown's marks of headings and bold text.
    pub title: String,
    /// Whether the title looks like code or a line of a log.
    pub title_is_code: bool,
    /// Lines of prose.
    pub prose: Vec<String>,
    /// Blocks of code, and lines of an interpreter or a shell that no fence marks as such.
    pub code: Vec<String>,
    /// Blocks with a line of a trace or a log, and fenced blocks of a terminal's output.
    pub logs: Vec<String>,
    /// Whether the text has code fences, HTML comments, or headings with `#` below the title.
    pub has_markdown: bool,
}

/// The kind of section to which a line belongs.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Section {
    Prose,
    Environment,
}

impl ReportParts {
    /// Splits the lines of a text by kind.
    pub fn split(text: &str) -> Self {
        let mut parts = Self::default();
        let text = parts.remove_comments(text);
        let mut section = Section::Prose;
        // The mark of the fence of a block, and whether it holds the output of a terminal.
        let mut fence: Option<(&str, bool)> = None;
        let mut block: Vec<&str> = Vec::new();
        let mut after_blank = true;
        for line in text.lines() {
            let trimmed = line.trim();
            if let Some((mark, is_output)) = fence {
                if trimmed.starts_with(mark) {
                    parts.end_block(&mut block, section, is_output);
                    fence = None;
                } else {
                    block.push(line);
                }
                continue;
            }
            if let Some(mark) = ["```", "~~~"].into_iter().find(|mark| trimmed.starts_with(mark)) {
                parts.end_block(&mut block, section, false);
                // `` ```code``` `` on one line is not a fence.
                if !trimmed[mark.len()..].contains(mark) {
                    (fence, parts.has_markdown) = (Some((mark, snippet::opens_console(trimmed))), true);
                } else {
                    parts.code.push(trimmed.trim_matches('`').to_owned());
                }
                continue;
            }
            if trimmed.is_empty() {
                after_blank = true;
                parts.end_block(&mut block, section, false);
                continue;
            }
            if parts.title.is_empty() {
                parts.title_is_code = looks_like_code(trimmed) || is_log_line(trimmed);
                parts.title = trimmed.trim_start_matches(['#', ' ', '*']).trim_end_matches('*').to_owned();
                continue;
            }
            if let Some(heading) = heading_of(trimmed) {
                parts.end_block(&mut block, section, false);
                parts.has_markdown |= trimmed.starts_with('#');
                section = if is_environment(heading) { Section::Environment } else { Section::Prose };
                continue;
            }
            let is_indented = line.starts_with("    ") || line.starts_with('\t');
            let is_listed = trimmed.starts_with(['-', '*', '+']) || trimmed.starts_with(|c: char| c.is_ascii_digit());
            let is_block = is_log_line(trimmed)
                || CONSOLE_PREFIXES.iter().any(|prefix| trimmed.starts_with(prefix))
                || is_indented && !is_listed && (after_blank || !block.is_empty())
                || looks_like_code(trimmed)
                || is_indented && !block.is_empty();
            after_blank = false;
            if is_block {
                block.push(line);
            } else {
                parts.end_block(&mut block, section, false);
                let is_box = trimmed.starts_with("- [ ]") || trimmed.to_ascii_lowercase().starts_with("- [x]");
                if section == Section::Prose && !is_box {
                    parts.prose.push(strip_links(trimmed.trim_start_matches(['>', ' '])));
                }
            }
        }
        parts.end_block(&mut block, section, fence.is_some_and(|(_, is_output)| is_output));
        parts
    }

    /// Removes HTML comments, and sets `has_markdown` if there are any.
    fn remove_comments(&mut self, text: &str) -> String {
        let mut kept = String::with_capacity(text.len());
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("<!--") {
            kept.push_str(before);
            self.has_markdown = true;
            rest = after.split_once("-->").map_or("", |(_, after)| after);
        }
        kept.push_str(rest);
        kept
    }

    /// Adds `block` to the logs or the code, and clears it. `is_output` says that it is a terminal's output, which counts
    /// as a log. Code and output in a description of the environment are dropped.
    fn end_block(&mut self, block: &mut Vec<&str>, section: Section, is_output: bool) {
        if block.is_empty() {
            return;
        }
        let text = block.join("\n");
        let is_log = block.iter().any(|line| is_log_line(line.trim()));
        block.clear();
        if is_log || is_output && section == Section::Prose {
            self.logs.push(text);
        } else if section == Section::Prose {
            self.code.push(text);
        }
    }
}

fn is_log_line(line: &str) -> bool {
    LOG_PREFIXES.iter().any(|prefix| line.starts_with(prefix)) && (!line.starts_with("at ") || line.ends_with(')'))
}

/// Returns the text of a heading of at most eight words: `## Text`, `**Text**`, `Text:`.
fn heading_of(line: &str) -> Option<&str> {
    let text = if line.starts_with('#') {
        line.trim_matches(['#', ' ', ':'])
    } else if line.starts_with("**") && line.trim_end_matches(':').ends_with("**") {
        line.trim_matches(['*', ' ', ':'])
    } else {
        line.strip_suffix(':')?
    };
    (text.split_whitespace().count() <= 8).then_some(text)
}

fn is_environment(heading: &str) -> bool {
    let heading = heading.to_lowercase();
    let words = || heading.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
    let has = |list: &str, word: &str| list.split_whitespace().any(|other| other == word);
    let known = words().filter(|word| has(ENVIRONMENT_HEADINGS, word)).count();
    let fillers = words().filter(|word| has(HEADING_FILLERS, word)).count();
    known > 0 && known * 2 + fillers >= words().count()
}

/// Returns whether a line outside of fences is code.
fn looks_like_code(line: &str) -> bool {
    let starts =
        ["import ", "from ", "def ", "class ", "#include", "use ", "package ", "func ", "fn ", "const ", "let "];
    let ends = line.ends_with(['{', ';', '}', '(', ')', ':', ',', ']']);
    let is_statement = starts.iter().any(|start| line.starts_with(start)) && (ends || line.contains(['(', '=', '.']))
        || line.starts_with("#include")
        || line.starts_with("@") && !line.contains(' ');
    is_statement || snippet::is_code(line) && line.split_whitespace().count() <= 14
}

/// Replaces links by their texts, and removes web addresses. Of an address of code on a hosting site, the path stays.
fn strip_links(line: &str) -> String {
    let words = line.split_whitespace().filter_map(|word| {
        let Some(at) = word.find("http") else { return Some(word.to_owned()) };
        let address = word[at..].trim_end_matches([')', ']', '>', '.', ',']);
        // The address of lines of code on a hosting site: `…/blob/REVISION/PATH#L12`.
        let blob = address.split_once("/blob/").and_then(|(_, rest)| rest.split_once('/'));
        let text = word[..at].trim_end_matches(['(', '[', '<', ']']).trim_start_matches('[');
        match blob {
            Some((_, path)) => Some(format!("{text} {path}")),
            None if text.is_empty() => None,
            None => Some(text.to_owned()),
        }
    });
    words.collect::<Vec<_>>().join(" ")
}
