//! The node kinds that a query's patterns are rooted at.
//!
//! Running a query over a whole tree visits every node with every pattern in mind. Few kinds of nodes
//! begin a pattern, so it is cheaper to look for those, and to run the query on them alone.
//! Must never import: anything but `language`.

use tree_sitter::Language;

use super::Capture;

/// Where the patterns of a query can begin, by kind id.
pub struct Roots {
    /// Kinds on which the query is to be run.
    searched: Vec<bool>,
    /// Kinds that are captured whatever is in or around them.
    plain: Vec<Option<Capture>>,
}

/// The root of one pattern: a node's kind, and whether it is a named one.
type Root<'q> = (&'q str, bool);

impl Roots {
    /// The roots of the patterns in `source`; `None` where a pattern can begin anywhere.
    pub(super) fn of(source: &str, language: &Language, capture: impl Fn(&str) -> Option<Capture>) -> Option<Self> {
        let count = language.node_kind_count();
        let mut roots = Self { searched: vec![false; count], plain: vec![None; count] };
        let mut reader = Reader { rest: source };
        while let Some((kinds, plain)) = reader.pattern()? {
            let plain = plain.and_then(&capture).filter(|found| matches!(found, Capture::Comment | Capture::Attached));
            for kind in kinds {
                roots.add(kind, plain, language)?;
            }
        }
        Some(roots)
    }

    /// `None` for a kind that stands for others.
    fn add(&mut self, (name, is_named): Root<'_>, plain: Option<Capture>, language: &Language) -> Option<()> {
        let mut is_known = false;
        for id in 0..u16::try_from(self.searched.len()).unwrap_or(u16::MAX) {
            if language.node_kind_for_id(id) != Some(name) || language.node_kind_is_named(id) != is_named {
                continue;
            }
            if language.node_kind_is_supertype(id) {
                return None;
            }
            is_known = true;
            match plain {
                Some(capture) if self.plain[usize::from(id)].is_none_or(|before| before == capture) => {
                    self.plain[usize::from(id)] = Some(capture);
                }
                _ => self.searched[usize::from(id)] = true,
            }
        }
        is_known.then_some(())
    }

    /// Whether the query is to be run on nodes of this kind.
    pub fn is_searched(&self, kind_id: u16) -> bool {
        self.searched.get(usize::from(kind_id)).copied().unwrap_or(true)
    }

    /// What nodes of this kind are captured as without looking any further.
    pub fn plain(&self, kind_id: u16) -> Option<Capture> {
        self.plain.get(usize::from(kind_id)).copied().flatten()
    }
}

/// Reads the outermost level of a query file.
struct Reader<'q> {
    rest: &'q str,
}

impl<'q> Reader<'q> {
    /// The next pattern's roots and, where it is nothing but nodes and one capture, that capture.
    /// `Some(None)` at the end; `None` for a pattern whose roots cannot be told.
    fn pattern(&mut self) -> Option<Option<(Vec<Root<'q>>, Option<&'q str>)>> {
        self.skip();
        if self.rest.is_empty() {
            return Some(None);
        }
        let mut roots = Vec::new();
        let mut is_bare = self.node(&mut roots)?;
        self.skip();
        self.rest = self.rest.trim_start_matches(['?', '*', '+']);
        let mut captures = Vec::new();
        loop {
            self.skip();
            let Some(after) = self.rest.strip_prefix('@') else { break };
            let (name, rest) = word(after);
            captures.push(name);
            self.rest = rest;
        }
        is_bare &= captures.len() == 1;
        Some(Some((roots, is_bare.then(|| captures[0]))))
    }

    /// One node, alternation or group; whether it is nothing but kinds.
    fn node(&mut self, roots: &mut Vec<Root<'q>>) -> Option<bool> {
        if let Some(rest) = self.rest.strip_prefix('[') {
            self.rest = rest;
            return self.alternatives(roots);
        }
        if self.rest.starts_with('"') {
            let end = self.rest[1..].find('"')? + 1;
            roots.push((&self.rest[1..end], false));
            self.rest = &self.rest[end + 1..];
            return Some(true);
        }
        self.rest = self.rest.strip_prefix('(')?;
        self.skip();
        if self.rest.starts_with(['(', '[', '"']) {
            return self.group(roots);
        }
        let (kind, rest) = word(self.rest);
        if kind.is_empty() || matches!(kind, "_" | "MISSING" | "ERROR") {
            return None;
        }
        roots.push((kind, true));
        self.rest = rest;
        self.skip();
        let is_bare = self.rest.starts_with(')');
        self.close()?;
        Some(is_bare)
    }

    fn alternatives(&mut self, roots: &mut Vec<Root<'q>>) -> Option<bool> {
        let mut is_bare = true;
        loop {
            self.skip();
            if let Some(rest) = self.rest.strip_prefix(']') {
                self.rest = rest;
                return Some(is_bare);
            }
            if let Some(after) = self.rest.strip_prefix(['@', '?', '*', '+']) {
                is_bare = false; // a capture or a quantifier of one alternative
                self.rest = word(after).1;
            } else {
                is_bare &= self.node(roots)?;
            }
        }
    }

    /// A group is one node with conditions; of several siblings the roots cannot be told.
    fn group(&mut self, roots: &mut Vec<Root<'q>>) -> Option<bool> {
        self.node(roots)?;
        loop {
            self.skip();
            if let Some(rest) = self.rest.strip_prefix(')') {
                self.rest = rest;
                return Some(false);
            }
            if let Some(after) = self.rest.strip_prefix(['@', '?', '*', '+']) {
                self.rest = word(after).1;
            } else if self.rest.starts_with("(#") {
                self.rest = &self.rest[1..];
                self.close()?;
            } else {
                return None;
            }
        }
    }

    /// Past the parenthesis that closes what is open.
    fn close(&mut self) -> Option<()> {
        let mut depth = 1;
        while depth > 0 {
            self.skip();
            let first = self.rest.chars().next()?;
            self.rest = &self.rest[first.len_utf8()..];
            match first {
                '(' => depth += 1,
                ')' => depth -= 1,
                '"' => self.string()?,
                _ => {}
            }
        }
        Some(())
    }

    /// Past the quotation mark that ends a string.
    fn string(&mut self) -> Option<()> {
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

    /// Past white space and comments.
    fn skip(&mut self) {
        loop {
            self.rest = self.rest.trim_start();
            match self.rest.strip_prefix(';') {
                Some(comment) => self.rest = comment.split_once('\n').map_or("", |(_, rest)| rest),
                None => return,
            }
        }
    }
}

/// The word at the start, and what follows it.
fn word(text: &str) -> (&str, &str) {
    let end = text.find(|c: char| !c.is_ascii_alphanumeric() && !matches!(c, '_' | '-' | '.' | '/'));
    text.split_at(end.unwrap_or(text.len()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::language;

    fn roots(source: &str) -> Option<Vec<(Vec<&str>, Option<&str>)>> {
        let mut reader = Reader { rest: source };
        let mut found = Vec::new();
        while let Some((kinds, plain)) = reader.pattern()? {
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
    fn every_query_s_roots_can_be_told() {
        for row in language::all() {
            let Some(grammar) = row.grammar.as_deref() else { continue };
            assert!(grammar.query().is_ok_and(|compiled| compiled.roots.is_some()), "{}", row.name);
        }
    }
}
