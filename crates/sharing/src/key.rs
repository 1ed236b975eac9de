//! The sharing key: servers with equal keys may share one process.

use config::{EmbedderChoice, ModelSettings};
use engine::Settings;
use platform::process;
use types::ContentHash;

/// Returns the sharing key of a server for these folders; `None` if the program's own file cannot be read.
///
/// The key hashes everything that determines a server's access and answers: the program's version and file, the user,
/// whether the folders are watched, each folder with its index and settings, and the folders below which calls may name
/// projects, with the settings of these. Servers with equal keys give equal answers, so a process that joins another
/// cannot gain access to other folders. The forms of answers belong to a connection and are no part of the key.
///
/// In place of a single folder and its index, the key has the folder that the worktrees of its repository share:
/// servers of these worktrees share a process, in which each connection is served its own folder.
pub fn sharing_key(settings: &[Settings], within: &[Settings], watch: bool) -> Option<String> {
    let is_single = settings.len() == 1 && within.is_empty();
    let describe = |settings: &Settings| match is_single {
        true => format!("{:?} {}", engine::project_folder(&settings.root), describe_settings(settings)),
        false => format!("{:?} {:?} {}", settings.root, settings.index_dir, describe_settings(settings)),
    };
    let describe_all = |settings: &[Settings]| {
        let mut folders: Vec<_> = settings.iter().map(describe).collect();
        folders.sort();
        folders
    };
    let folders = (describe_all(settings), describe_all(within));
    let version = env!("CARGO_PKG_VERSION");
    let parts = format!("{version} {} {} {watch} {folders:?}", process::program_fingerprint()?, process::user_id());
    Some(ContentHash::of_bytes(parts.as_bytes()).to_string())
}

/// Describes the settings that can change an answer, without the folder and its index.
///
/// The windows of a client may have different environment variables, such as another Python or a hub token.
/// Settings that change no answer are left out, so that such windows still share a server.
fn describe_settings(settings: &Settings) -> String {
    let Settings {
        root: _,
        index_dir: _,
        base,
        locations,
        max_file_bytes,
        cross_file_systems,
        parse_time_limit,
        cache_dir,
        languages_file,
        max_cache_bytes,
        pipeline,
        models:
            ModelSettings {
                device,
                models_dir,
                library,
                hub_cache,
                visible_gpus,
                // The source of a model and the measured batch sizes change no answer.
                hub: _,
                hub_token: _,
                is_offline: _,
                hub_time_limit: _,
                probes_dir: _,
            },
    } = settings;
    let limits = (max_file_bytes, cross_file_systems, parse_time_limit, max_cache_bytes, languages_file);
    // Credentials change no answer, and decide over access only where a server reads a location while it answers. The key
    // is a hash.
    let access = base.as_ref().is_some_and(|base| base.is_in_place).then_some(&locations.variables);
    // The built-in model needs no files, so the search paths matter only for a named model.
    let is_named = matches!(pipeline.embedder, Some(EmbedderChoice::Model(_)));
    let search_paths = is_named.then_some((library, hub_cache, visible_gpus));
    format!("{base:?} {access:?} {cache_dir:?} {limits:?} {pipeline:?} {device:?} {models_dir:?} {search_paths:?}")
}

#[cfg(test)]
mod tests {
    use engine::Options;

    use super::*;

    #[test]
    fn settings_that_change_answers_change_the_key() {
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
        let key = |folders: &[Settings]| sharing_key(folders, &[], true);
        let mut in_place = settings("a", |options| {
            (options.base, options.in_place) = (Some("s3://bucket".into()), true);
        });
        let mine = key(std::slice::from_ref(&in_place));
        in_place.locations.variables.push(("AWS_ACCESS_KEY_ID".to_owned(), "another".to_owned()));
        assert_ne!(mine, key(std::slice::from_ref(&in_place)), "whoever has no access gets no answers");
        let base = key(std::slice::from_ref(&a));
        assert!(base.is_some() && base == key(&[settings("a/.", |_| ())]));
        assert_eq!(key(&[a.clone(), b.clone()]), key(&[b.clone(), a.clone()]));
        for other in [
            sharing_key(std::slice::from_ref(&a), &[], false),
            sharing_key(std::slice::from_ref(&a), std::slice::from_ref(&b), true),
            sharing_key(std::slice::from_ref(&a), std::slice::from_ref(&a), true),
            key(&[a, b.clone()]),
            key(&[b]),
            key(&[settings("a", |options| options.max_file_bytes = Some(7))]),
            key(&[settings("a", |options| options.cross_file_systems = Some(true))]),
            key(&[settings("a", |options| options.pipeline.parse_workers = Some(7))]),
            key(&[settings("a", |options| options.pipeline.embedder = Some(EmbedderChoice::BuiltIn))]),
            key(std::slice::from_ref(&in_place)),
        ] {
            assert_ne!(base, other);
        }
    }

    #[test]
    fn worktrees_of_a_repository_have_one_key() {
        let dir = tempfile::tempdir().expect("a folder");
        let path = |name: &str| dir.path().join(name);
        for folder in ["main/.git/worktrees/other", "main/src", "other/src", "alone"] {
            std::fs::create_dir_all(path(folder)).expect("a folder");
        }
        std::fs::write(path("main/.git/worktrees/other/commondir"), "../..\n").expect("a file");
        let pointer = format!("gitdir: {}\n", path("main/.git/worktrees/other").display());
        std::fs::write(path("other/.git"), pointer).expect("a file");
        let settings = |name: &str| {
            Settings::resolve(&Options { path: Some(path(name)), ..Options::default() }).expect("the folder is there")
        };
        let key = |names: &[&str]| {
            let folders: Vec<Settings> = names.iter().map(|name| settings(name)).collect();
            sharing_key(&folders, &[], true)
        };
        assert!(key(&["main"]).is_some() && key(&["main"]) == key(&["other"]));
        assert_ne!(key(&["main"]), key(&["alone"]));
        assert_ne!(key(&["main", "alone"]), key(&["other", "alone"]), "several folders are served as they are named");
    }

    #[test]
    fn environment_variables_change_the_key_only_for_a_named_model() {
        let dir = tempfile::tempdir().expect("a folder");
        let options = Options { path: Some(dir.path().to_owned()), ..Options::default() };
        let plain = Settings::resolve(&options).expect("the folder is there");
        let mut other = plain.clone();
        other.models.library.python = vec!["/venv/lib/python3/site-packages".into()];
        other.models.library.system.insert(0, "/cuda/lib".into());
        other.models.hub_token = Some("hf_token".to_owned());
        other.models.hub = "https://hub.example".to_owned();
        other.models.is_offline = !plain.models.is_offline;
        let key = |settings: &Settings| sharing_key(std::slice::from_ref(settings), &[], true);
        assert_eq!(key(&plain), key(&other));
        let with_model = |mut settings: Settings| {
            settings.pipeline.embedder = Some(EmbedderChoice::Model("all-MiniLM-L6-v2".to_owned()));
            key(&settings)
        };
        assert_ne!(with_model(plain), with_model(other));
    }
}
