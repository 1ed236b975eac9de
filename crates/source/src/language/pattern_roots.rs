//! The node kinds at which the patterns of a query begin.
//!
//! Running a query over a whole tree matches every pattern at every node. Only few kinds of nodes begin a
//! pattern, so it is faster to find these nodes and to run the query on them alone.

use tree_sitter::Language;

use super::capture::QueryCapture;

/// The node kinds at which the patterns of a query begin, by kind id.
pub struct PatternRoots {
    /// Whether the query must be run on nodes of a kind, by kind id.
    searched: Vec<bool>,
    /// The capture, `@comment` or `@attached`, that every node of the kind gets, by kind id; `None` without such a
    /// capture.
    plain_captures: Vec<Option<QueryCapture>>,
}

/// The root of a pattern: the name of a node kind, and whether the node is named.
type PatternRoot<'q> = (&'q str, bool);

impl PatternRoots {
    /// Parses the roots of the patterns in `source`; `None` if a pattern can begin at any node, or its roots cannot be
    /// determined.
    pub(super) fn parse(
        source: &str,
        language: &Language,
        capture: impl Fn(&str) -> Option<QueryCapture>,
    ) -> Option<Self> {
        let count = language.node_kind_count();
        let mut roots = Self { searched: vec![false; count], plain_captures: vec![None; count] };
        let mut reader = QueryReader { rest: source };
        while let Some((kinds, plain)) = reader.read_pattern()? {
            let plain = plain
                .and_then(&capture)
                .filter(|found| matches!(found, QueryCapture::Comment | QueryCapture::Attached));
            for kind in kinds {
                roots.add(kind, plain, language)?;
            }
        }
        Some(roots)
    }

    /// Adds a root; `None` for an unknown kind or a supertype, which represents other kinds.
    fn add(
        &mut self,
        (name, is_named): PatternRoot<'_>,
        plain: Option<QueryCapture>,
        language: &Language,
    ) -> Option<()> {
        let mut is_known = false;
        for id in (0..=u16::MAX).take(self.searched.len()) {
            if language.node_kind_for_id(id) != Some(name) || language.node_kind_is_named(id) != is_named {
                continue;
            }
            if language.node_kind_is_supertype(id) {
                return None;
            }
            is_known = true;
            match plain {
                Some(capture) if self.plain_captures[usize::from(id)].is_none_or(|before| before == capture) => {
                    self.plain_captures[usize::from(id)] = Some(capture);
                }
                _ => self.searched[usize::from(id)] = true,
            }
        }
        is_known.then_some(())
    }

    /// Returns whether the query must be run on nodes of this kind; true for an unknown kind.
    pub fn is_searched(&self, kind_id: u16) -> bool {
        self.searched.get(usize::from(kind_id)).copied().unwrap_or(true)
    }

    /// Returns the capture, `@comment` or `@attached`, that every node of this kind gets; `None` without such a
    /// capture.
    pub fn plain_capture(&self, kind_id: u16) -> Option<QueryCapture> {
        self.plain_captures.get(usize::from(kind_id)).copied().flatten()
    }
}

/// A reader of the outermost level of a query file.
struct QueryReader<'q> {
    rest: &'q str,
}

impl<'q> QueryReader<'q> {
    /// Reads the next pattern. Returns its roots and, if it consists only of node kinds and one capture, the capture.
    ///
    /// Returns `Some(None)` at the end, and `None` if the roots of the pattern cannot be determined.
    fn read_pattern(&mut self) -> Option<Option<(Vec<PatternRoot<'q>>, Option<&'q str>)>> {
        self.skip_space();
        if self.rest.is_empty() {
            return Some(None);
        }
        let mut roots = Vec::new();
        let mut is_bare = self.read_node(&mut roots)?;
        self.skip_space();
        self.rest = self.rest.trim_start_matches(['?', '*', '+']);
        let mut captures = Vec::new();
        loop {
            self.skip_space();
            let Some(after) = self.rest.strip_prefix('@') else { break };
            let (name, rest) = split_word(after);
            captures.push(name);
            self.rest = rest;
        }
        is_bare &= captures.len() == 1;
        Some(Some((roots, is_bare.then(|| captures[0]))))
    }

    /// Reads a node, alternation or group. Returns whether it consists only of node kinds; `None` if its roots cannot
    /// be determined.
    fn read_node(&mut self, roots: &mut Vec<PatternRoot<'q>>) -> Option<bool> {
        if let Some(rest) = self.rest.strip_prefix('[') {
            self.rest = rest;
            return self.read_alternatives(roots);
        }
        if self.rest.starts_with('"') {
            let end = self.rest[1..].find('"')? + 1;
            roots.push((&self.rest[1..end], false));
            self.rest = &self.rest[end + 1..];
            return Some(true);
        }
        self.rest = self.rest.strip_prefix('(')?;
        self.skip_space();
        if self.rest.starts_with(['(', '[', '"']) {
            return self.read_group(roots);
        }
        let (kind, rest) = split_word(self.rest);
        if kind.is_empty() || matches!(kind, "_" | "MISSING" | "ERROR") {
            return None;
        }
        roots.push((kind, true));
        self.rest = rest;
        self.skip_space();
        let is_bare = self.rest.starts_with(')');
        self.skip_to_close()?;
        Some(is_bare)
    }

    /// Reads the rest of an alternation. Returns whether it consists only of node kinds; `None` if its roots cannot be
    /// determined.
    fn read_alternatives(&mut self, roots: &mut Vec<PatternRoot<'q>>) -> Option<bool> {
        let mut is_bare = true;
        loop {
            self.skip_space();
            if let Some(rest) = self.rest.strip_prefix(']') {
                self.rest = rest;
                return Some(is_bare);
            }
            if let Some(after) = self.rest.strip_prefix(['@', '?', '*', '+']) {
                is_bare = false; // a capture or a quantifier of one alternative
                self.rest = split_word(after).1;
            } else {
                is_bare &= self.read_node(roots)?;
            }
        }
    }

    /// Reads the rest of a group: one node with predicates. Returns `Some(false)`, because a group does not consist
    /// only of node kinds.
    ///
    /// Returns `None` for a group of siblings, whose roots cannot be determined.
    fn read_group(&mut self, roots: &mut Vec<PatternRoot<'q>>) -> Option<bool> {
        self.read_node(roots)?;
        loop {
            self.skip_space();
            if let Some(rest) = self.rest.strip_prefix(')') {
                self.rest = rest;
                return Some(false);
            }
            if let Some(after) = self.rest.strip_prefix(['@', '?', '*', '+']) {
                self.rest = split_word(after).1;
            } else if self.rest.starts_with("(#") {
                self.rest = &self.rest[1..];
                self.skip_to_close()?;
            } else {
                return None;
            }
        }
    }

    /// Skips the rest of the current node, including its closing parenthesis; `None` if that is missing.
    fn skip_to_close(&mut self) -> Option<()> {
        let mut depth = 1;
        while depth > 0 {
            self.skip_space();
            let first = self.rest.chars().next()?;
            self.rest = &self.rest[first.len_utf8()..];
            match first {
                '(' => depth += 1,
                ')' => depth -= 1,
                '"' => self.skip_string()?,
                _ => {}
            }
        }
        Some(())
    }

    /// Skips the rest of a string, including its closing quotation mark; `None` if that is missing.
    fn skip_string(&mut self) -> Option<()> {
        let mut escaped = false;
        for (at, c) in self.rest.char_indices() {
            match c {
                '"' if !escaped => {
                    self.rest = &self.rest[at + 1..];
                    return Some(());
                }
                _ => escaped = c == '\\' && !escaped,
            }
        }
        None
    }

    /// Skips white space and comments.
    fn skip_space(&mut self) {
        loop {
            self.rest = self.rest.trim_start();
            match self.rest.strip_prefix(';') {
                Some(comment) => self.rest = comment.split_once('\n').map_or("", |(_, rest)| rest),
                None => return,
            }
        }
    }
}

/// Splits a text after its first word.
fn split_word(text: &str) -> (&str, &str) {
    let end = text.find(|c: char| !c.is_ascii_alphanumeric() && !matches!(c, '_' | '-' | '.' | '/'));
    text.split_at(end.unwrap_or(text.len()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::language;

    fn roots(source: &str) -> Option<Vec<(Vec<&str>, Option<&str>)>> {
        let mut reader = QueryReader { rest: source };
        let mut found = Vec::new();
        while let Some((kinds, plain)) = reader.read_pattern()? {
            found.push((kinds.into_iter().map(|(kind, _)| kind).collect(), plain));
        }
        Some(found)
    }

    #[test]
    fn patterns_are_rooted_at_their_first_nodes() {
        assert_eq!(roots("; note (x)\n(comment) @comment"), Some(vec![(vec!["comment"], Some("comment"))]));
        assert_eq!(roots("[(a) (b)] @comment (c (d) @name)"), {
            Some(vec![(vec!["a", "b"], Some("comment")), (vec!["c"], None)])
        });
        assert_eq!(roots("((a x: (b \")\") @n) @d (#match? @n \"^[(]\\\"\"))"), Some(vec![(vec!["a"], None)]));
        assert_eq!(roots("[(a (b)) @x \"kw\"]"), Some(vec![(vec!["a", "kw"], None)]));
        for anywhere in ["(_) @x", "((a) (b))", "(MISSING)", "(a"] {
            assert_eq!(roots(anywhere), None, "{anywhere}");
        }
    }

    #[test]
    fn the_roots_of_every_query_can_be_determined() {
        for row in language::all_languages() {
            let Some(grammar) = row.grammar.as_deref() else { continue };
            assert!(grammar.query().is_ok_and(|compiled| compiled.roots.is_some()), "{}", row.name);
        }
    }
}
