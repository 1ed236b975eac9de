//! Values of environment variables and how they are parsed. A variable that is empty counts as unset.

use std::env;
use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use super::error::ConfigError;

/// Returns the value of an environment variable; `None` if it is unset or empty.
fn variable_value(name: &str) -> Option<OsString> {
    env::var_os(name).filter(|value| !value.is_empty())
}

/// Returns the path in an environment variable; `None` if it is unset or empty.
pub(crate) fn variable_path(name: &str) -> Option<PathBuf> {
    variable_value(name).map(PathBuf::from)
}

/// Returns the text of an environment variable; `None` if it is unset or empty. Invalid Unicode is replaced.
pub(crate) fn variable_text(name: &str) -> Option<String> {
    variable_value(name).map(|value| value.to_string_lossy().into_owned())
}

/// Returns the width of the terminal that the shell exports as `COLUMNS`; `None` if it is unset or not a number.
pub fn exported_columns() -> Option<usize> {
    variable_text("COLUMNS")?.trim().parse().ok()
}

/// Returns `given`, or else the number above zero in an environment variable; `None` if it is unset or empty.
///
/// # Errors
/// When the variable is not a number above zero.
pub(crate) fn number_or_environment<N>(given: Option<N>, name: &'static str) -> Result<Option<N>, ConfigError>
where
    N: std::str::FromStr + PartialOrd + From<u8>,
{
    if given.is_some() {
        return Ok(given);
    }
    let Some(value) = variable_text(name) else { return Ok(None) };
    match value.trim().parse::<N>() {
        Ok(number) if number > N::from(0) => Ok(Some(number)),
        _ => Err(ConfigError::Number { name, value }),
    }
}

/// Returns `given`, or else the parsed value of an environment variable; `None` if it is unset or empty.
///
/// # Errors
/// When the value cannot be parsed.
pub(crate) fn value_or_environment<T, E: ToString>(
    given: Option<T>,
    name: &'static str,
    parse: impl Fn(&str) -> Result<T, E>,
) -> Result<Option<T>, ConfigError> {
    if given.is_some() {
        return Ok(given);
    }
    let Some(value) = variable_text(name) else { return Ok(None) };
    match parse(value.trim()) {
        Ok(parsed) => Ok(Some(parsed)),
        Err(problem) => Err(ConfigError::Value { name, value, problem: problem.to_string() }),
    }
}

/// Parses `1`, `true`, `yes`, `0`, `false` or `no`, in any case.
///
/// # Errors
/// When the text is no such value. The error describes the accepted ones.
pub(crate) fn parse_bool(word: &str) -> Result<bool, &'static str> {
    match word.to_ascii_lowercase().as_str() {
        "1" | "true" | "yes" => Ok(true),
        "0" | "false" | "no" => Ok(false),
        _ => Err("give true or false"),
    }
}

/// Parses a number of bytes above zero, such as `524288`, `512KiB`, `2M` or `1 GB`.
///
/// # Errors
/// When the text is no such value. The error describes the accepted ones.
pub fn parse_bytes(word: &str) -> Result<u64, String> {
    let refuse = || "give a number of bytes above zero, such as 524288, 512KiB or 2MiB".to_owned();
    let digits = word.trim().trim_end_matches(|c: char| !c.is_ascii_digit());
    let unit: u64 = match word.trim()[digits.len()..].trim().to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "k" | "kib" => 1 << 10,
        "m" | "mib" => 1 << 20,
        "g" | "gib" => 1 << 30,
        "kb" => 1_000,
        "mb" => 1_000_000,
        "gb" => 1_000_000_000,
        _ => return Err(refuse()),
    };
    let number = digits.parse::<u64>().ok().filter(|number| *number > 0);
    number.and_then(|number| number.checked_mul(unit)).ok_or_else(refuse)
}

/// Parses a number of bytes like [`parse_bytes`], or 0.
///
/// # Errors
/// When the text is no such value. The error describes the accepted ones.
pub fn parse_bytes_or_zero(word: &str) -> Result<u64, String> {
    if word.trim() == "0" { Ok(0) } else { parse_bytes(word) }
}

/// Parses an age with a unit of seconds, minutes, hours or days, such as `90m`, `12h` or `7d`.
///
/// # Errors
/// When the text is no such value. The error describes the accepted ones.
pub fn parse_age(word: &str) -> Result<Duration, String> {
    let refuse = || "give a number with a unit, such as 90m, 12h or 7d".to_owned();
    let digits = word.trim_end_matches(|character: char| !character.is_ascii_digit());
    let unit = match &word[digits.len()..] {
        "s" => 1,
        "m" => 60,
        "h" => 3_600,
        "d" => 86_400,
        _ => return Err(refuse()),
    };
    let seconds = digits.parse::<u64>().ok().and_then(|number| number.checked_mul(unit));
    seconds.map(Duration::from_secs).ok_or_else(refuse)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_have_units() {
        let read = |word| parse_age(word).ok().map(|age| age.as_secs());
        assert_eq!([read("7d"), read("12h"), read("90m"), read("0s")], [604_800, 43_200, 5_400, 0].map(Some));
        assert_eq!([read("7"), read("d"), read("-1d"), read("1w"), read("99999999999999999999d")], [None; 5]);
    }

    #[test]
    fn byte_counts_are_parsed_with_units() {
        let read = |word| parse_bytes(word).ok();
        assert_eq!(
            [read("524288"), read("512KiB"), read("2 MiB"), read("1m")],
            [524_288, 524_288, 2 << 20, 1 << 20].map(Some)
        );
        assert_eq!(read("3kb"), Some(3_000));
        assert_eq!([read("0"), read(""), read("MiB"), read("-1"), read("1.5M"), read("1 parsec")], [None; 6]);
        assert_eq!(read("99999999999GiB"), None);
    }
}
