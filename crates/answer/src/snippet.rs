//! Chooses the lines of a hit that are shown: its signature and the lines that decide whether it answers the query.
//!
//! Invariants: the chosen lines are in order; unless only one is requested, they include the best deciding line, and
//! with each line of a body the first line of the signature above it. Gaps of at most [`FILLED_GAP`] lines between
//! chosen lines are filled. So a few more lines than requested may be chosen.

pub(crate) mod signature_lines;

use std::collections::BTreeSet;

use text::code::comments::is_comment_line;

use self::signature_lines::HitSignatures;

/// Maximum number of lines of a gap, between chosen lines or before or after all of them, whose lines are chosen too,
/// because their omission saves nothing.
pub const FILLED_GAP: usize = 2;

/// Returns the indices of about `max_lines` lines: the first line of the own signature, the `deciding` lines (best
/// first) with their neighbours, except the rest of a comment, the rest of the signature if there is room for twice as many lines, the conditions and
/// loops around the deciding lines, the block that each of them begins, and the `return` statements. Without deciding
/// lines, the lines after the signature's first line are chosen too, and then those before it. `signatures` are those
/// among the lines.
pub(crate) fn choose_lines(
    lines: &[&str],
    signatures: &HitSignatures,
    deciding: &[usize],
    max_lines: usize,
) -> Vec<usize> {
    let used = lines.iter().rposition(|line| !line.trim().is_empty()).map_or(0, |last| last + 1);
    let lines = &lines[..used];
    if lines.len() <= max_lines.saturating_add(if max_lines > 1 { FILLED_GAP } else { 0 }) {
        return (0..lines.len()).collect();
    }
    let own = signatures.own.as_ref().map(|own| own.lines.clone());
    let first = own.as_ref().map_or(0, |own| own.start);
    let mut chosen: BTreeSet<usize> =
        if own.is_some() || deciding.is_empty() { [first].into() } else { BTreeSet::new() };
    let mut add = |at: Option<usize>| {
        if let Some(at) = at.filter(|at| *at < lines.len() && chosen.len() < max_lines) {
            chosen.insert(at);
        }
    };
    let has_text = |at: &usize| lines.get(*at).is_some_and(|line| !line.trim().is_empty());
    add(deciding.first().copied());
    own.filter(|own| own.len() * 2 <= max_lines).into_iter().flatten().for_each(|at| add(Some(at)));
    for at in deciding.iter().copied() {
        add(Some(at));
        // The lines around a line of a comment are most often more of it.
        let is_neighbour =
            |other: &usize| has_text(other) && !(is_comment_line(lines[at]) && is_comment_line(lines[*other]));
        add(at.checked_add(1).filter(is_neighbour));
        add(at.checked_sub(1).filter(is_neighbour));
    }
    let indentations: Vec<Option<usize>> = lines.iter().map(|line| indentation_of(line)).collect();
    for at in deciding.iter().copied() {
        block_heads(&indentations, first, at).into_iter().for_each(|head| add(Some(head)));
    }
    for at in deciding.iter().copied() {
        block_after(&indentations, at).for_each(|inner| add(Some(inner)));
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
    if max_lines > 1 { with_signatures(lines.len(), signatures, chosen) } else { chosen.into_iter().collect() }
}

/// Adds the lines next to the `chosen` ones, nearest first, until about `max_lines` are chosen.
pub(crate) fn widen_lines(
    lines: &[&str],
    signatures: &HitSignatures,
    chosen: &[usize],
    max_lines: usize,
) -> Vec<usize> {
    let mut widened: BTreeSet<usize> = chosen.iter().copied().collect();
    let distance = |at: usize| chosen.iter().map(|other| other.abs_diff(at)).min().unwrap_or(0);
    let mut others: Vec<usize> = (0..lines.len()).filter(|at| !widened.contains(at)).collect();
    // Of two lines with the same distance, the later one tells more: it follows a chosen line.
    others.sort_by_key(|at| (distance(*at), std::cmp::Reverse(*at)));
    widened.extend(others.into_iter().take(max_lines.saturating_sub(chosen.len())));
    with_signatures(lines.len(), signatures, widened)
}

/// Fills the gaps between the `chosen` lines, and adds the first line of the signature above each line of a body.
fn with_signatures(line_count: usize, signatures: &HitSignatures, mut chosen: BTreeSet<usize>) -> Vec<usize> {
    loop {
        let filled = fill_gaps(&chosen, line_count);
        let above = filled.iter().filter_map(|at| signatures.first_line_above(*at));
        // A signature may be in the body of another definition, and closes a gap.
        chosen = filled.iter().copied().chain(above).collect();
        if chosen.len() == filled.len() {
            return filled;
        }
    }
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

/// Returns the number of white-space characters before the text of a line; `None` for a blank one.
fn indentation_of(line: &str) -> Option<usize> {
    let text = line.trim_start();
    (!text.is_empty()).then(|| line.len() - text.len())
}

/// Returns the lines from `first` on that begin the blocks around the line `at`, innermost first: each is the nearest
/// line above that is indented less.
fn block_heads(indentations: &[Option<usize>], first: usize, at: usize) -> Vec<usize> {
    let mut heads = Vec::new();
    let Some(mut inner) = indentations.get(at).copied().flatten() else { return heads };
    for (above, indentation) in indentations.iter().enumerate().take(at).skip(first).rev() {
        if let Some(indentation) = indentation.filter(|indentation| *indentation < inner) {
            heads.push(above);
            inner = indentation;
        }
    }
    heads
}

/// Returns the lines of the block that the line `at` begins: those after it that are indented more. Empty if it begins
/// none.
fn block_after(indentations: &[Option<usize>], at: usize) -> std::ops::Range<usize> {
    let (own, begin) = (indentations.get(at).copied().flatten().unwrap_or(0), at + 1);
    let is_outside = |indentation: &Option<usize>| indentation.is_some_and(|indentation| indentation <= own);
    let length = indentations.iter().skip(begin).position(is_outside);
    begin..length.map_or(indentations.len(), |length| begin + length)
}

/// Returns whether a line begins with a `return` statement.
fn is_return(line: &str) -> bool {
    let line = line.trim_start();
    line.strip_prefix("return").is_some_and(|rest| rest.starts_with([' ', ';', '(']) || rest.is_empty())
}

#[cfg(test)]
mod tests {
    use super::signature_lines::SignatureLines;
    use super::*;

    /// The signature on the lines `signature` of a definition that ends with the last line.
    fn signed(lines: &[&str], signature: std::ops::Range<usize>) -> HitSignatures {
        let own = SignatureLines { lines: signature, is_whole: true, end: lines.len() };
        HitSignatures { own: Some(own.clone()), all: vec![own] }
    }

    #[test]
    fn a_short_text_is_shown_whole_without_blank_lines_at_its_end() {
        assert_eq!(choose_lines(&["a", "", "b", "  "], &HitSignatures::default(), &[], 12), [0, 1, 2]);
        assert_eq!(choose_lines(&[], &HitSignatures::default(), &[], 12), Vec::<usize>::new());
        let whole = choose_lines(&["a"; 14], &HitSignatures::default(), &[], 12);
        assert_eq!(whole.len(), 14, "nothing is saved by two lines");
    }

    #[test]
    fn the_signature_and_the_deciding_lines_are_kept() {
        let mut lines = vec!["filler"; 60];
        lines[2] = "pub fn  open(path: &Path) {";
        lines[40] = "    retry_after(delay)";
        let on_one = signed(&lines, 2..3);
        assert_eq!(choose_lines(&lines, &on_one, &[40], 6), [0, 1, 2, 39, 40, 41]);
        assert_eq!(choose_lines(&lines, &on_one, &[40], 2), [0, 1, 2, 40]);
        assert_eq!(choose_lines(&lines, &on_one, &[40], 1), [2]);
        assert_eq!(choose_lines(&lines, &HitSignatures::default(), &[40], 3), [39, 40, 41], "it is elsewhere");
        let on_three = signed(&lines, 4..7);
        assert_eq!(choose_lines(&lines, &on_three, &[40], 3), [4, 40, 41], "there is no room for all of it");
        assert_eq!(choose_lines(&lines, &on_three, &[40], 6), [4, 5, 6, 39, 40, 41]);
    }

    #[test]
    fn no_line_of_a_body_is_shown_without_the_signature_above_it() {
        let lines = vec!["step"; 60];
        let signature = |lines, end| SignatureLines { lines, is_whole: true, end };
        let (class, first, second) = (signature(0..1, 60), signature(10..11, 30), signature(31..33, 60));
        let signatures = HitSignatures { own: Some(class.clone()), all: vec![class, first, second] };
        assert_eq!(choose_lines(&lines, &signatures, &[50], 3), [0, 31, 50, 51]);
        assert_eq!(choose_lines(&lines, &signatures, &[5], 3), [0, 5, 6], "a line outside of both methods");
        assert_eq!(widen_lines(&lines, &signatures, &[20], 2), [10, 20, 21]);
    }

    #[test]
    fn more_lines_are_those_next_to_the_chosen_ones() {
        let lines = vec!["step"; 30];
        let widen = |lines: &[&str], chosen: &[usize], max_lines| {
            widen_lines(lines, &HitSignatures::default(), chosen, max_lines)
        };
        assert_eq!(widen(&lines, &[0, 20], 6), [0, 1, 19, 20, 21, 22]);
        assert_eq!(widen(&lines, &[0, 20], 1), [0, 20]);
        assert_eq!(widen(&["step"; 5], &[2], 4), [0, 1, 2, 3, 4], "nothing is saved by one line");
    }

    #[test]
    fn the_conditions_around_a_deciding_line_and_the_block_that_it_begins_are_kept() {
        let mut lines = vec!["    step();"; 40];
        lines[0] = "fn collect(&mut self) {";
        lines[10] = "    if self.is_enabled {";
        (12..16).for_each(|at| lines[at] = "        prepare();");
        lines[20] = "        while self.size > limit {";
        (21..25).for_each(|at| lines[at] = "            remove();");
        lines[25] = "        }";
        lines[11] = "";
        lines[26] = "    }";
        lines[39] = "}";
        (16..20).for_each(|at| lines[at] = "        measure();");
        assert_eq!(choose_lines(&lines, &signed(&lines, 0..1), &[20], 9), [0, 10, 19, 20, 21, 22, 23, 24]);
    }

    #[test]
    fn a_line_that_returns_is_kept() {
        let mut lines = vec!["    step()"; 40];
        lines[0] = "def open(self):";
        lines[20] = "    if not self.ready:";
        lines[25] = "        return None";
        lines[39] = "    return handle";
        let chosen = choose_lines(&lines, &signed(&lines, 0..1), &[20], 12);
        assert_eq!(chosen, [0, 19, 20, 21, 25, 39]);
    }

    #[test]
    fn about_the_requested_number_of_lines_is_chosen() {
        let lines = vec!["retry"; 60];
        let deciding: Vec<usize> = (0..60).collect();
        assert_eq!(choose_lines(&lines, &HitSignatures::default(), &deciding, 12).len(), 12);
    }

    #[test]
    fn without_a_deciding_line_the_signature_is_followed_by_its_lines_or_preceded() {
        let lines = vec!["filler"; 20];
        assert_eq!(choose_lines(&lines, &signed(&lines, 19..20), &[], 3), [17, 18, 19]);
        assert_eq!(choose_lines(&lines, &signed(&lines, 5..6), &[], 3), [5, 6, 7]);
    }
}
