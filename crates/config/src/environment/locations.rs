//! Settings of locations, which hold published indexes: the variables of object stores, and time limits.

use std::env;
use std::fmt;
use std::time::Duration;

use crate::error::ConfigError;
use crate::variables::number_or_environment;

/// Time without a received byte after which a transfer fails, in milliseconds.
const DEFAULT_LOCATION_TIME_LIMIT_MS: u64 = 30_000;

/// The prefixes of the variables of object stores.
const STORE_PREFIXES: [&str; 3] = ["AWS_", "GOOGLE_", "AZURE_"];

/// The settings of locations. The values of the variables may be credentials, so [`fmt::Debug`] shows only the names.
#[derive(Clone, Default)]
pub struct LocationSettings {
    /// The variables of object stores, such as `AWS_ACCESS_KEY_ID`, with their values.
    pub variables: Vec<(String, String)>,
    /// `CODESCRY_LOCATION_TIME_LIMIT_MS`: the time without a received byte after which a transfer fails.
    pub time_limit: Duration,
}

impl LocationSettings {
    /// Reads the settings from the environment.
    ///
    /// # Errors
    /// When the time limit is not a number above zero.
    pub fn detect() -> Result<Self, ConfigError> {
        let is_of_store = |name: &str| STORE_PREFIXES.iter().any(|prefix| name.starts_with(prefix));
        let variables = env::vars_os().filter_map(|(name, value)| {
            let (name, value) = (name.into_string().ok()?, value.into_string().ok()?);
            (is_of_store(&name) && !value.is_empty()).then_some((name, value))
        });
        let limit_ms = number_or_environment::<u64>(None, "CODESCRY_LOCATION_TIME_LIMIT_MS")?;
        Ok(Self {
            variables: variables.collect(),
            time_limit: Duration::from_millis(limit_ms.unwrap_or(DEFAULT_LOCATION_TIME_LIMIT_MS)),
        })
    }
}

impl fmt::Debug for LocationSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = self.variables.iter().map(|(name, _)| name.as_str()).collect();
        f.debug_struct("LocationSettings").field("variables", &names).field("time_limit", &self.time_limit).finish()
    }
}
