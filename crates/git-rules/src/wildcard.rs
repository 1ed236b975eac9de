//! Wildcards of git's ignore patterns, with exactly git's meaning.
//!
//! A wildcard is compiled to tokens once. Matching never recurses and takes at most polynomial time, whatever the
//! pattern: git's own function and the crate `gix-glob` take exponential time for `**/**/**/…`. Bytes are compared, not
//! characters, as in git.

/// A compiled wildcard.
#[derive(Debug)]
pub struct Wildcard {
    tokens: Box<[GlobToken]>,
    /// Whether upper and lower case of ASCII letters are equal.
    fold_case: bool,
}

#[derive(Debug, PartialEq, Eq)]
enum GlobToken {
    /// Exactly this byte.
    Byte(u8),
    /// Any byte but `/`: `?`.
    Any,
    /// One of the bytes of a class, which never contains `/`: `[a-c]`.
    Class(Box<ByteSet>),
    /// Any number of bytes but `/`: `*`.
    Star,
    /// Any number of any bytes: `**` at the end, or before an escaped `/`.
    Anything,
    /// Any number of whole folders: `**/`.
    Folders,
    /// Nothing. A malformed class or a trailing backslash never matches.
    Never,
}

impl GlobToken {
    /// Returns whether the token stands for exactly one byte.
    fn is_single(&self) -> bool {
        matches!(self, Self::Byte(_) | Self::Any | Self::Class(_))
    }
}

impl Wildcard {
    /// Compiles a pattern, or its rest after a literal prefix that was compared already.
    ///
    /// Git takes `**` at the start of such a rest for one that follows a `/`, so `a**/b` matches `ax/y/b`.
    pub fn compile(pattern: &[u8], fold_case: bool) -> Self {
        let mut tokens = Vec::new();
        let mut at = 0;
        while let Some(&byte) = pattern.get(at) {
            let (token, length) = match byte {
                b'\\' => match pattern.get(at + 1) {
                    Some(escaped) => (GlobToken::Byte(*escaped), 2),
                    None => (GlobToken::Never, 1),
                },
                b'?' => (GlobToken::Any, 1),
                b'*' => compile_stars(pattern, at),
                b'[' => ByteSet::parse(&pattern[at + 1..], fold_case)
                    .map_or((GlobToken::Never, 1), |(set, length)| (GlobToken::Class(Box::new(set)), length + 1)),
                _ if fold_case => (GlobToken::Byte(byte.to_ascii_lowercase()), 1),
                _ => (GlobToken::Byte(byte), 1),
            };
            let is_never = token == GlobToken::Never;
            tokens.push(token);
            at += length;
            if is_never {
                break;
            }
        }
        Self { tokens: tokens.into(), fold_case }
    }

    /// Returns whether the wildcard matches the whole text.
    pub fn matches_text(&self, text: &[u8]) -> bool {
        // Most patterns end with a literal, and most names with another one.
        let mut tail = self.tokens.iter().rev().take_while(|token| token.is_single()).zip(text.iter().rev());
        tail.all(|(token, byte)| self.matches_byte(token, *byte)) && self.matches_tokens(text)
    }

    /// Matches the tokens one after the other.
    ///
    /// When a token does not match, the last star before it takes one more byte. Stars before that one need not be
    /// tried again: the last one can take any text that they could leave to it. A [`GlobToken::Star`] cannot take a
    /// `/`; instead, the last token before it that can takes more.
    fn matches_tokens(&self, text: &[u8]) -> bool {
        let (mut token, mut at) = (0, 0);
        // The token after a star, and the position in the text up to which the star goes.
        let (mut star, mut deep) = (None, None);
        loop {
            match self.tokens.get(token) {
                Some(GlobToken::Star) => {
                    token += 1;
                    star = Some((token, at));
                    continue;
                }
                Some(GlobToken::Anything | GlobToken::Folders) => {
                    token += 1;
                    (star, deep) = (None, Some((token, at)));
                    continue;
                }
                None if at == text.len() => return true,
                Some(single) if text.get(at).is_some_and(|byte| self.matches_byte(single, *byte)) => {
                    (token, at) = (token + 1, at + 1);
                    continue;
                }
                _ => {}
            }
            if let Some((next, from)) = star
                && text.get(from).is_some_and(|byte| *byte != b'/')
            {
                star = Some((next, from + 1));
                (token, at) = (next, from + 1);
            } else if let Some((next, from)) = deep
                && let Some(length) = self.step_of(next - 1, &text[from..])
            {
                (star, deep) = (None, Some((next, from + length)));
                (token, at) = (next, from + length);
            } else {
                return false;
            }
        }
    }

    fn matches_byte(&self, token: &GlobToken, byte: u8) -> bool {
        let byte = if self.fold_case { byte.to_ascii_lowercase() } else { byte };
        match token {
            GlobToken::Byte(own) => *own == byte,
            GlobToken::Any => byte != b'/',
            GlobToken::Class(set) => set.contains(byte),
            GlobToken::Star | GlobToken::Anything | GlobToken::Folders | GlobToken::Never => false,
        }
    }

    /// Returns the number of bytes that the token takes next from the text: one byte or a folder; `None` if it takes no
    /// more.
    fn step_of(&self, token: usize, text: &[u8]) -> Option<usize> {
        match self.tokens.get(token) {
            Some(GlobToken::Folders) => memchr::memchr(b'/', text).map(|end| end + 1),
            _ => (!text.is_empty()).then_some(1),
        }
    }
}

/// Compiles the stars that begin at `at`. Returns the token, and the number of bytes of the pattern that it stands for.
fn compile_stars(pattern: &[u8], at: usize) -> (GlobToken, usize) {
    let count = pattern[at..].iter().take_while(|byte| **byte == b'*').count();
    let follows_slash = at == 0 || pattern[at - 1] == b'/';
    match &pattern[at + count..] {
        _ if count < 2 || !follows_slash => (GlobToken::Star, count),
        [b'/', ..] => (GlobToken::Folders, count + 1),
        [] | [b'\\', b'/', ..] => (GlobToken::Anything, count),
        _ => (GlobToken::Star, count),
    }
}

/// A set of bytes.
#[derive(Debug, Default, PartialEq, Eq)]
struct ByteSet([u64; 4]);

impl ByteSet {
    fn contains(&self, byte: u8) -> bool {
        self.0[usize::from(byte >> 6)] & (1 << (byte & 63)) != 0
    }

    fn insert(&mut self, byte: u8) {
        self.0[usize::from(byte >> 6)] |= 1 << (byte & 63);
    }

    fn insert_all(&mut self, is_in: impl Fn(u8) -> bool) {
        (0..=u8::MAX).filter(|byte| is_in(*byte)).for_each(|byte| self.insert(byte));
    }

    /// Parses a class after its `[`. Returns the set and the length up to and with the `]`; `None` if it is malformed.
    ///
    /// With `fold_case`, the set is for lower-case bytes. Git then compares ranges and `[:upper:]` with both cases, but
    /// single bytes as they are.
    fn parse(text: &[u8], fold_case: bool) -> Option<(Self, usize)> {
        let mut set = Self::default();
        let is_negated = matches!(text.first(), Some(b'!' | b'^'));
        let mut at = usize::from(is_negated);
        // The byte that a `-` would start a range from.
        let mut from: Option<u8> = None;
        loop {
            let byte = *text.get(at)?;
            from = match byte {
                b'\\' => {
                    at += 1;
                    let escaped = *text.get(at)?;
                    set.insert(escaped);
                    Some(escaped)
                }
                b'-' if from.is_some() && text.get(at + 1).is_some_and(|next| *next != b']') => {
                    at += 1;
                    if text[at] == b'\\' {
                        at += 1;
                    }
                    let (first, last) = (from?, *text.get(at)?);
                    let is_between = |byte: u8| (first..=last).contains(&byte);
                    set.insert_all(|byte| {
                        is_between(byte)
                            || (fold_case && byte.is_ascii_lowercase() && is_between(byte.to_ascii_uppercase()))
                    });
                    None
                }
                b'[' if text.get(at + 1) == Some(&b':') => {
                    let name = &text[at + 2..];
                    let end = memchr::memchr(b']', name)?;
                    match name[..end].strip_suffix(b":") {
                        Some(name) => {
                            let is_in = named_class(name, fold_case)?;
                            set.insert_all(is_in);
                            at += 2 + end;
                            None
                        }
                        None => {
                            set.insert(b'[');
                            Some(b'[')
                        }
                    }
                }
                other => {
                    set.insert(other);
                    Some(other)
                }
            };
            at += 1;
            if text.get(at) == Some(&b']') {
                break;
            }
        }
        if is_negated {
            set.0 = set.0.map(|bits| !bits);
        }
        // A class never matches a slash.
        set.0[usize::from(b'/' >> 6)] &= !(1 << (b'/' & 63));
        Some((set, at + 1))
    }
}

/// Returns the test of a named class such as `alpha`; `None` if there is no such class.
fn named_class(name: &[u8], fold_case: bool) -> Option<fn(u8) -> bool> {
    Some(match name {
        b"alnum" => |byte| byte.is_ascii_alphanumeric(),
        b"alpha" => |byte| byte.is_ascii_alphabetic(),
        b"blank" => |byte| byte == b' ' || byte == b'\t',
        b"cntrl" => |byte| byte.is_ascii_control(),
        b"digit" => |byte| byte.is_ascii_digit(),
        b"graph" => |byte| byte.is_ascii_graphic(),
        b"lower" => |byte| byte.is_ascii_lowercase(),
        b"print" => |byte| byte == b' ' || byte.is_ascii_graphic(),
        b"punct" => |byte| byte.is_ascii_punctuation(),
        b"space" => |byte| matches!(byte, b' ' | b'\t' | b'\n' | b'\r'),
        b"upper" if fold_case => |byte| byte.is_ascii_alphabetic(),
        b"upper" => |byte| byte.is_ascii_uppercase(),
        b"xdigit" => |byte| byte.is_ascii_hexdigit(),
        _ => return None,
    })
}
