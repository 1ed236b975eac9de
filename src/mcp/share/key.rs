//! What two servers must have in common to share a process.
//!
//! Must never import: anything of this crate but `config`, `engine` and `types`.

use crate::config::machine;
use crate::engine::Settings;
use crate::types::ContentHash;

/// A hash of all that decides what a server may read and what it answers: the program's version
/// and file, the user, every folder with its index and its settings. Equal keys, equal servers: who
/// joins can neither widen nor change what is served. `None` where the program cannot tell itself
/// from another version.
pub fn of(settings: &[Settings], follow: bool) -> Option<String> {
    let mut folders: Vec<_> = settings.iter().map(|settings| format!("{settings:?}")).collect();
    folders.sort();
    let version = env!("CARGO_PKG_VERSION");
    let parts = format!("{version} {} {} {follow} {folders:?}", machine::program_stamp()?, machine::user_id());
    Some(ContentHash::of(parts.as_bytes()).to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::Options;

    #[test]
    fn whatever_changes_the_answers_changes_the_key() {
        let dir = tempfile::tempdir().expect("a folder");
        let settings = |name: &str, change: fn(&mut Options)| {
            let path = dir.path().join(name);
            std::fs::create_dir_all(&path).expect("a folder");
            let mut options = Options { path: Some(path), index_dir: Some("/i".into()), ..Options::default() };
            options.cache_dir = Some("/c".into());
            change(&mut options);
            Settings::resolve(&options).expect("the folder is there")
        };
        let (a, b) = (settings("a", |_| ()), settings("b", |_| ()));
        let base = of(std::slice::from_ref(&a), true);
        assert!(base.is_some() && base == of(&[settings("a/.", |_| ())], true));
        assert_eq!(of(&[a.clone(), b.clone()], true), of(&[b.clone(), a.clone()], true));
        for other in [
            of(std::slice::from_ref(&a), false),
            of(&[a, b.clone()], true),
            of(&[b], true),
            of(&[settings("a", |options| options.index_dir = Some("/j".into()))], true),
            of(&[settings("a", |options| options.max_file_bytes = Some(7))], true),
            of(&[settings("a", |options| options.pipeline.parse_workers = Some(7))], true),
        ] {
            assert_ne!(base, other);
        }
    }
}
