//! `codescry uninstall`: removes the server's entry and the files that guide agents from the configurations
//! of MCP clients.

use config::UserEnvironment;

use super::install::configuration_editor::{ConfigurationEditor, resolve_folder, select_configurations};
use crate::cli::arguments::{SharedArguments, UninstallArguments};
use crate::cli::exit::CommandExit;
use crate::cli::printer;
use crate::cli::text_output::palette::Palette;

/// Runs `codescry uninstall`, which removes the server from the clients' configurations.
///
/// # Errors
/// If the user's environment cannot be determined, the folder does not exist, a named client has no configuration in
/// projects, standard input or output fails, or the changes cannot be confirmed because standard input is not a
/// terminal.
pub fn run_uninstall(shared: &SharedArguments, arguments: &UninstallArguments) -> anyhow::Result<CommandExit> {
    let user = UserEnvironment::detect()?;
    let selection = &arguments.selection;
    let root = arguments.path.as_deref().map(resolve_folder).transpose()?.unwrap_or_else(|| user.working.clone());
    let config_files = select_configurations(selection, &root, &user)?;
    let planned = clients::plan_uninstall(&config_files, &user);
    let listed = planned.into_iter().filter(|file| !selection.clients.is_empty() || file.file.exists());
    let listed: Vec<_> = listed.collect();
    if listed.is_empty() {
        let whose = if selection.project { "the project has none" } else { "none was found" };
        printer::print_note(&format!("nothing to remove: {whose} of the files that `codescry install` writes"));
    }
    let editor =
        ConfigurationEditor { selection, user: &user, unchanged: "has no entry", palette: Palette::for_stdout(shared) };
    Ok(editor.show_and_apply(listed)?.0)
}
