//! Splits Rust source text into tokens. Comments, lifetimes and the contents of literals are left out.

/// A token of Rust source text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    pub kind: TokenKind,
    /// The line of the token, counted from 1.
    pub line: usize,
}

/// The kind of a token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TokenKind {
    /// An identifier or a keyword. A raw identifier has no `r#`.
    Word(String),
    /// `::`
    PathSeparator,
    /// One character of punctuation.
    Symbol(char),
    /// A number, a character or a string.
    Literal,
}

impl Token {
    /// Returns the text of an identifier or keyword.
    pub fn word(&self) -> Option<&str> {
        match &self.kind {
            TokenKind::Word(word) => Some(word),
            _ => None,
        }
    }

    /// Returns whether the token is this identifier or keyword.
    pub fn is_word(&self, word: &str) -> bool {
        self.word() == Some(word)
    }

    /// Returns whether the token is this punctuation character.
    pub fn is_symbol(&self, symbol: char) -> bool {
        self.kind == TokenKind::Symbol(symbol)
    }
}

/// Splits source text into tokens.
pub fn tokenize(text: &str) -> Vec<Token> {
    Lexer { chars: text.chars().collect(), at: 0, line: 1, tokens: Vec::new() }.run()
}

/// Returns the index of the bracket that closes the one at `open`, or the number of tokens if none does.
pub fn find_closing(tokens: &[Token], open: usize) -> usize {
    let mut depth = 0_usize;
    for (at, token) in tokens.iter().enumerate().skip(open) {
        match token.kind {
            TokenKind::Symbol('(' | '[' | '{') => depth += 1,
            TokenKind::Symbol(')' | ']' | '}') => {
                depth = depth.saturating_sub(1);
                if depth == 0 {
                    return at;
                }
            }
            _ => {}
        }
    }
    tokens.len()
}

struct Lexer {
    chars: Vec<char>,
    at: usize,
    line: usize,
    tokens: Vec<Token>,
}

impl Lexer {
    fn run(mut self) -> Vec<Token> {
        while let Some(current) = self.peek(0) {
            match current {
                '/' if self.peek(1) == Some('/') => self.skip_while(|c| c != '\n'),
                '/' if self.peek(1) == Some('*') => self.skip_block_comment(),
                '"' => self.read_string(),
                '\'' => self.read_quote(),
                c if c.is_ascii_digit() => self.read_number(),
                c if c.is_alphabetic() || c == '_' => self.read_word(),
                ':' if self.peek(1) == Some(':') => {
                    self.push(TokenKind::PathSeparator);
                    self.advance(2);
                }
                c if c.is_whitespace() => self.advance(1),
                c => {
                    self.push(TokenKind::Symbol(c));
                    self.advance(1);
                }
            }
        }
        self.tokens
    }

    fn peek(&self, ahead: usize) -> Option<char> {
        self.chars.get(self.at + ahead).copied()
    }

    fn advance(&mut self, count: usize) {
        let end = (self.at + count).min(self.chars.len());
        self.line += self.chars[self.at..end].iter().filter(|c| **c == '\n').count();
        self.at = end;
    }

    fn skip_while(&mut self, condition: impl Fn(char) -> bool) {
        while self.peek(0).is_some_and(&condition) {
            self.advance(1);
        }
    }

    fn push(&mut self, kind: TokenKind) {
        self.tokens.push(Token { kind, line: self.line });
    }

    fn skip_block_comment(&mut self) {
        let mut depth = 0_usize;
        while let Some(current) = self.peek(0) {
            match (current, self.peek(1)) {
                ('/', Some('*')) => depth += 1,
                ('*', Some('/')) => depth -= 1,
                _ => {
                    self.advance(1);
                    continue;
                }
            }
            self.advance(2);
            if depth == 0 {
                return;
            }
        }
    }

    /// Reads a string with escapes, from its first quote.
    fn read_string(&mut self) {
        self.push(TokenKind::Literal);
        self.advance(1);
        while let Some(current) = self.peek(0) {
            self.advance(if current == '\\' { 2 } else { 1 });
            if current == '"' {
                return;
            }
        }
    }

    /// Reads a raw string from the `#` or quote after its prefix.
    fn read_raw_string(&mut self) {
        self.push(TokenKind::Literal);
        let hashes = self.chars[self.at..].iter().take_while(|c| **c == '#').count();
        self.advance(hashes + 1);
        while let Some(current) = self.peek(0) {
            self.advance(1);
            if current == '"' && (0..hashes).all(|ahead| self.peek(ahead) == Some('#')) {
                return self.advance(hashes);
            }
        }
    }

    /// Reads a character, or skips a lifetime.
    fn read_quote(&mut self) {
        if self.peek(1) == Some('\\') {
            self.push(TokenKind::Literal);
            self.advance(3);
            self.skip_while(|c| c != '\'');
            self.advance(1);
        } else if self.peek(2) == Some('\'') {
            self.push(TokenKind::Literal);
            self.advance(3);
        } else {
            self.advance(1);
            self.skip_while(|c| c.is_alphanumeric() || c == '_');
        }
    }

    fn read_number(&mut self) {
        self.push(TokenKind::Literal);
        self.skip_while(|c| c.is_alphanumeric() || c == '_');
        if self.peek(0) == Some('.') && self.peek(1).is_some_and(|c| c.is_ascii_digit()) {
            self.advance(1);
            self.skip_while(|c| c.is_alphanumeric() || c == '_');
        }
    }

    fn read_word(&mut self) {
        let rest = &self.chars[self.at..];
        let length = rest.iter().take_while(|c| c.is_alphanumeric() || **c == '_').count();
        let word: String = rest[..length].iter().collect();
        let after_hashes = rest[length..].iter().find(|c| **c != '#').copied();
        let next = rest.get(length).copied();
        match (word.as_str(), next) {
            ("r" | "br" | "cr", Some('#' | '"')) if after_hashes == Some('"') => {
                self.advance(length);
                self.read_raw_string();
            }
            ("r", Some('#')) => self.advance(2),
            ("b" | "c", Some('"')) => {
                self.advance(length);
                self.read_string();
            }
            ("b", Some('\'')) => {
                self.advance(length);
                self.read_quote();
            }
            _ => {
                self.push(TokenKind::Word(word));
                self.advance(length);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<String> {
        tokenize(text).iter().filter_map(|token| token.word().map(str::to_owned)).collect()
    }

    #[test]
    fn comments_and_literals_have_no_words() {
        let text =
            "/* a /* b */ c */ d // e\n\"f \\\" g\" r#\"h \" i\"# b\"j\" br\"k\" c\"l\" b'm' 'n' '\\'' '\\u{6f}' 1e3 o";
        assert_eq!(words(text), ["d", "o"]);
    }

    #[test]
    fn lifetimes_are_no_characters() {
        assert_eq!(words("fn a<'b>(c: &'b d) -> &'static e { 'f' }"), ["fn", "a", "c", "d", "e"]);
        assert_eq!(words("r#type r"), ["type", "r"]);
    }

    #[test]
    fn tokens_know_their_lines() {
        let tokens = tokenize("a\n\"b\nc\"\nd::e");
        let lines: Vec<usize> = tokens.iter().map(|token| token.line).collect();
        assert_eq!(lines, [1, 2, 4, 4, 4]);
        assert_eq!(tokens[3].kind, TokenKind::PathSeparator);
    }
}
