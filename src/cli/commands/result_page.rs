//! The page of results that a command shows.

use std::io::{self, IsTerminal as _};

use engine::{MAX_LIMIT, SearchAnswer};

use crate::cli::index_run::command_folder::ShownPaths;
use crate::cli::printer;

/// Default number of results on a terminal: as many as fit on a screen.
const TERMINAL_LIMIT: usize = 5;

/// Default number of results if standard output is not a terminal.
const DEFAULT_LIMIT: usize = 10;

/// Replaces the paths of hits by the paths that are shown to the user.
pub fn show_hit_paths(answer: &mut SearchAnswer, paths: &ShownPaths) {
    answer.hits.iter_mut().for_each(|hit| hit.path = paths.show(&hit.path));
}

/// Describes an empty page after the last result; `total` is the number of results, each of which `one` names.
pub fn describe_page_beyond(total: usize, one: &str) -> String {
    format!("there are no more: {} in all; give a smaller --offset", terminal_text::pluralize(total as u64, one))
}

/// A page of results: at most `limit` of them, after the first `offset`.
#[derive(Clone, Copy, Debug)]
pub struct ResultPage {
    pub offset: usize,
    pub limit: usize,
}

impl ResultPage {
    /// Returns the page of a search. Without a limit, its length depends on whether standard output is a terminal.
    ///
    /// # Errors
    /// If the page starts beyond the last result that is ranked.
    pub fn new(limit: Option<usize>, offset: usize) -> anyhow::Result<Self> {
        anyhow::ensure!(
            offset < MAX_LIMIT,
            "--offset {offset}: only the first {MAX_LIMIT} results are ranked; give less, or narrow the query"
        );
        let default = if io::stdout().is_terminal() { TERMINAL_LIMIT } else { DEFAULT_LIMIT };
        Ok(Self { offset, limit: limit.unwrap_or(default) })
    }

    /// Returns the number of results to rank: one more than the end of the page, to know whether there are more, but at
    /// most [`MAX_LIMIT`].
    pub fn ranked(&self) -> usize {
        (self.offset + self.limit + 1).min(MAX_LIMIT)
    }

    /// Cuts ranked results to the page, and returns whether there are more.
    pub fn cut<T>(&self, results: &mut Vec<T>) -> bool {
        results.drain(..self.offset.min(results.len()));
        let more = results.len() > self.limit;
        results.truncate(self.limit);
        more
    }

    /// Prints a note on how to see the next page, if there is one, standard output is a terminal, and the results are
    /// not JSON.
    pub fn print_more(&self, more: bool, json: bool) {
        if more && !json && io::stdout().is_terminal() {
            printer::print_note(&format!(
                "more results: --offset {}, or -n {}",
                self.offset + self.limit,
                self.limit * 2
            ));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_follow_each_other_without_gaps() {
        let ranked: Vec<usize> = (0..MAX_LIMIT).collect();
        let (mut seen, mut offset, mut more) = (Vec::new(), 0, true);
        while more {
            let page = ResultPage::new(Some(7), offset).expect("within the ranked results");
            let mut results = ranked[..page.ranked()].to_vec();
            more = page.cut(&mut results);
            seen.extend(results);
            offset += 7;
        }
        assert_eq!(seen, ranked);
        assert!(ResultPage::new(None, MAX_LIMIT).is_err());
    }
}
