//! The command line arguments: names, defaults and help texts, with one file per command or family of commands.

mod bench;
#[cfg(feature = "locations")]
mod collection;
mod command_line;
mod completions;
mod doctor;
mod eval;
mod folders;
mod help;
mod http;
mod index;
mod indexes;
mod install;
mod locations;
mod models;
mod names;
mod reading;
mod reference;
mod search;
mod serve;
mod shared;
mod tune;
mod values;
mod words;

pub use bench::{BenchCommand, BenchRunArguments, PipelineBenchArguments};
#[cfg(feature = "locations")]
pub use collection::CollectionCommand;
pub use command_line::{CliArguments, CliCommand, parse_command_line};
pub use doctor::DoctorArguments;
pub use eval::{EvalArguments, EvalBaseline, EvalSetting};
pub use folders::{ChosenFolders, FolderArguments};
#[cfg(feature = "http")]
pub use http::HttpArguments;
pub use index::{IndexArguments, StatusArguments, WatchArguments};
pub use indexes::IndexesCommand;
pub use install::{ClientSelectionArguments, InstallArguments, UninstallArguments};
pub use locations::{GcArguments, PublishArguments};
pub use models::ModelsCommand;
pub use names::{ReferencesArguments, SymbolArguments};
pub use reading::{OutlineArguments, ReadArguments, SimilarArguments};
pub use search::SearchArguments;
pub use serve::ServeArguments;
pub use shared::SharedArguments;
pub use tune::TuneArguments;
pub use values::{ColorChoice, ContentName, ModeName, split_folder};
pub use words::{is_class_filter, is_filter, without_mark};
