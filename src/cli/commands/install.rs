//! `codescry install`: adds the server's entry to the configurations of MCP clients, and files that guide agents.

pub mod configuration_editor;

use clients::InstallRequest;
use config::UserEnvironment;

use self::configuration_editor::{ConfigurationEditor, resolve_folder, select_configurations};
use crate::cli::arguments::{ClientSelectionArguments, InstallArguments, SharedArguments};
use crate::cli::exit::CommandExit;
use crate::cli::printer;
use crate::cli::text_output::palette::Palette;

/// The name of the program on `PATH`.
const PROGRAM: &str = "codescry";

/// Runs `codescry install`, which adds the server to the clients' configurations.
///
/// # Errors
/// If the user's environment cannot be determined, the folder or the command is invalid, a named client has no
/// configuration in projects, standard input or output fails, or the changes cannot be confirmed because standard input
/// is not a terminal.
pub fn run_install(shared: &SharedArguments, arguments: &InstallArguments) -> anyhow::Result<CommandExit> {
    let user = UserEnvironment::detect()?;
    let folder = arguments.path.as_deref().map(resolve_folder).transpose()?;
    let selection = &arguments.selection;
    let root = folder.clone().unwrap_or_else(|| user.working.clone());
    let config_files = select_configurations(selection, &root, &user)?;
    if config_files.is_empty() {
        printer::print_note(&no_client_message(selection));
        return Ok(CommandExit::NothingFound);
    }
    // A project's file is shared with other machines, so it names the program and not its path.
    let default = || if selection.project { PROGRAM.into() } else { user.stable_program_path() };
    let command = arguments.command.clone().unwrap_or_else(default);
    // Clients that read a project's file work in the project, so it needs no folder.
    let mut request = InstallRequest::new(&command, folder.filter(|_| !selection.project))?;
    request.extras.clone_from(&arguments.extras);
    let planned = clients::plan_install(&config_files, &request, &user);
    let editor = ConfigurationEditor {
        selection,
        user: &user,
        unchanged: "is already set up",
        palette: Palette::for_stdout(shared),
    };
    let (exit, wrote) = editor.show_and_apply(planned)?;
    if wrote > 0 && !shared.quiet {
        printer::print_note("restart the clients; `codescry doctor` checks that they can start the server");
        if arguments.command.is_none() && selection.project {
            let on_path = user.find_on_path(PROGRAM).is_some();
            let remedy =
                if on_path { "" } else { ", where it is not on this machine; add it, or give --command PROGRAM" };
            printer::print_note(&format!("the files start `{PROGRAM}` from PATH{remedy}"));
        }
    }
    Ok(exit)
}

/// Returns the note that no client was found, with the names for `--client`.
fn no_client_message(selection: &ClientSelectionArguments) -> String {
    let names: Vec<&str> = clients::MCP_CLIENTS
        .iter()
        .filter(|client| !selection.project || !client.project_files.is_empty())
        .map(|client| client.name)
        .collect();
    format!("no MCP client found; name one with --client: {}", names.join(", "))
}
