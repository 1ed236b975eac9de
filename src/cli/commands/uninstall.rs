//! `codescry uninstall`: removes the server's entry from the configurations of MCP clients.

use config::UserEnvironment;

use super::install::configuration_editor::{ConfigurationEditor, resolve_folder, select_configurations};
use crate::cli::arguments::{SharedArguments, UninstallArguments};
use crate::cli::exit::CommandExit;
use crate::cli::text_output::palette::Palette;

/// Runs `codescry uninstall`, which removes the server from the clients' configurations.
///
/// # Errors
/// If the folder does not exist, or the changes cannot be confirmed because standard input is not
/// a terminal.
pub fn run_uninstall(shared: &SharedArguments, arguments: &UninstallArguments) -> anyhow::Result<CommandExit> {
    let user = UserEnvironment::detect()?;
    let selection = &arguments.selection;
    let root = arguments.path.as_deref().map(resolve_folder).transpose()?.unwrap_or_else(|| user.working.clone());
    let config_files = select_configurations(selection, &root, &user)?;
    let there =
        config_files.into_iter().filter(|config_file| !selection.clients.is_empty() || config_file.file.exists());
    let planned = there.map(|config_file| {
        let named = format!("{} {}", config_file.client.title, user.display_path(&config_file.file));
        (named, clients::plan_uninstall(config_file))
    });
    let editor =
        ConfigurationEditor { selection, user: &user, unchanged: "has no entry", palette: Palette::for_stdout(shared) };
    Ok(editor.show_and_apply(planned.collect())?.0)
}
