//! Turns options into settings.
//!
//! [`Options`] holds the values of flags and variables, unchecked. [`Settings`] is resolved and checked once, then
//! passed down. Of the library crates, only this one reads settings from the environment.

mod device;
mod environment;
mod error;
mod http;
mod library_paths;
mod models;
mod pipeline;
mod settings;
mod sharing;
mod variables;

pub use device::{DeviceChoice, Provider};
pub use environment::groups::find_group;
pub use environment::{
    ClientFolders, GitSetting, GitSettings, LocationSettings, OperatingSystem, PARSE_WORKER_COMMAND, UserEnvironment,
    client_folders, data_folder, find_git_excludes, is_parse_worker, own_program, program_arguments,
};
pub use error::ConfigError;
pub use http::read_http_token;
pub use library_paths::LibrarySearchPaths;
pub use models::{ModelOptions, ModelSettings};
pub use pipeline::{
    DEFAULT_EMBED_WORKERS, EmbedBatch, EmbedderChoice, ParserProgram, PipelineOptions, PipelineSettings,
};
pub use settings::{BaseSettings, Options, Settings};
pub use sharing::{is_sharing_enabled, runtime_dir};
pub use variables::{exported_columns, parse_age, parse_bytes, parse_bytes_or_zero};
