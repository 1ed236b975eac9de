//! What two servers must have in common to share a process.
//!
//! Must never import: anything of this crate but `config`, `engine` and `types`.

use crate::config::{EmbedderChoice, ModelSettings, machine};
use crate::engine::Settings;
use crate::types::ContentHash;

/// A hash of all that decides what a server may read and what it answers: the program's version
/// and file, the user, every folder with its index and its settings. Equal keys, equal servers: who
/// joins can neither widen nor change what is served. `None` where the program cannot tell itself
/// from another version.
pub fn of(settings: &[Settings], follow: bool) -> Option<String> {
    let mut folders: Vec<_> = settings.iter().map(folder).collect();
    folders.sort();
    let version = env!("CARGO_PKG_VERSION");
    let parts = format!("{version} {} {} {follow} {folders:?}", machine::program_stamp()?, machine::user_id());
    Some(ContentHash::of(parts.as_bytes()).to_string())
}

/// What counts of a folder's settings. Windows of one client may differ in their variables (another
/// Python, a token for a hub), which must not keep them apart where no answer comes from that.
fn folder(settings: &Settings) -> String {
    let Settings {
        root,
        index_dir,
        max_file_bytes,
        parse_time_limit,
        cache_dir,
        max_cache_bytes,
        pipeline,
        models:
            ModelSettings {
                device,
                models_dir,
                library,
                hub_cache,
                visible_gpus,
                // How a model came here, and how it is best run, is no part of an answer.
                hub: _,
                hub_token: _,
                is_offline: _,
                hub_time_limit: _,
                probes_dir: _,
            },
    } = settings;
    let limits = (max_file_bytes, parse_time_limit, max_cache_bytes);
    // Where a model is and what runs it matters only to one that has to be found.
    let is_named = matches!(pipeline.embedder, Some(EmbedderChoice::Model(_)));
    let found_at = is_named.then_some((library, hub_cache, visible_gpus));
    format!("{root:?} {index_dir:?} {cache_dir:?} {limits:?} {pipeline:?} {device:?} {models_dir:?} {found_at:?}")
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
            of(&[settings("a", |options| options.pipeline.embedder = Some(EmbedderChoice::BuiltIn))], true),
        ] {
            assert_ne!(base, other);
        }
    }

    #[test]
    fn what_a_window_has_besides_does_not_count_unless_a_model_is_found_by_it() {
        let dir = tempfile::tempdir().expect("a folder");
        let options = Options { path: Some(dir.path().to_owned()), ..Options::default() };
        let plain = Settings::resolve(&options).expect("the folder is there");
        let mut other = plain.clone();
        other.models.library.python = vec!["/venv/lib/python3/site-packages".into()];
        other.models.library.system.insert(0, "/cuda/lib".into());
        other.models.hub_token = Some("hf_token".to_owned());
        other.models.hub = "https://hub.example".to_owned();
        other.models.is_offline = !plain.models.is_offline;
        assert_eq!(of(std::slice::from_ref(&plain), true), of(std::slice::from_ref(&other), true));
        let with_model = |mut settings: Settings| {
            settings.pipeline.embedder = Some(EmbedderChoice::Model("all-MiniLM-L6-v2".to_owned()));
            of(&[settings], true)
        };
        assert_ne!(with_model(plain), with_model(other));
    }
}
