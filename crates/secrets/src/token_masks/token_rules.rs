//! The rules by which tokens are found in texts: the file `rules.toml` and the checks that it names.

use std::sync::OnceLock;

use aho_corasick::{AhoCorasick, AhoCorasickBuilder, AhoCorasickKind};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use regex::Regex;
use toml_edit::{DocumentMut, Item, Table};

/// The rules by which tokens are found, in the format of gitleaks.
const RULES: &str = include_str!("../rules.toml");

/// The rules, and the keywords by which a text is searched for them.
pub(super) struct TokenRules {
    pub rules: Vec<TokenRule>,
    pub keywords: AhoCorasick,
    /// Numbers of the rules of each keyword.
    rules_of_keyword: Vec<Vec<usize>>,
    allowed: Allowlist,
}

/// A form of a credential.
pub(super) struct TokenRule {
    pub id: String,
    pattern: LazyRegex,
    /// Group of the pattern that is the secret. If it takes no part in a match, the next group that does is the secret.
    secret_group: usize,
    /// The paths of files that the rule is for; `None` for every file.
    path: Option<LazyRegex>,
    check: Check,
    /// Minimum entropy of the secret, in bits per byte; see [`entropy_bits`].
    min_entropy: f64,
    allowed: Allowlist,
}

/// Texts that have the form of a credential but are not one.
#[derive(Default)]
struct Allowlist {
    patterns: Vec<LazyRegex>,
    /// A match that contains one of these is not a credential. Case-sensitive.
    stopwords: Vec<String>,
}

/// A test that a secret must pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Check {
    None,
    /// The secret has a digit, an upper-case and a lower-case letter, and at least eight different characters.
    Random,
    /// The secret has a digit and a letter, or letters of both cases, and at least six different characters.
    Varied,
    /// A quarter to three quarters of the secret's characters are upper-case letters, as in random text.
    MixedCase,
    /// The secret's first part is the header of a JSON Web Token.
    JsonWebToken,
    /// The secret is not a placeholder for a password.
    UrlPassword,
}

/// A regular expression that is compiled when it is first needed.
struct LazyRegex {
    text: String,
    compiled: OnceLock<Regex>,
}

impl LazyRegex {
    fn new(text: &str) -> Self {
        Self { text: text.to_owned(), compiled: OnceLock::new() }
    }

    fn get(&self) -> &Regex {
        self.compiled.get_or_init(|| Regex::new(&self.text).expect("the expressions are tested"))
    }
}

impl TokenRules {
    /// Returns the rules, which are read once.
    pub fn get() -> &'static Self {
        static READ: OnceLock<TokenRules> = OnceLock::new();
        READ.get_or_init(|| Self::parse(RULES))
    }

    fn parse(text: &'static str) -> Self {
        let document: DocumentMut = text.parse().expect("the file of rules is tested");
        let (mut rules, mut keywords) = (Vec::new(), Vec::<String>::new());
        let mut rules_of_keyword: Vec<Vec<usize>> = Vec::new();
        let tables = document.get("rules").and_then(Item::as_array_of_tables);
        for (number, table) in tables.into_iter().flatten().enumerate() {
            for keyword in texts(table, "keywords") {
                let keyword = keyword.to_ascii_lowercase();
                match keywords.iter().position(|known| *known == keyword) {
                    Some(at) => rules_of_keyword[at].push(number),
                    None => {
                        keywords.push(keyword);
                        rules_of_keyword.push(vec![number]);
                    }
                }
            }
            rules.push(TokenRule::parse(table));
        }
        let allowed = document.get("allowlist").and_then(Item::as_table).map(Allowlist::parse).unwrap_or_default();
        let keywords =
            AhoCorasickBuilder::new().kind(Some(AhoCorasickKind::DFA)).ascii_case_insensitive(true).build(&keywords);
        Self { rules, keywords: keywords.expect("a few short keywords"), rules_of_keyword, allowed }
    }

    /// Returns the numbers of the rules that have the keyword with this number.
    pub fn of_keyword(&self, keyword: usize) -> &[usize] {
        &self.rules_of_keyword[keyword]
    }

    /// Returns the secrets that `rule` finds in a part of a file, as byte ranges of the part.
    pub fn find_secrets<'t>(
        &'t self,
        rule: &'t TokenRule,
        text: &'t str,
    ) -> impl Iterator<Item = std::ops::Range<usize>> + 't {
        rule.pattern.get().captures_iter(text).filter_map(move |captures| {
            let secret = (rule.secret_group..captures.len()).find_map(|group| captures.get(group))?;
            let whole = captures.get(0)?.as_str();
            rule.accepts(whole, secret.as_str(), &self.allowed).then(|| secret.range())
        })
    }
}

impl TokenRule {
    fn parse(table: &Table) -> Self {
        let text = |key: &str| table.get(key).and_then(Item::as_str);
        let mut allowed = Allowlist::default();
        for list in table.get("allowlists").and_then(Item::as_array_of_tables).into_iter().flatten() {
            allowed.add(list);
        }
        Self {
            id: text("id").unwrap_or_default().to_owned(),
            pattern: LazyRegex::new(text("regex").unwrap_or_default()),
            secret_group: table.get("secretGroup").and_then(Item::as_integer).map_or(1, |group| group as usize),
            path: text("path").map(LazyRegex::new),
            check: text("check").map_or(Check::None, Check::parse),
            min_entropy: table.get("entropy").and_then(Item::as_float).unwrap_or(0.0),
            allowed,
        }
    }

    /// Returns whether the rule applies to the file at `path`.
    pub fn is_for(&self, path: &str) -> bool {
        self.path.as_ref().is_none_or(|pattern| pattern.get().is_match(path))
    }

    /// Returns whether a match is a secret: `whole` is all of it, `secret` the part to mask.
    fn accepts(&self, whole: &str, secret: &str, allowed: &Allowlist) -> bool {
        let is_allowed = allowed.has(whole, secret) || self.allowed.has(whole, secret);
        !is_allowed && entropy_bits(secret) >= self.min_entropy && self.check.accepts(whole, secret)
    }
}

impl Allowlist {
    fn parse(table: &Table) -> Self {
        let mut list = Self::default();
        list.add(table);
        list
    }

    fn add(&mut self, table: &Table) {
        self.patterns.extend(texts(table, "regexes").map(LazyRegex::new));
        self.stopwords.extend(texts(table, "stopwords").map(str::to_owned));
    }

    fn has(&self, whole: &str, secret: &str) -> bool {
        self.stopwords.iter().any(|word| whole.contains(word.as_str()))
            || self.patterns.iter().any(|pattern| pattern.get().is_match(secret))
    }
}

impl Check {
    fn parse(name: &str) -> Self {
        match name {
            "random" => Self::Random,
            "varied" => Self::Varied,
            "mixed-case" => Self::MixedCase,
            "json-web-token" => Self::JsonWebToken,
            "url-password" => Self::UrlPassword,
            other => unreachable!("the file of rules is tested and has no check {other}"),
        }
    }

    fn accepts(self, whole: &str, secret: &str) -> bool {
        let has = |is: fn(&u8) -> bool| secret.as_bytes().iter().any(is);
        let (digit, upper, lower) = (has(u8::is_ascii_digit), has(u8::is_ascii_uppercase), has(u8::is_ascii_lowercase));
        match self {
            Self::None => true,
            Self::Random => digit && upper && lower && count_distinct(secret) >= 8,
            Self::Varied => {
                [digit, upper, lower].into_iter().filter(|has| *has).count() >= 2 && count_distinct(secret) >= 6
            }
            // A name in camel case has an upper-case letter for every few lower-case ones; random text has as many.
            Self::MixedCase => {
                let uppers = secret.bytes().filter(u8::is_ascii_uppercase).count();
                (secret.len() / 4..=secret.len() * 3 / 4).contains(&uppers)
            }
            Self::JsonWebToken => has_token_header(secret),
            Self::UrlPassword => is_url_password(whole, secret),
        }
    }
}

/// Returns whether the first part of a JSON Web Token says how it is signed.
fn has_token_header(token: &str) -> bool {
    let header = token.split('.').next().unwrap_or_default();
    let decoded = URL_SAFE_NO_PAD.decode(header).unwrap_or_default();
    serde_json::from_slice::<serde_json::Value>(&decoded).is_ok_and(|header| header.get("alg").is_some())
}

/// Placeholders for passwords in documentation and tests, in lower case.
const PLACEHOLDERS: &[&str] = &[
    "password",
    "passwd",
    "passwort",
    "pass",
    "passw",
    "pwd",
    "pw",
    "psw",
    "secret",
    "user",
    "username",
    "usr",
    "name",
    "admin",
    "root",
    "guest",
    "test",
    "testing",
    "foo",
    "bar",
    "baz",
    "abc",
    "123",
    "1234",
    "12345",
    "123456",
    "changeme",
    "change_me",
    "example",
    "token",
    "key",
    "apikey",
    "api_key",
    "api-key",
    "credentials",
    "postgres",
    "mysql",
    "redis",
    "mongo",
    "login",
    "auth",
    "dummy",
    "fake",
    "null",
    "none",
    "port",
    "host",
    "x-oauth-basic",
    "anonymous",
];

/// Returns whether the password of a URL is not a placeholder. `whole` is the URL up to the host.
fn is_url_password(whole: &str, password: &str) -> bool {
    let user = whole.split("://").nth(1).and_then(|rest| rest.split(':').next()).unwrap_or_default();
    let lower = password.to_lowercase();
    let is_placeholder = lower.contains(['{', '}', '$', '*', '[', ']', '!', '&'])
        || lower.contains("%s")
        || lower.contains("...")
        || ["your", "my", "the", "some", "new"].iter().any(|start| {
            let rest = lower.strip_prefix(start).map(|rest| rest.trim_start_matches(['-', '_']));
            rest.is_some_and(|rest| PLACEHOLDERS.contains(&rest))
        })
        || PLACEHOLDERS.contains(&lower.as_str())
        || lower == user.to_lowercase()
        || user.eq_ignore_ascii_case("anonymous")
        || count_distinct(&lower) < 3;
    !is_placeholder
}

/// Returns the Shannon entropy of the distribution of a text's bytes, in bits per byte; 0 for an empty text.
fn entropy_bits(text: &str) -> f64 {
    let mut counts = [0_u32; 256];
    text.bytes().for_each(|byte| counts[usize::from(byte)] += 1);
    let total = text.len() as f64;
    let share = |count: &u32| f64::from(*count) / total;
    counts.iter().filter(|count| **count > 0).map(share).map(|share| -share * share.log2()).sum()
}

fn count_distinct(text: &str) -> usize {
    let mut seen = [false; 256];
    text.bytes().for_each(|byte| seen[usize::from(byte)] = true);
    seen.into_iter().filter(|seen| *seen).count()
}

fn texts<'t>(table: &'t Table, key: &str) -> impl Iterator<Item = &'t str> {
    table.get(key).and_then(Item::as_array).into_iter().flatten().filter_map(|value| value.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_rule_has_an_id_keywords_and_an_expression_with_a_group() {
        let rules = TokenRules::get();
        let mut ids: Vec<&str> = rules.rules.iter().map(|rule| rule.id.as_str()).collect();
        ids.sort_unstable();
        assert!(ids.windows(2).all(|pair| pair[0] != pair[1] && !pair[0].is_empty()), "{ids:?}");
        for (number, rule) in rules.rules.iter().enumerate() {
            assert!(rule.pattern.get().captures_len() > rule.secret_group, "{}", rule.id);
            assert!(rules.rules_of_keyword.iter().any(|of| of.contains(&number)), "{}", rule.id);
            rule.path.iter().for_each(|path| _ = path.get());
            rule.allowed.patterns.iter().for_each(|pattern| _ = pattern.get());
        }
        rules.allowed.patterns.iter().for_each(|pattern| _ = pattern.get());
    }

    #[test]
    fn entropy_is_measured_in_bits() {
        assert!((entropy_bits("abcdabcd") - 2.0).abs() < 1e-9 && entropy_bits("aaaa").abs() < 1e-9);
    }
}
