//! Stands in for crates.io's `chrono-tz`, the rules of the time zones of the world.
//!
//! Arrow and DataFusion compile it to calculate with local times. codescry stores no times with a zone. No zone is
//! known here; offsets such as `+02:00` do not need this crate.

use std::fmt;
use std::str::FromStr;

use chrono::{FixedOffset, LocalResult, NaiveDate, NaiveDateTime, Offset, TimeZone};

/// A time zone. The type has no values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Tz {}

/// The reason why a name is no time zone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParseError(());

impl fmt::Display for ParseError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("this program was built without time zones")
    }
}

impl std::error::Error for ParseError {}

impl FromStr for Tz {
    type Err = ParseError;

    fn from_str(_name: &str) -> Result<Self, ParseError> {
        Err(ParseError(()))
    }
}

impl fmt::Display for Tz {
    fn fmt(&self, _formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {}
    }
}

impl Offset for Tz {
    fn fix(&self) -> FixedOffset {
        match *self {}
    }
}

impl TimeZone for Tz {
    type Offset = Self;

    fn from_offset(offset: &Self) -> Self {
        *offset
    }

    fn offset_from_local_date(&self, _local: &NaiveDate) -> LocalResult<Self> {
        match *self {}
    }

    fn offset_from_local_datetime(&self, _local: &NaiveDateTime) -> LocalResult<Self> {
        match *self {}
    }

    fn offset_from_utc_date(&self, _utc: &NaiveDate) -> Self {
        match *self {}
    }

    fn offset_from_utc_datetime(&self, _utc: &NaiveDateTime) -> Self {
        match *self {}
    }
}
