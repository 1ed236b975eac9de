//! Values of arguments that may be spelled in several ways.

use schemars::JsonSchema;
use serde::Deserialize;
use serde::de::{Deserializer, Error as _};
use serde_json::Value;

/// One name or several names.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(untagged, expecting = "expected a name or a list of names")]
pub enum NameList {
    One(String),
    Several(Vec<String>),
}

impl NameList {
    /// Returns the names; a string of names separated by commas is split.
    pub fn into_vec(self) -> Vec<String> {
        let given = match self {
            Self::One(name) => vec![name],
            Self::Several(names) => names,
        };
        let names = given.iter().flat_map(|name| name.split(','));
        names.map(str::trim).filter(|name| !name.is_empty()).map(str::to_owned).collect()
    }
}

#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ContentArgument {
    Code,
    Docs,
    Config,
    All,
}

#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ModeArgument {
    Hybrid,
    Dense,
    Lexical,
}

/// Deserializes a whole number, also from a string or from a number such as `10.0`.
pub(super) fn deserialize_whole_number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u32>, D::Error> {
    let whole = match Option::<Value>::deserialize(deserializer)? {
        None => return Ok(None),
        Some(Value::String(text)) => text.trim().parse().ok(),
        Some(Value::Number(number)) => {
            let without_fraction = || number.as_f64().filter(|number| number.fract() == 0.0);
            number.to_string().parse().ok().or_else(|| format!("{}", without_fraction()?).parse().ok())
        }
        Some(_) => None,
    };
    whole.map(Some).ok_or_else(|| D::Error::custom("expected a whole number, zero or above"))
}

/// Deserializes a boolean, also from a string.
pub(super) fn deserialize_flag<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<bool>, D::Error> {
    match Option::<Value>::deserialize(deserializer)? {
        None => Ok(None),
        Some(Value::Bool(flag)) => Ok(Some(flag)),
        Some(Value::String(text)) if text == "true" => Ok(Some(true)),
        Some(Value::String(text)) if text == "false" => Ok(Some(false)),
        Some(_) => Err(D::Error::custom("expected true or false")),
    }
}

/// Deserializes a range of lines: `10-40`, `L10-L40`, `10`, or the number 10.
pub(super) fn deserialize_line_range<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<(u32, u32)>, D::Error> {
    let read = match Option::<Value>::deserialize(deserializer)? {
        None => return Ok(None),
        Some(Value::String(text)) => parse_line_range(&text),
        Some(Value::Number(number)) => number.as_u64().and_then(|line| parse_line_range(&line.to_string())),
        Some(_) => None,
    };
    read.map(Some).ok_or_else(|| D::Error::custom("expected lines, counted from 1, like \"10-40\""))
}

/// Parses the first and last line of `10-40`, `L10-L40` or `10`; `None` when the text has another form or a line is 0.
pub fn parse_line_range(text: &str) -> Option<(u32, u32)> {
    let number = |text: &str| text.trim().trim_start_matches(['L', 'l']).parse::<u32>().ok().filter(|line| *line > 0);
    match text.split_once(['-', ',', ':']) {
        Some((from, to)) => Some((number(from)?, number(to)?)),
        None => number(text).map(|line| (line, line)),
    }
}
