//! The places and names that a call of `read_code` gives, in the forms in which the tools print them.

use answer::place::shown_kind_word;
use engine::ReadRequest;

use crate::call::values::split_line_suffix;

/// Code to read: a request to the engine, and the part of the arguments that it comes from, for messages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReadTarget {
    pub given: String,
    pub request: ReadRequest,
}

/// The arguments of a call.
#[derive(Clone, Debug, Default)]
pub struct GivenTargets {
    pub paths: Vec<String>,
    pub symbols: Vec<String>,
    pub lines: Vec<(u32, u32)>,
    pub context_lines: u32,
}

impl GivenTargets {
    /// Returns the code to read: paths, then symbols, each in the order given. `is_file` tells whether a path is that
    /// of a file.
    ///
    /// # Errors
    /// A message when there is nothing to read, or when lines are given together with symbols, with several paths or
    /// with none.
    pub fn to_targets(&self, is_file: &dyn Fn(&str) -> bool) -> Result<Vec<ReadTarget>, String> {
        let target = |given: &str, request: ReadRequest| ReadTarget {
            given: given.to_owned(),
            request: ReadRequest { context_lines: self.context_lines, ..request },
        };
        let paths: Vec<(String, Option<(u32, u32)>)> = self.paths.iter().map(|path| split_line_suffix(path)).collect();
        if !self.symbols.is_empty() && !self.lines.is_empty() {
            return Err("give either symbols or lines, not both".to_owned());
        }
        if !self.lines.is_empty() {
            let [(path, _)] = paths.as_slice() else {
                return Err("lines need one path; for several files give each path as src/a.rs:10-40".to_owned());
            };
            let of_lines = |lines: &(u32, u32)| {
                let given = format!("{path}:{}-{}", lines.0, lines.1);
                target(&given, ReadRequest { path: Some(path.clone()), lines: Some(*lines), ..ReadRequest::default() })
            };
            return Ok(self.lines.iter().map(of_lines).collect());
        }
        if let [(path, _)] = paths.as_slice()
            && !self.symbols.is_empty()
        {
            let in_path = |symbol: &String| {
                let request = match parse_target(symbol, is_file) {
                    request if request.path.is_some() => request,
                    request => ReadRequest { path: Some(path.clone()), ..request },
                };
                target(symbol, request)
            };
            return Ok(self.symbols.iter().map(in_path).collect());
        }
        let mut targets: Vec<ReadTarget> = Vec::new();
        for (path, lines) in paths {
            let request = ReadRequest { path: Some(path.clone()), lines, ..ReadRequest::default() };
            targets.push(target(&path, request));
        }
        targets.extend(self.symbols.iter().map(|symbol| target(symbol, parse_target(symbol, is_file))));
        if targets.is_empty() {
            return Err("give a symbol, or a path with lines like \"10-40\"".to_owned());
        }
        Ok(targets)
    }
}

/// Parses a name or a place as a tool prints it: `Config.load`, `src/a.rs:10-40`, `src/a.rs:12`,
/// `src/a.rs Config.load`, `src/a.rs:10-40 method Config.load(path)`, `method Config.load`, or a file.
fn parse_target(text: &str, is_file: &dyn Fn(&str) -> bool) -> ReadRequest {
    let text = text.trim();
    let (first, rest) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
    let (path, lines) = split_line_suffix(first.trim_end_matches([',', ':']));
    if lines.is_some() && (path.contains(['/', '.']) || is_file(&path)) {
        return ReadRequest { path: Some(path), lines, ..ReadRequest::default() };
    }
    if is_file(&path) {
        let symbol = Some(strip_to_name(rest)).filter(|name| !name.is_empty());
        return ReadRequest { path: Some(path), symbol, ..ReadRequest::default() };
    }
    ReadRequest { symbol: Some(strip_to_name(text)), ..ReadRequest::default() }
}

/// Returns the name in a text such as `method Config.load(path: &Path): 14 open(path)`: without the kind before it, and
/// without its parameters and the text after these.
fn strip_to_name(text: &str) -> String {
    let text = text.trim();
    let text = match text.split_once(' ') {
        Some((kind, rest)) if shown_kind_word(kind) => rest.trim_start(),
        _ => text,
    };
    let end = text.find('(').filter(|at| *at > 0).into_iter().chain(text.find(": ")).min();
    text[..end.unwrap_or(text.len())].trim_end_matches(':').trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_file(path: &str) -> bool {
        ["src/a.rs", "Makefile"].contains(&path)
    }

    /// Returns the requests as `path lines symbol`, with `-` for an absent part.
    fn targets(paths: &[&str], symbols: &[&str], lines: &[(u32, u32)]) -> Result<Vec<String>, String> {
        let owned = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
        let given =
            GivenTargets { paths: owned(paths), symbols: owned(symbols), lines: lines.to_vec(), context_lines: 0 };
        let show = |target: ReadTarget| {
            let ReadRequest { path, lines, symbol, .. } = target.request;
            let dash = || "-".to_owned();
            let lines = lines.map_or_else(dash, |(first, last)| format!("{first}-{last}"));
            format!("{} {lines} {}", path.unwrap_or_else(dash), symbol.unwrap_or_else(dash))
        };
        given.to_targets(&is_file).map(|targets| targets.into_iter().map(show).collect())
    }

    #[test]
    fn names_and_places_are_read_as_other_tools_print_them() {
        for (text, wanted) in [
            ("Config.load", "- - Config.load"),
            ("Config::load", "- - Config::load"),
            ("src/a.rs:10-40", "src/a.rs 10-40 -"),
            ("src/a.rs:12", "src/a.rs 12-12 -"),
            ("src/a.rs:12:5", "src/a.rs 12-12 -"),
            ("src/a.rs#L3-L9", "src/a.rs 3-9 -"),
            ("src\\a.rs:12", "src/a.rs 12-12 -"),
            ("src/a.rs:10-40 method Config.load(path: &Path): 14 open(path)", "src/a.rs 10-40 -"),
            ("src/a.rs Config.load", "src/a.rs - Config.load"),
            ("src/a.rs method Config.load", "src/a.rs - Config.load"),
            ("src/a.rs", "src/a.rs - -"),
            ("Makefile", "Makefile - -"),
            ("method Config.load", "- - Config.load"),
            ("fn load(path: &Path) -> Config", "- - load"),
            ("Store.get: public List<String> get(int n)", "- - Store.get"),
            ("(*Store).Open", "- - (*Store).Open"),
        ] {
            assert_eq!(targets(&[], &[text], &[]), Ok(vec![wanted.to_owned()]), "{text}");
        }
    }

    #[test]
    fn several_are_read_at_once() {
        let paths = targets(&["src/a.rs:1-5", "b.py"], &["load", "b.rs:7"], &[]);
        assert_eq!(paths.expect("four"), ["src/a.rs 1-5 -", "b.py - -", "- - load", "b.rs 7-7 -"]);
        let lines = targets(&["src/a.rs"], &[], &[(1, 5), (8, 8)]);
        assert_eq!(lines.expect("two"), ["src/a.rs 1-5 -", "src/a.rs 8-8 -"]);
        let symbols = targets(&["src/a.rs"], &["load", "b.rs:7"], &[]);
        assert_eq!(symbols.expect("two"), ["src/a.rs - load", "b.rs 7-7 -"]);
        for (paths, symbols, lines, wanted) in [
            (&[][..], &[][..], &[][..], "give a symbol"),
            (&["a", "b"][..], &[][..], &[(1, 2)][..], "one path"),
            (&["a"][..], &["b"][..], &[(1, 2)][..], "not both"),
        ] {
            assert!(targets(paths, symbols, lines).expect_err("no meaning").contains(wanted), "{wanted}");
        }
    }
}
