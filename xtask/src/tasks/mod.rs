//! The commands, one file each.

mod conformance_server;
mod crates;
mod docstrings;
mod load_http;
mod make_model;
#[cfg(feature = "token-table")]
mod make_token_table;
mod measure_places;
mod names;
mod pack_crates;
mod pack_model;
mod package;
mod plugin;
mod train_model;
mod train_ranker;
mod transcript;

use anyhow::Result;

/// Training, measurements and checks for the development of codescry
#[derive(clap::Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
pub struct XtaskArguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(clap::Subcommand)]
enum Task {
    ConformanceServer(conformance_server::ConformanceServerArguments),
    Crates(crates::CratesArguments),
    Docstrings(docstrings::DocstringsArguments),
    LoadHttp(load_http::LoadHttpArguments),
    MakeModel(make_model::MakeModelArguments),
    #[cfg(feature = "token-table")]
    MakeTokenTable(make_token_table::MakeTokenTableArguments),
    MeasurePlaces(measure_places::MeasurePlacesArguments),
    Names(names::NamesArguments),
    PackCrates(pack_crates::PackCratesArguments),
    PackModel(pack_model::PackModelArguments),
    Package(package::PackageArguments),
    Plugin(plugin::PluginArguments),
    TrainModel(Box<train_model::TrainModelArguments>),
    TrainRanker(train_ranker::TrainRankerArguments),
    Transcript(transcript::TranscriptArguments),
}

/// Runs the command that the arguments name.
///
/// # Errors
/// If the command fails.
pub fn run_task(arguments: &XtaskArguments) -> Result<()> {
    match &arguments.task {
        Task::ConformanceServer(arguments) => conformance_server::run_conformance_server(arguments),
        Task::Crates(arguments) => crates::run_crates(arguments),
        Task::Docstrings(arguments) => docstrings::run_docstrings(arguments),
        Task::LoadHttp(arguments) => load_http::run_load_http(arguments),
        Task::MakeModel(arguments) => make_model::run_make_model(arguments),
        #[cfg(feature = "token-table")]
        Task::MakeTokenTable(arguments) => make_token_table::run_make_token_table(arguments),
        Task::MeasurePlaces(arguments) => measure_places::run_measure_places(arguments),
        Task::Names(arguments) => names::run_names(arguments),
        Task::PackCrates(arguments) => pack_crates::run_pack_crates(arguments),
        Task::PackModel(arguments) => pack_model::run_pack_model(arguments),
        Task::Package(arguments) => package::run_package(arguments),
        Task::Plugin(arguments) => plugin::run_plugin(arguments),
        Task::TrainModel(arguments) => train_model::run_train_model(arguments),
        Task::TrainRanker(arguments) => train_ranker::run_train_ranker(arguments),
        Task::Transcript(arguments) => transcript::run_transcript(arguments),
    }
}
