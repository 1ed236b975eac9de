//! `codescry references`: lists where a name is used.

use std::time::Duration;

use engine::{CodeReference, ReferenceAnswer, ReferencePosition, ReferenceQuery, ReferencedFile};

use answer::caveats::format_kinds_asked;
use text::display::escape_name;

use super::name_arguments::split_names;
use super::result_page::describe_page_beyond;
use crate::cli::arguments::{ReferencesArguments, SharedArguments};
use crate::cli::exit::CommandExit;
use crate::cli::index_run::{OpenedFolder, open_updated_folder};
use crate::cli::json_output::references::ReferencesJson;
use crate::cli::printer::{self, Printer};
use crate::cli::text_output::palette::{Palette, TextRole};

/// The time limit of a reference search, longer than over MCP: users at a terminal wait longer.
const TIME_LIMIT: Duration = Duration::from_secs(20);

/// Runs `codescry references`.
///
/// # Errors
/// If the folder, the index, a name or a kind is invalid, or the index cannot be updated or searched.
pub fn run_references(shared: &SharedArguments, arguments: &ReferencesArguments) -> anyhow::Result<CommandExit> {
    let kind = |word: &String| engine::parse_use_kind(word).map_err(anyhow::Error::msg);
    let filters = &arguments.filters;
    let (names, folders) = split_names(&arguments.names, &filters.folders)?;
    let like = ReferenceQuery {
        name: String::new(),
        kinds: arguments.kinds.iter().map(kind).collect::<Result<_, _>>()?,
        include_definitions: arguments.definitions,
        filter: filters.filter(),
        from: ReferencePosition::default(),
        limit: filters.end(),
        time_limit: TIME_LIMIT,
    };
    let OpenedFolder { searched, paths, interrupts } = open_updated_folder(shared, &folders, filters.no_index)?;
    let palette = Palette::for_stdout(shared);
    let mut printer = Printer::new();
    let mut exit = CommandExit::Done;
    for name in &names {
        let query = ReferenceQuery { name: name.clone(), ..like.clone() };
        let mut answer = interrupts.run_cancellable(|cancel| searched.find_references(&query, cancel))?;
        let count_before: usize = answer.files.iter().map(|file| file.references.len()).sum();
        leave_out_first(&mut answer, filters.offset);
        answer.files.iter_mut().for_each(|file| file.path = paths.show(&file.path));
        if filters.json {
            printer.json(&ReferencesJson::new(&answer))?;
        } else {
            for file in &answer.files {
                for one in &file.references {
                    printer.line(&reference_line(file, one, palette))?;
                }
            }
        }
        printer.flush()?;
        if !shared.quiet {
            print_reference_notes(&answer, count_before, filters.end());
        }
        if answer.files.iter().all(|file| file.references.is_empty()) {
            exit = CommandExit::NothingFound;
        }
    }
    printer.finish()?;
    Ok(exit)
}

/// Removes the first `count` uses, which an earlier page showed.
fn leave_out_first(answer: &mut ReferenceAnswer, mut count: usize) {
    for file in &mut answer.files {
        let shown_before = count.min(file.references.len());
        file.references.drain(..shown_before);
        count -= shown_before;
    }
    if count == 0 {
        answer.files.retain(|file| !file.references.is_empty() || file.problem.is_some());
    }
}

/// Formats a use as `path:12  [call]  Outer.name  let x = parse(y);`; with `[call?]` if it may be of another
/// definition.
fn reference_line(file: &ReferencedFile, one: &CodeReference, palette: Palette) -> String {
    let doubt = if file.is_uncertain { "?" } else { "" };
    let mut parts = vec![
        palette.paint(TextRole::Path, &format!("{}:{}", escape_name(file.path.as_str()), one.line)),
        palette.paint(TextRole::Dim, &format!("[{}{doubt}]", one.kind.as_str())),
    ];
    if !one.within.is_empty() {
        parts.push(palette.paint(TextRole::Name, &one.within));
    }
    parts.push(terminal_text::escape_controls(&one.text));
    parts.join("  ")
}

/// Prints notes about missing or omitted uses on standard error. `count_before` is the number of uses on this page and
/// the pages before it, `next` the offset of the first use that follows.
fn print_reference_notes(answer: &ReferenceAnswer, count_before: usize, next: usize) {
    let is_empty = answer.files.iter().all(|file| file.references.is_empty());
    if is_empty && count_before > 0 && answer.next.is_none() {
        printer::print_note(&describe_page_beyond(count_before, "use"));
    } else if answer.files.is_empty() {
        printer::print_note(&describe_no_use(answer));
    }
    answer.notes.iter().for_each(|note| printer::print_note(note));
    if answer.definitions_left_out > 0 {
        let count = terminal_text::pluralize(answer.definitions_left_out as u64, "definition");
        printer::print_note(&format!("{count} not shown; give --definitions to show them"));
    }
    if answer.next.is_some() {
        printer::print_note(&describe_rest(answer, next));
    }
}

/// Describes an answer without uses: the requested kinds, the uses of other kinds, and a similar name or the number of
/// files that contain the word.
fn describe_no_use(answer: &ReferenceAnswer) -> String {
    let mut text = format!("no use of {}{}", escape_name(&answer.name), format_kinds_asked(answer));
    if let Some(similar) = &answer.similar_name {
        text.push_str(&format!("; did you mean {similar}?"));
    } else if answer.files_spelled > 0 && answer.other_kinds.is_empty() && answer.definitions_left_out == 0 {
        let files = terminal_text::pluralize(answer.files_spelled as u64, "file");
        text.push_str(&format!("; the word occurs in {files}, in comments or strings"));
    }
    text
}

/// Describes how to see the uses that follow, or that the time limit was reached. `next` is the offset of the first use
/// that follows.
fn describe_rest(answer: &ReferenceAnswer, next: usize) -> String {
    let narrow = "--kind, --path and --lang narrow down";
    if answer.out_of_time {
        let (read, all) = (answer.files_read, answer.files_with_name);
        return format!("the time limit was reached after {read} of {all} files; {narrow}");
    }
    format!("more uses follow; --offset {next} shows them, {narrow}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use engine::ReferenceKind;

    #[test]
    fn notes_say_what_was_asked_for_and_what_there_is() {
        let answer = ReferenceAnswer {
            name: "search_path".to_owned(),
            kinds: vec![ReferenceKind::Write],
            other_kinds: [(ReferenceKind::Call, 8)].into(),
            files_spelled: 3,
            files_with_name: 3,
            ..ReferenceAnswer::default()
        };
        assert_eq!(describe_no_use(&answer), "no use of search_path of kind write, but 8 call");
        assert!(describe_rest(&answer, 3).starts_with("more uses follow; --offset 3 shows them"));
        let absent = ReferenceAnswer {
            name: "loadconfig".to_owned(),
            similar_name: Some("load_config".to_owned()),
            files_with_name: 2,
            ..ReferenceAnswer::default()
        };
        assert_eq!(describe_no_use(&absent), "no use of loadconfig; did you mean load_config?");
        let late =
            ReferenceAnswer { out_of_time: true, files_read: 1, files_with_name: 3, ..ReferenceAnswer::default() };
        assert!(describe_rest(&late, 3).starts_with("the time limit was reached after 1 of 3 files"));
    }
}
