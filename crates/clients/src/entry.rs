//! The entry of a server in a client's configuration.

use std::path::PathBuf;

use super::client::EntryField;

/// The name of the server entry in every client.
pub const SERVER_NAME: &str = "codescry";

/// The entry of codescry to write into a client's configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ServerEntry {
    pub command: String,
    pub args: Vec<String>,
    /// The folders that a sandbox lets the server write to; `None` for no sandbox.
    pub sandbox: Option<Vec<PathBuf>>,
}

/// The entry of codescry that a client's configuration has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InstalledEntry {
    /// `None` when the entry starts no program, such as one with a URL.
    pub command: Option<String>,
    pub args: Vec<String>,
}

/// The value of a field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum FieldValue {
    Text(String),
    List(Vec<String>),
    Number(u32),
    True,
    Object(Vec<(&'static str, FieldValue)>),
}

/// The names of the fields that start the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct CommandFields {
    pub command: &'static str,
    /// `None` if the program and its arguments are one list.
    pub args: Option<&'static str>,
}

impl ServerEntry {
    /// Returns the names and values of an entry with the fields `form`. Without a sandbox, [`EntryField::Sandbox`] adds
    /// none.
    pub fn fields(&self, form: &[EntryField]) -> Vec<(&'static str, FieldValue)> {
        let command_line = || [&self.command].into_iter().chain(&self.args).cloned().collect();
        let mut fields = Vec::new();
        for field in form {
            match *field {
                EntryField::Command(name) => fields.push((name, FieldValue::Text(self.command.clone()))),
                EntryField::Arguments(name) => fields.push((name, FieldValue::List(self.args.clone()))),
                EntryField::CommandLine(name) => fields.push((name, FieldValue::List(command_line()))),
                EntryField::Text(name, text) => fields.push((name, FieldValue::Text(text.to_owned()))),
                EntryField::TextList(name, text) => fields.push((name, FieldValue::List(vec![text.to_owned()]))),
                EntryField::Number(name, number) => fields.push((name, FieldValue::Number(number))),
                EntryField::True(name) => fields.push((name, FieldValue::True)),
                EntryField::Sandbox => fields.extend(self.sandbox.as_ref().map_or_else(Vec::new, |folders| {
                    let folders = folders.iter().map(|folder| folder.display().to_string()).collect();
                    let files = FieldValue::Object(vec![("allowWrite", FieldValue::List(folders))]);
                    let sandbox = FieldValue::Object(vec![("filesystem", files)]);
                    vec![("sandboxEnabled", FieldValue::True), ("sandbox", sandbox)]
                })),
            }
        }
        fields
    }
}

impl CommandFields {
    /// Returns the names of the fields that start the server in an entry with the fields `form`.
    pub fn new(form: &[EntryField]) -> Self {
        let mut names = Self { command: "command", args: None };
        for field in form {
            match *field {
                EntryField::Command(name) | EntryField::CommandLine(name) => names.command = name,
                EntryField::Arguments(name) => names.args = Some(name),
                _ => {}
            }
        }
        names
    }

    /// Reads an entry. `text` and `list` return the text and the list in a field with a given name.
    pub fn read(
        self,
        text: impl Fn(&str) -> Option<String>,
        list: impl Fn(&str) -> Option<Vec<String>>,
    ) -> InstalledEntry {
        match self.args {
            Some(args) => InstalledEntry { command: text(self.command), args: list(args).unwrap_or_default() },
            None => {
                let mut words = list(self.command).unwrap_or_default().into_iter();
                InstalledEntry { command: words.next(), args: words.collect() }
            }
        }
    }

    /// Returns the fields that start the server, with their values in `entry`.
    pub fn values(self, entry: &ServerEntry) -> Vec<(&'static str, FieldValue)> {
        match self.args {
            Some(args) => vec![
                (self.command, FieldValue::Text(entry.command.clone())),
                (args, FieldValue::List(entry.args.clone())),
            ],
            None => {
                let words = [&entry.command].into_iter().chain(&entry.args).cloned().collect();
                vec![(self.command, FieldValue::List(words))]
            }
        }
    }
}
