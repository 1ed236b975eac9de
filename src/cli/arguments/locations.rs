//! The arguments of the commands that write locations: publish, gc.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

const PUBLISH_HELP: &str = "\
A location is a folder or a URL: file:///folder, s3://bucket/folder, gs://bucket/folder, az://container/folder. Addresses \
and credentials come from the variables of these stores, such as AWS_ACCESS_KEY_ID and AWS_ENDPOINT_URL; profiles and \
single sign-on are not read. The project is named by its git origin, or by a fragment: s3://bucket/folder#name.

Other machines start from the published index with `codescry search --base LOCATION`. Whoever can read the location can \
read the indexed code.";

/// The arguments of `codescry publish`.
#[derive(Debug, Args)]
#[command(after_help = PUBLISH_HELP)]
pub struct PublishArguments {
    /// The location to publish at
    pub location: OsString,
    /// The folder whose index to publish [default: the working folder]
    pub path: Option<PathBuf>,
    /// Print one JSON object instead of text
    #[arg(long)]
    pub json: bool,
}

/// The arguments of `codescry gc`.
#[derive(Debug, Args)]
pub struct GcArguments {
    /// The location to clean
    pub location: OsString,
    /// Keep what was written less than this ago, such as 90m, 12h or 7d; a publisher that is slower than this loses parts
    #[arg(long, value_name = "AGE", default_value = "7d", value_parser = parse_age)]
    pub grace: Duration,
    /// Count what would be removed, and remove nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Print one JSON object instead of text
    #[arg(long)]
    pub json: bool,
}

/// Parses an age: a number with a unit of seconds, minutes, hours or days.
fn parse_age(word: &str) -> Result<Duration, String> {
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
}
