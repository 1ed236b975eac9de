//! Publishes, fetches and collects folders of any files, for `tests/locations/run`, which needs thousands of transfers
//! under faults and no index.
//!
//! ```text
//! transfer publish LOCATION FOLDER PROJECT COMMIT
//! transfer fetch LOCATION CACHE PROJECT
//! transfer collect LOCATION GRACE_SECONDS
//! ```

use std::ffi::OsStr;
use std::path::Path;
use std::time::Duration;

use codescry_locations::{FetchRequest, LocationError, LocationUrl, PublishRequest, collect_garbage, fetch, publish};
use config::LocationSettings;
use platform::cancel::CancelToken;

fn main() {
    let words: Vec<String> =
        config::program_arguments().skip(1).map(|word| word.to_string_lossy().into_owned()).collect();
    match run(&words.iter().map(String::as_str).collect::<Vec<_>>()) {
        Ok(line) => report(&line),
        Err(error) => {
            report(&format!("error: {error}"));
            std::process::exit(1);
        }
    }
}

#[expect(clippy::print_stdout, reason = "the output of a test program")]
fn report(line: &str) {
    println!("{line}");
}

fn run(words: &[&str]) -> Result<String, LocationError> {
    let settings = LocationSettings::detect().expect("settings");
    let cancel = CancelToken::default();
    let url = LocationUrl::parse(OsStr::new(words[1]))?;
    match words {
        ["publish", _, folder, project, commit] => {
            let folder = Path::new(folder);
            let files = list_files(folder, folder);
            let request = PublishRequest {
                dir: folder,
                files: &files,
                index: format!("{{ \"of\": {commit:?} }}"),
                project,
                commit: Some(commit),
                is_modified: false,
                model_id: "test",
                content: None,
                again: false,
                combined: None,
            };
            let done = publish(&url, &settings, &request, &cancel, &|_| ())?;
            Ok(format!("published {} of {} parts, {} bytes", done.uploaded_parts, done.parts, done.uploaded_bytes))
        }
        ["fetch", _, cache, project] => {
            let request = FetchRequest { cache_dir: Path::new(cache), project, commit: None, model_id: None };
            let done = fetch(&url, &settings, &request, &cancel, &|_| ())?;
            let offline = done.offline.map(|error| format!(", offline: {error}")).unwrap_or_default();
            let commit = done.base.commit.unwrap_or_default();
            Ok(format!("fetched {} bytes of {commit} to {}{offline}", done.fetched_bytes, done.dir.display()))
        }
        ["collect", _, grace] => {
            let grace = Duration::from_secs(grace.parse().expect("seconds"));
            let done = collect_garbage(&url, &settings, grace, false, &cancel)?;
            Ok(format!("removed {} parts and {} bases", done.removed_parts, done.removed_bases))
        }
        _ => Ok("usage: publish, fetch or collect".to_owned()),
    }
}

fn list_files(root: &Path, folder: &Path) -> Vec<(String, u64)> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).expect("a folder").flatten() {
        let (path, metadata) = (entry.path(), entry.metadata().expect("a file"));
        if metadata.is_dir() {
            files.extend(list_files(root, &path));
        } else {
            let name = path.strip_prefix(root).expect("below the root").to_string_lossy().replace('\\', "/");
            files.push((name, metadata.len()));
        }
    }
    files.sort();
    files
}
