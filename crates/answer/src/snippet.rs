//! Chooses the lines of a hit that are shown: its signature and the lines that decide whether it answers the query.
//!
//! Invariants: the chosen lines are in order; unless only one is requested, they include the signature, if it is on one
//! line, and the best deciding line. A signature on several lines is shown on one line, with the name of the place.
//! Gaps of at most [`FILLED_GAP`] lines between chosen lines are filled, so a few more lines than requested may be
//! chosen.

use std::collections::BTreeSet;

/// Maximum number of lines of a gap, between chosen lines or before or after all of them, whose lines are chosen too,
/// because their omission saves nothing.
pub const FILLED_GAP: usize = 2;

/// Maximum number of lines of a signature whose end [`signature_end`] determines.
const MAX_SIGNATURE_LINES: usize = 4;

/// Returns the indices of about `max_lines` lines: the signature if it is on one line, the `deciding` lines (best
/// first) with their neighbours, and the `return` statements. Without deciding lines, the lines after the signature's
/// first line are chosen too, and then those before it.
pub fn choose_lines(lines: &[&str], signature: &str, deciding: &[usize], max_lines: usize) -> Vec<usize> {
    let used = lines.iter().rposition(|line| !line.trim().is_empty()).map_or(0, |last| last + 1);
    let lines = &lines[..used];
    if lines.len() <= max_lines.saturating_add(if max_lines > 1 { FILLED_GAP } else { 0 }) {
        return (0..lines.len()).collect();
    }
    let first = find_signature_line(lines, signature).unwrap_or(0);
    let is_on_one_line = find_signature_on_one_line(lines, signature).is_some();
    let mut chosen: BTreeSet<usize> =
        if is_on_one_line || deciding.is_empty() { [first].into() } else { BTreeSet::new() };
    let mut add = |at: Option<usize>| {
        if let Some(at) = at.filter(|at| *at < lines.len() && chosen.len() < max_lines) {
            chosen.insert(at);
        }
    };
    let has_text = |at: &usize| lines.get(*at).is_some_and(|line| !line.trim().is_empty());
    add(deciding.first().copied());
    for at in deciding.iter().copied() {
        add(Some(at));
        add(at.checked_add(1).filter(has_text));
        add(at.checked_sub(1).filter(has_text));
    }
    let middle = deciding.first().copied().unwrap_or(first);
    let mut returns: Vec<usize> = (first..lines.len()).filter(|at| is_return(lines[*at])).collect();
    returns.sort_by_key(|at| at.abs_diff(middle));
    returns.into_iter().for_each(|at| add(Some(at)));
    if deciding.is_empty() {
        for at in first..first.saturating_add(max_lines) {
            add(Some(at));
        }
        for at in (0..first).rev() {
            add(Some(at));
        }
    }
    if max_lines > 1 { fill_gaps(&chosen, lines.len()) } else { chosen.into_iter().collect() }
}

/// Adds the lines next to the `chosen` ones, nearest first, until about `max_lines` are chosen.
pub(crate) fn widen_lines(lines: &[&str], chosen: &[usize], max_lines: usize) -> Vec<usize> {
    let mut widened: BTreeSet<usize> = chosen.iter().copied().collect();
    let distance = |at: usize| chosen.iter().map(|other| other.abs_diff(at)).min().unwrap_or(0);
    let mut others: Vec<usize> = (0..lines.len()).filter(|at| !widened.contains(at)).collect();
    // Of two lines with the same distance, the later one tells more: it follows a chosen line.
    others.sort_by_key(|at| (distance(*at), std::cmp::Reverse(*at)));
    widened.extend(others.into_iter().take(max_lines.saturating_sub(chosen.len())));
    fill_gaps(&widened, lines.len())
}

/// Adds the lines of gaps of at most [`FILLED_GAP`] lines between the `chosen` ones, before the first and after the
/// last.
fn fill_gaps(chosen: &BTreeSet<usize>, line_count: usize) -> Vec<usize> {
    let mut filled = Vec::with_capacity(chosen.len());
    let mut next = 0;
    for at in chosen.iter().copied().chain([line_count]) {
        if at - next <= FILLED_GAP {
            filled.extend(next..at);
        }
        if at < line_count {
            filled.push(at);
        }
        next = at + 1;
    }
    filled
}

/// Returns whether a line begins with a `return` statement.
fn is_return(line: &str) -> bool {
    let line = line.trim_start();
    line.strip_prefix("return").is_some_and(|rest| rest.starts_with([' ', ';', '(']) || rest.is_empty())
}

/// Returns the index of the line on which `signature` (white space collapsed) starts; `None` if it is not among the
/// lines, as in the later parts of a long definition.
pub(crate) fn find_signature_line(lines: &[&str], signature: &str) -> Option<usize> {
    if signature.is_empty() {
        return None;
    }
    let begins = |line: &&str| {
        let line = line.split_whitespace().collect::<Vec<_>>().join(" ");
        !line.is_empty() && (signature.starts_with(&line) || line.starts_with(signature))
    };
    lines.iter().position(begins)
}

/// Returns the index of the line on which the whole signature stands; `None` if there is no such line.
pub(crate) fn find_signature_on_one_line(lines: &[&str], signature: &str) -> Option<usize> {
    let first = find_signature_line(lines, signature)?;
    let letters = |text: &str| text.chars().filter(|c| !c.is_whitespace()).count();
    (letters(lines[first]) >= letters(signature)).then_some(first)
}

/// Returns the index after the last line of the signature that begins on line `first`. A signature of more than
/// [`MAX_SIGNATURE_LINES`] lines counts as one line.
pub(crate) fn signature_end(lines: &[&str], first: usize, signature: &str) -> usize {
    let letters = |text: &str| text.chars().filter(|c| !c.is_whitespace()).count();
    let wanted = letters(signature);
    let mut seen = 0;
    for (number, line) in lines[first..].iter().enumerate().take(MAX_SIGNATURE_LINES) {
        seen += letters(line);
        if seen >= wanted {
            return first + number + 1;
        }
    }
    // The signature is longer.
    first + 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_text_is_shown_whole_without_blank_lines_at_its_end() {
        assert_eq!(choose_lines(&["a", "", "b", "  "], "", &[], 12), [0, 1, 2]);
        assert_eq!(choose_lines(&[], "", &[], 12), Vec::<usize>::new());
        assert_eq!(choose_lines(&["a"; 14], "", &[], 12).len(), 14, "nothing is saved by two lines");
    }

    #[test]
    fn the_signature_and_the_deciding_lines_are_kept() {
        let mut lines = vec!["filler"; 60];
        lines[2] = "pub fn  open(path: &Path) {";
        lines[40] = "    retry_after(delay)";
        let signature = "pub fn open(path: &Path)";
        assert_eq!(choose_lines(&lines, signature, &[40], 6), [0, 1, 2, 39, 40, 41]);
        assert_eq!(choose_lines(&lines, signature, &[40], 2), [0, 1, 2, 40]);
        assert_eq!(choose_lines(&lines, signature, &[40], 1), [2]);
        assert_eq!(choose_lines(&lines, "fn elsewhere()", &[40], 3), [39, 40, 41]);
        (lines[2], lines[3]) = ("pub fn open(", "    path: &Path)");
        assert_eq!(choose_lines(&lines, "pub fn open( path: &Path)", &[40], 3), [39, 40, 41], "it is in the head");
    }

    #[test]
    fn more_lines_are_those_next_to_the_chosen_ones() {
        let lines = vec!["step"; 30];
        assert_eq!(widen_lines(&lines, &[0, 20], 6), [0, 1, 19, 20, 21, 22]);
        assert_eq!(widen_lines(&lines, &[0, 20], 1), [0, 20]);
        assert_eq!(widen_lines(&["step"; 5], &[2], 4), [0, 1, 2, 3, 4], "nothing is saved by one line");
    }

    #[test]
    fn a_line_that_returns_is_kept() {
        let mut lines = vec!["    step()"; 40];
        lines[0] = "def open(self):";
        lines[20] = "    if not self.ready:";
        lines[25] = "        return None";
        lines[39] = "    return handle";
        let chosen = choose_lines(&lines, "def open(self)", &[20], 12);
        assert_eq!(chosen, [0, 19, 20, 21, 25, 39]);
    }

    #[test]
    fn about_the_requested_number_of_lines_is_chosen() {
        let lines = vec!["retry"; 60];
        let deciding: Vec<usize> = (0..60).collect();
        assert_eq!(choose_lines(&lines, "nowhere", &deciding, 12).len(), 12);
    }

    #[test]
    fn without_a_deciding_line_the_signature_is_followed_by_its_lines_or_preceded() {
        let mut lines = vec!["filler"; 20];
        lines[19] = "fn last()";
        assert_eq!(choose_lines(&lines, "fn last()", &[], 3), [17, 18, 19]);
        lines[5] = "fn first()";
        assert_eq!(choose_lines(&lines, "fn first()", &[], 3), [5, 6, 7]);
    }
}
