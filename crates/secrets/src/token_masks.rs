//! Masks tokens in texts, so that neither an answer nor the index contains them.

mod token_rules;

use std::ops::Range;

use self::token_rules::TokenRules;
use types::RepoPath;

/// A text by which a file says that it holds no secrets. A file with it is not left out because of the credentials in
/// it, and tokens in the same line are not masked.
pub const ALLOW_MARKER: &str = "codescry:allow-secret";

/// The text in place of a credential.
pub const MASK: &str = "••••";

/// Number of bytes before a keyword in which a credential may begin.
const BEFORE_BYTES: usize = 256;

/// Number of bytes from a keyword on in which a rule looks for credentials. A credential that reaches the end of this
/// window is masked up to its own end.
const WINDOW_BYTES: usize = 4096;

/// Number of bytes at the end of a window in which another keyword opens a window of its own, if the line goes on after
/// the window.
const OVERLAP_BYTES: usize = 1024;

/// A credential that is masked in a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TextMask {
    /// The rule that found the credential, such as `github-token`.
    pub rule: &'static str,
    /// The line of the credential, 1-based.
    pub line: u32,
    /// The position of [`MASK`] in the masked text, in bytes.
    pub start: usize,
}

impl TextMask {
    /// Returns the byte range of the mask in the masked text.
    pub fn range(&self) -> Range<usize> {
        self.start..self.start + MASK.len()
    }
}

/// Replaces the credentials in the text of a file by [`MASK`]. The lines keep their numbers.
pub fn mask_tokens(path: &str, text: String) -> (String, Vec<TextMask>) {
    let found = find_credential_tokens(path, &text);
    if found.is_empty() {
        return (text, Vec::new());
    }
    let mut masked = String::with_capacity(text.len());
    let (mut masks, mut end, mut line) = (Vec::with_capacity(found.len()), 0, 1);
    for (range, rule) in found {
        line += memchr::memchr_iter(b'\n', &text.as_bytes()[end..range.start]).count() as u32;
        masked.push_str(&text[end..range.start]);
        masks.push(TextMask { rule, line, start: masked.len() });
        masked.push_str(MASK);
        end = range.end;
    }
    masked.push_str(&text[end..]);
    (masked, masks)
}

/// Returns the credentials in a text: byte ranges in order that do not overlap, each within one line, and their rules.
/// Leaves out those in lines with [`ALLOW_MARKER`].
pub fn find_credential_tokens(path: &str, text: &str) -> Vec<(Range<usize>, &'static str)> {
    let rules = TokenRules::get();
    // If several rules find a credential at the same start, the first one in `rules.toml` gives its name.
    let mut found: Vec<(Range<usize>, usize)> = Vec::new();
    // The end of the part of the text that each rule has seen.
    let mut seen: Vec<usize> = Vec::new();
    for keyword in rules.keywords.find_overlapping_iter(text) {
        seen.resize(rules.rules.len(), 0);
        for number in rules.of_keyword(keyword.pattern().as_usize()) {
            let rule = &rules.rules[*number];
            if keyword.end() <= seen[*number] {
                continue;
            }
            if !rule.is_for(path) {
                seen[*number] = usize::MAX;
                continue;
            }
            let (window, is_cut) = window_around(text, keyword.start());
            seen[*number] = if is_cut { window.end - OVERLAP_BYTES } else { window.end };
            for secret in rules.find_secrets(rule, &text[window.clone()]) {
                let mut range = window.start + secret.start..window.start + secret.end;
                if range.end == window.end {
                    range.end += text[range.end..].bytes().take_while(|byte| is_token_byte(*byte)).count();
                }
                found.push((range, *number));
            }
        }
    }
    found.retain(|(range, _)| !is_allowed_line(text, range.start));
    found.sort_by_key(|(range, number)| (range.start, *number));
    found.dedup_by(|next, kept| {
        let overlaps = next.0.start < kept.0.end;
        if overlaps {
            kept.0.end = kept.0.end.max(next.0.end);
        }
        overlaps
    });
    found.into_iter().map(|(range, number)| (range, rules.rules[number].id.as_str())).collect()
}

/// Maximum size of a file that may hold nothing but credentials, in bytes.
const MAX_TOKEN_FILE_BYTES: usize = 64 << 10;

/// Extensions of files that are data or text; source files are masked and not left out.
const DATA_EXTENSIONS: &[&str] =
    &["", "txt", "token", "tokens", "json", "yml", "yaml", "toml", "ini", "cfg", "conf", "properties", "csv", "list"];

/// Returns the rule of the first credential in a file of data, of at most [`MAX_TOKEN_FILE_BYTES`], that holds
/// credentials in each of its lines, apart from comments and lines without a word; `None` for any other file.
pub fn find_only_tokens(path: &RepoPath, bytes: &[u8]) -> Option<&'static str> {
    let name = path.file_name().to_ascii_lowercase();
    let extension = name.trim_start_matches('.').rsplit_once('.').map_or("", |(_, extension)| extension);
    if bytes.len() > MAX_TOKEN_FILE_BYTES || !DATA_EXTENSIONS.contains(&extension) || bytes.starts_with(b"#!") {
        return None;
    }
    let (masked, masks) = mask_tokens(path.as_str(), String::from_utf8_lossy(bytes).into_owned());
    let says_something = |line: &str| line.contains(char::is_alphanumeric) && !line.starts_with(['#', ';', '/']);
    let only = masked.lines().map(str::trim).filter(|line| says_something(line)).all(|line| line.contains(MASK));
    masks.first().filter(|_| only).map(|mask| mask.rule)
}

/// Returns the part of the line around a keyword that a rule searches, and whether the line continues after it.
fn window_around(text: &str, at: usize) -> (Range<usize>, bool) {
    let bytes = text.as_bytes();
    let first = at.saturating_sub(BEFORE_BYTES);
    let start = memchr::memrchr(b'\n', &bytes[first..at]).map_or(first, |line_end| first + line_end + 1);
    let last = (at + WINDOW_BYTES).min(bytes.len());
    let line_end = memchr::memchr(b'\n', &bytes[at..last]).map(|length| at + length);
    let (start, end) = (text.ceil_char_boundary(start), text.floor_char_boundary(line_end.unwrap_or(last)));
    (start..end, line_end.is_none() && last < bytes.len())
}

fn is_token_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-_.+/=".contains(&byte)
}

/// Returns whether the line at `at` contains [`ALLOW_MARKER`].
fn is_allowed_line(text: &str, at: usize) -> bool {
    let bytes = text.as_bytes();
    let start = memchr::memrchr(b'\n', &bytes[..at]).map_or(0, |end| end + 1);
    let end = memchr::memchr(b'\n', &bytes[at..]).map_or(bytes.len(), |length| at + length);
    memchr::memmem::find(&bytes[start..end], ALLOW_MARKER.as_bytes()).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the masked text and the rules.
    fn mask(text: &str) -> (String, Vec<&'static str>) {
        let (masked, masks) = mask_tokens("src/a.tf", text.to_owned());
        for mask in &masks {
            assert_eq!(&masked[mask.range()], MASK);
            assert_eq!(masked[..mask.start].matches('\n').count() + 1, mask.line as usize);
        }
        (masked, masks.into_iter().map(|mask| mask.rule).collect())
    }

    /// Text that looks random, so that no line of this file has the form of a credential.
    fn random(length: usize) -> String {
        "aZ3kQ9mX7bT1wL5dR8".chars().cycle().take(length).collect()
    }

    fn hex(length: usize) -> String {
        "3f9a0c7e1b5d".chars().cycle().take(length).collect()
    }

    #[test]
    fn tokens_of_each_form_are_masked_and_keep_their_prefix() {
        let token = |header: &str| format!("eyJ{}.eyJzdWIiOiJhYmMifQ.{}", header, random(43));
        for (text, expected, rule) in [
            (format!("T = \"ghp_{}\"", random(36)), "T = \"ghp_••••\"", "github-token"),
            (format!("x ghs_{} y", random(36)), "x ghs_•••• y", "github-token"),
            (format!("github_pat_{}_{}", random(22), random(59)), "github_pat_••••", "github-fine-grained-token"),
            (format!("glpat-{}", random(20)), "glpat-••••", "gitlab-token"),
            (format!("id: AKIA{}", random(16).to_uppercase()), "id: AKIA••••", "aws-access-key-id"),
            (format!("AWS_SECRET_ACCESS_KEY={}", random(40)), "AWS_SECRET_ACCESS_KEY=••••", "aws-secret-access-key"),
            (format!("secretAccessKey: '{}',", random(40)), "secretAccessKey: '••••',", "aws-secret-access-key-name"),
            (format!("secret_key = \"{}\"", random(20)), "secret_key = \"••••\"", "terraform-secret-key"),
            (format!("xoxb-123456789012-{}", random(24)), "xoxb-••••", "slack-token"),
            (format!("sk-{}T3BlbkFJ{}", random(20), random(20)), "sk-••••", "openai-key"),
            (format!("sk-proj-{}", random(48)), "sk-••••", "sk-key"),
            (format!("sk-ant-api03-{}", random(90)), "sk-••••", "anthropic-key"),
            (format!("'sk_live_{}'", random(24)), "'sk_live_••••'", "stripe-key"),
            (token("hbGciOiJIUzI1NiJ9"), "••••", "json-web-token"),
            ("postgres://app:hunter2x@db/app".to_owned(), "postgres://app:••••@db/app", "url-password"),
            ("redis://:t0psecr3t@cache:6379".to_owned(), "redis://:••••@cache:6379", "url-password"),
            (format!("https://{}@host/a", random(40)), "https://••••@host/a", "url-token"),
            (format!("AIza{}", random(35)), "AIza••••", "google-api-key"),
            (format!("npm_{}", random(36)), "npm_••••", "npm-token"),
            (format!("dop_v1_{}", hex(64)), "dop_v1_••••", "digitalocean-token"),
            (format!("ghp_{}", random(16)), "ghp_••••", "github-token-part"),
        ] {
            assert_eq!(mask(&text), (expected.to_owned(), vec![rule]), "{text}");
            let (around, _) = mask(&format!("first\n\t{text}\r\nlast"));
            assert_eq!(around, format!("first\n\t{expected}\r\nlast"));
        }
    }

    #[test]
    fn other_texts_and_documented_samples_stay() {
        for text in [
            "AKIAIOSFODNN7EXAMPLE",
            "aws_secret_access_key = wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
            "sk_test_4eC39HqLyjWDarjtT1zdp7dc",
            "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiIxMjM0NTY3ODkwIiwibmFtZSI6IkpvaG4gRG9lIiwiaWF0IjoxNTE2MjM5MDIyfQ.SflKxwRJSMeKKF2QT4fwpMeJf36POk6yJV_adQssw5c",
            "ghp_xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
            "a ghp_ prefix, sk-learn, task-runner-2, --sk-width: 3px; mask-Image2",
            "https://user:password@example.com, https://u:${PASS}@h, http://user:pass@host, ftp://me:<pw>@h",
            "https://example.com:8080/@scope/package, git@github.com:a/b",
            "glpat-your-token-goes-here-ok",
            "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",
            "xoxb-your-token-goes-here",
            "AKIA, ASIA and AKIASHORT1",
        ] {
            assert_eq!(mask(text), (text.to_owned(), vec![]));
        }
    }

    #[test]
    fn exported_secrets_of_plain_texts_are_masked() {
        let value = random(16);
        for line in [
            "export TOKEN=@",
            "export NPM_TOKEN='@'",
            "cd app && export DB_PASSWORD=\"@\" && ./run",
            "  12  export aws_secret_key=@",
            "set -gx API_KEY @",
            "$env:CLIENT_SECRET = \"@\"",
            "env MY_API_KEY=@ ./run",
            "MY_API_KEY=@ ./run",
            "deploy --auth-token @ --fast",
            "deploy --password=@",
            "curl -H 'Authorization: Bearer @' https://a.example",
            "GET /a?user=b&access_token=@ 200",
        ] {
            let text = format!("ls\n{}\nmake\n", line.replace('@', &value));
            let expected = format!("ls\n{}\nmake\n", line.replace('@', MASK));
            for path in
                ["history.txt", "notes/setup.log", "zsh_history.1", "HISTORY", ".python_history", "a/.sh_history"]
            {
                assert_eq!(mask_tokens(path, text.clone()).0, expected, "{path}");
            }
        }
        for line in [
            "export TOKEN=your-token-here",
            "export TOKEN=$OTHER_TOKEN1",
            "export API_KEY=<YourKey123>",
            "export TOKEN=xxxxxxxxxxxx",
            "export SECRET_KEY=${SECRETS_KEY2}",
            "export KEYBOARD=Layout12us",
            "export PATH=/opt/Tools1/bin",
            "the token Abc12345x is exported",
            "deploy --token-file conf/Token12.txt",
            "curl -H \"Authorization: Bearer $TOKEN12345\"",
            "sort --key=2,2nr12345 --password-stdin",
        ] {
            assert_eq!(mask_tokens("history.txt", line.to_owned()).0, line);
        }
        let code = format!("export TOKEN={value}\n");
        assert_eq!(mask_tokens("src/run.ts", code.clone()).0, code, "code has rules of its own");
    }

    #[test]
    fn a_file_of_data_with_nothing_but_tokens_is_found() {
        let token = format!("ghp_{}", random(36));
        let of = |path: &str, text: &str| find_only_tokens(&RepoPath::new(path), text.as_bytes());
        for path in ["token", "deploy/token.txt", ".token", "a.yaml"] {
            assert_eq!(of(path, &format!("# the token\n\ntoken: {token}\n")), Some("github-token"), "{path}");
        }
        assert_eq!(of("a.yaml", &format!("token: {token}\nport: 1\n")), None);
        assert_eq!(of("a.py", &format!("TOKEN = '{token}'\n")), None);
        assert_eq!((of("run", &format!("#!/bin/sh\n{token}\n")), of("a.txt", "")), (None, None));
    }

    #[test]
    fn a_line_may_say_that_it_has_no_secret() {
        let line = format!("T = \"ghp_{}\"", random(36));
        let text = format!("{line} # codescry:allow-secret\n{line}\n");
        let (masked, rules) = mask(&text);
        assert_eq!(masked, format!("{line} # codescry:allow-secret\nT = \"ghp_••••\"\n"));
        assert_eq!(rules, ["github-token"]);
    }

    #[test]
    fn long_lines_are_searched_in_parts_and_long_tokens_are_masked_whole() {
        let token = format!("ghp_{}", random(36));
        for distance in [1, 3000, 4080, 4096, 5000] {
            let text = format!("{token}{}{token} end", " ".repeat(distance));
            let (masked, rules) = mask(&text);
            assert_eq!((masked.matches("ghp_••••").count(), rules.len()), (2, 2), "{distance}");
            assert!(masked.ends_with(" end"));
        }
        let text = format!("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhYmMifQ.{} end", random(20_000));
        assert_eq!(mask(&text).0, "•••• end");
        let bomb = "sk-".repeat(1 << 18);
        assert_eq!(mask(&bomb).0.len(), bomb.len());
    }
}
