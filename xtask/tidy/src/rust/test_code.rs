//! Removes test code from tokens: items under `#[cfg(test)]` or `#[test]`.

use super::tokens::{Token, find_closing};

/// The tokens of a file without its test code.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct ProductionCode {
    pub tokens: Vec<Token>,
    /// The names of the modules that are declared under `#[cfg(test)]`.
    pub test_modules: Vec<String>,
}

/// Removes test code. Nothing is left of a file with `#![cfg(test)]`.
pub fn remove_test_code(tokens: Vec<Token>) -> ProductionCode {
    let mut code = ProductionCode::default();
    let mut at = 0;
    while at < tokens.len() {
        let is_inner = tokens[at].is_symbol('#') && tokens.get(at + 1).is_some_and(|next| next.is_symbol('!'));
        if is_inner && is_test_attribute(&tokens[at + 1..]) {
            return ProductionCode::default();
        }
        if tokens[at].is_symbol('#') && is_test_attribute(&tokens[at..]) {
            let start = skip_attributes(&tokens, at);
            let end = find_item_end(&tokens, start);
            let module = tokens[start..end].iter().position(|token| token.is_word("mod"));
            let is_short = module.is_some_and(|module| module < 5);
            if let Some(name) = module.filter(|_| is_short).and_then(|module| tokens.get(start + module + 1)) {
                code.test_modules.extend(name.word().map(str::to_owned));
            }
            at = end;
        } else {
            code.tokens.push(tokens[at].clone());
            at += 1;
        }
    }
    code
}

/// Returns whether the tokens, from `#` or `!` on, are an attribute that limits an item to tests.
fn is_test_attribute(tokens: &[Token]) -> bool {
    if !tokens.get(1).is_some_and(|token| token.is_symbol('[')) {
        return false;
    }
    let content = &tokens[2..find_closing(tokens, 1)];
    match content {
        [only] => only.is_word("test"),
        [first, ..] if first.is_word("cfg") => {
            let mut at = 1;
            while let Some(token) = content.get(at) {
                // Code under `any(test, …)` or `not(test)` is in the program too.
                if token.is_word("not") || token.is_word("any") {
                    at = find_closing(content, at + 1);
                } else if token.is_word("test") {
                    return true;
                }
                at += 1;
            }
            false
        }
        _ => false,
    }
}

fn skip_attributes(tokens: &[Token], mut at: usize) -> usize {
    while at + 1 < tokens.len() && tokens[at].is_symbol('#') && tokens[at + 1].is_symbol('[') {
        at = (find_closing(tokens, at + 1) + 1).min(tokens.len());
    }
    at
}

/// Returns the index after the item, field or statement that starts at `start`.
fn find_item_end(tokens: &[Token], start: usize) -> usize {
    let introduces = |words: &[&str]| {
        let head = tokens[start..].iter().take(6).take_while(|token| !token.is_symbol('{') && !token.is_symbol(';'));
        head.filter_map(Token::word).any(|word| words.contains(&word))
    };
    let has_body = introduces(&["fn", "mod", "impl", "struct", "enum", "trait", "macro_rules"]);
    let ends_with_semicolon = !has_body && introduces(&["use", "const", "static", "type", "let"]);
    let mut at = start;
    while let Some(token) = tokens.get(at) {
        if token.is_symbol(';') || (token.is_symbol(',') && !has_body && !ends_with_semicolon) {
            return at + 1;
        }
        if token.is_symbol(')') || token.is_symbol(']') || token.is_symbol('}') {
            return at;
        }
        if token.is_symbol('{') || token.is_symbol('(') || token.is_symbol('[') {
            let closing = find_closing(tokens, at);
            if token.is_symbol('{') && !ends_with_semicolon {
                return (closing + 1).min(tokens.len());
            }
            at = closing;
        }
        at += 1;
    }
    tokens.len()
}

#[cfg(test)]
mod tests {
    use super::super::tokens::tokenize;
    use super::*;

    fn remaining(text: &str) -> String {
        let code = remove_test_code(tokenize(text));
        code.tokens.iter().filter_map(Token::word).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn test_items_are_removed() {
        assert_eq!(remaining("fn a() {} #[cfg(test)] mod tests { fn b() {} } fn c() {}"), "fn a fn c");
        assert_eq!(remaining("#[cfg(test)] use a::{b, c}; fn d() {}"), "fn d");
        assert_eq!(remaining("#[cfg(all(test, unix))] #[x] pub(crate) fn a<B, C>(d: [u8; 3]) { e } fn f() {}"), "fn f");
        assert_eq!(remaining("#[test] fn a() { b } fn c() {}"), "fn c");
        assert_eq!(remaining("struct A { #[cfg(test)] b: C<D>, e: F }"), "struct A e F");
        assert_eq!(remaining("#[cfg(test)] const A: B = B { c: 1 }; fn d() {}"), "fn d");
        assert_eq!(remaining("#![cfg(test)] fn a() {}"), "");
    }

    #[test]
    fn code_that_is_also_in_the_program_stays() {
        assert!(remaining("#[cfg(not(test))] fn a() {}").ends_with("fn a"));
        assert!(remaining("#[cfg(any(test, unix))] fn a() {}").ends_with("fn a"));
        assert!(remaining("#[cfg(unix)] fn a() {}").ends_with("fn a"));
    }

    #[test]
    fn test_modules_in_their_own_file_are_named() {
        let code =
            remove_test_code(tokenize("#[cfg(test)]\nmod tests;\n#[cfg(test)]\npub(crate) mod fake;\nmod real;"));
        assert_eq!(code.test_modules, ["tests", "fake"]);
    }
}
