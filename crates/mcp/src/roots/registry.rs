//! The folders of a server, and the rules by which further folders are served.
//!
//! A server starts with the folders that the user or the client gave. With `--within`, a call may name any project
//! below an allowed folder. A server without a folder takes the roots that its client offers. Every folder passes the
//! checks of [`FolderAccess::resolve`], whether a user, a call or a client names it; a folder below an allowed one is
//! compared by components after symbolic links are resolved.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use engine::{Engine, RefusedFolder, Settings, find_allowed_folder};
use mcp_schema::argument::ROOT;
use rmcp::model::JsonObject;
use text::display::sanitize_line;
use text::encoding::percent::percent_decode;
use tokio::sync::watch;

use super::served::{ServedRoot, ServedRoots, is_current_folder};
use super::watchers::FolderWatchers;
use crate::call::arguments::raw_text;
use crate::call::blocking::run_blocking;
use crate::call::result::ToolError;

/// Maximum number of served folders; each holds its index in memory.
const MAX_ROOTS: usize = 16;

/// Time that a call waits, at most, for the roots of its client.
const CLIENT_ROOTS_WAIT: Duration = Duration::from_secs(5);

/// The rules by which folders are served in addition to the folders given at the start.
#[derive(Clone)]
pub struct FolderAccess {
    /// Folders below which a call may name any project, with symbolic links resolved.
    pub within: Vec<PathBuf>,
    /// Whether the roots that the client offers are served.
    pub takes_client_roots: bool,
    /// Advice for calls while no folder is served, and for calls that name a folder that is not served.
    pub advice: String,
    /// Checks a folder and returns its settings, or the reason why it is refused.
    pub resolve: Arc<ResolveFolder>,
}

/// A function that checks a folder and returns its settings.
pub type ResolveFolder = dyn Fn(&Path) -> Result<Settings, String> + Send + Sync;

impl Default for FolderAccess {
    /// Returns rules that add no folder.
    fn default() -> Self {
        let refuse = |_: &Path| Err("it was not given when the server started".to_owned());
        Self { within: Vec::new(), takes_client_roots: false, advice: String::new(), resolve: Arc::new(refuse) }
    }
}

impl FolderAccess {
    /// Returns whether further folders may be served.
    pub fn is_open(&self) -> bool {
        self.takes_client_roots || !self.within.is_empty()
    }
}

/// The folders of a server.
pub struct RootRegistry {
    served: RwLock<Arc<ServedRoots>>,
    access: FolderAccess,
    /// Held while a folder is added, so that none is opened twice.
    adding: tokio::sync::Mutex<()>,
    /// Whether the client was asked for its roots and has not answered yet.
    awaits_client: watch::Sender<bool>,
    watchers: Mutex<AddedWatchers>,
}

/// The watchers of the folders that were added.
#[derive(Default)]
struct AddedWatchers {
    /// Whether added folders are watched.
    is_enabled: bool,
    /// The watchers, each with its folder.
    running: Vec<(PathBuf, FolderWatchers)>,
}

impl RootRegistry {
    /// Creates a registry of these folders.
    pub fn new(roots: Vec<ServedRoot>, access: FolderAccess) -> Self {
        let served = ServedRoots::with_advice(roots.into_iter().map(Arc::new).collect(), access.advice.clone());
        Self {
            served: RwLock::new(Arc::new(served)),
            access,
            adding: tokio::sync::Mutex::default(),
            awaits_client: watch::Sender::new(false),
            watchers: Mutex::default(),
        }
    }

    /// Returns the folders that are served now.
    pub fn served(&self) -> Arc<ServedRoots> {
        Arc::clone(&self.served.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Returns the rules by which folders are added.
    pub fn access(&self) -> &FolderAccess {
        &self.access
    }

    /// Watches the served folders until the returned value is dropped, and folders that are added until the client
    /// withdraws them or the registry is closed.
    pub fn watch_folders(&self) -> FolderWatchers {
        self.watchers.lock().unwrap_or_else(PoisonError::into_inner).is_enabled = true;
        FolderWatchers::start(&self.served().list)
    }

    /// Returns the folders for a call, after waiting for the client's roots if the client was asked for them. If calls
    /// may name projects and the argument `root` names one that is not served yet, serves it and returns it alone.
    ///
    /// # Errors
    /// When the named folder is refused or cannot be opened.
    pub async fn roots_of_call(&self, given: &JsonObject) -> Result<Arc<ServedRoots>, ToolError> {
        self.wait_for_client_roots().await;
        let served = self.served();
        let Some(name) = raw_text(given, &ROOT).filter(|_| !self.access.within.is_empty()) else {
            return Ok(served);
        };
        // Here a relative name, `.` included, is below an allowed folder. The name of a served one may be that of others.
        let project = find_allowed_folder(&self.access.within, name);
        let is_ambiguous = project.as_ref().is_err_and(RefusedFolder::is_ambiguous);
        if !is_current_folder(name) && !is_ambiguous && served.select_root(Some(name)).is_ok() {
            return Ok(served);
        }
        let refuse = |why: String| ToolError(format!("root {}: {why}", sanitize_line(name)));
        let folder = project.map_err(|refused| refuse(refused.to_string()))?;
        self.add_folder(&folder).await.map_err(refuse)?;
        // The call may name the folder in a way that only leads to it.
        let named: Vec<_> = self.served().list.iter().filter(|root| root.path() == folder).cloned().collect();
        Ok(Arc::new(ServedRoots::with_advice(named, self.access.advice.clone())))
    }

    /// Serves a folder if [`FolderAccess::resolve`] accepts it, unless it is served already.
    ///
    /// # Errors
    /// The reason why the folder is refused or cannot be opened.
    async fn add_folder(&self, folder: &Path) -> Result<(), String> {
        let _adding = self.adding.lock().await;
        let served = self.served();
        if served.list.iter().any(|root| root.path() == folder) {
            return Ok(());
        }
        if served.list.len() >= MAX_ROOTS {
            return Err(format!("{MAX_ROOTS} folders are served already; restart the server to serve others"));
        }
        let settings = (self.access.resolve)(folder)?;
        if settings.root.as_path() != folder {
            return Err("the folder was replaced meanwhile".to_owned());
        }
        if served.list.iter().any(|root| root.engine.index_dir() == settings.index_dir) {
            return Err("--index-dir holds the index of one folder; leave it out to serve several".to_owned());
        }
        let opened = run_blocking(move || Engine::open(settings)).await.map_err(|error| error.0)?;
        let root = Arc::new(ServedRoot::new(Arc::new(opened.map_err(|error| error.to_string())?)));
        start_root(&root);
        let mut watchers = self.watchers.lock().unwrap_or_else(PoisonError::into_inner);
        if watchers.is_enabled {
            watchers.running.push((folder.to_owned(), FolderWatchers::start(std::slice::from_ref(&root))));
        }
        drop(watchers);
        let list = served.list.iter().cloned().chain([root]).collect();
        self.replace(list);
        Ok(())
    }

    /// Records that the client was asked for its roots; calls wait for the answer.
    pub fn expect_client_roots(&self) {
        self.awaits_client.send_replace(true);
    }

    /// Serves the roots that the client offers, given as `file:` URIs, and no other ones. Returns the reasons why roots
    /// are refused.
    pub async fn set_client_roots(&self, uris: &[String]) -> Vec<String> {
        let mut refused = Vec::new();
        let mut offered = Vec::new();
        for uri in uris {
            match path_of_uri(uri).and_then(|path| path.canonicalize().ok()).filter(|path| path.is_dir()) {
                None => refused.push(format!("{} is not a folder on this machine", sanitize_line(uri))),
                Some(folder) => match self.add_folder(&folder).await {
                    Ok(()) => offered.push(folder),
                    Err(why) => refused.push(why),
                },
            }
        }
        let (kept, gone): (Vec<_>, Vec<_>) =
            self.served().list.iter().cloned().partition(|root| offered.iter().any(|folder| folder == root.path()));
        self.replace_with_advice(kept, &refused);
        self.stop_watchers(|folder| gone.iter().any(|root| root.path() == folder));
        for root in gone {
            root.runs.close(Duration::ZERO).await;
        }
        self.awaits_client.send_replace(false);
        refused
    }

    /// Keeps the folders that are served, because the client did not answer the request for its roots.
    pub fn keep_client_roots(&self) {
        self.awaits_client.send_replace(false);
    }

    /// Stops the watchers of the added folders for which `is_stopped` holds, without waiting for them: their threads
    /// may be reading the disk.
    fn stop_watchers(&self, is_stopped: impl Fn(&Path) -> bool) {
        let mut watchers = self.watchers.lock().unwrap_or_else(PoisonError::into_inner);
        let stopped: Vec<_> = watchers.running.extract_if(.., |(folder, _)| is_stopped(folder)).collect();
        drop(watchers);
        tokio::task::spawn_blocking(move || drop(stopped));
    }

    /// Waits until the client has answered the request for its roots, at most [`CLIENT_ROOTS_WAIT`].
    async fn wait_for_client_roots(&self) {
        let mut awaits = self.awaits_client.subscribe();
        // After the timeout, the call says that no folder is served.
        _ = tokio::time::timeout(CLIENT_ROOTS_WAIT, awaits.wait_for(|awaits| !awaits)).await;
    }

    fn replace(&self, list: Vec<Arc<ServedRoot>>) {
        self.replace_with_advice(list, &[]);
    }

    /// Replaces the served folders; the advice includes the reasons why folders were refused.
    fn replace_with_advice(&self, list: Vec<Arc<ServedRoot>>, refused: &[String]) {
        let mut advice = self.access.advice.clone();
        refused.iter().for_each(|why| advice.push_str(&format!("; {why}")));
        *self.served.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(ServedRoots::with_advice(list, advice));
    }

    /// Cancels the index runs and waits at most `timeout` for them to end, then stops the watchers of added folders
    /// without waiting for them.
    pub async fn close(&self, timeout: Duration) {
        let served = self.served();
        futures::future::join_all(served.list.iter().map(|root| root.runs.close(timeout))).await;
        self.stop_watchers(|_| true);
    }
}

/// Starts to load the data that searches of a root need into memory, and to index it, both in the background.
pub fn start_root(root: &ServedRoot) {
    /// Held while one root is loaded: the roots of a server may share most of what they load.
    static LOADING: Mutex<()> = Mutex::new(());
    let engine = Arc::clone(&root.engine);
    tokio::task::spawn_blocking(move || {
        let _loading = LOADING.lock().unwrap_or_else(PoisonError::into_inner);
        engine.warm_up_texts();
    });
    root.runs.start_or_join(false);
}

/// Returns the path of a `file:` URI; `None` for another URI, or one that is not encoded correctly.
fn path_of_uri(uri: &str) -> Option<PathBuf> {
    let path = percent_decode(uri.strip_prefix("file://")?)?;
    // file:///C:/code names the drive after the slash.
    let drive = path.strip_prefix('/').filter(|rest| rest.as_bytes().get(1) == Some(&b':'));
    Some(PathBuf::from(drive.unwrap_or(&path)))
}

#[cfg(test)]
mod tests {
    use engine::Options;
    use serde_json::json;

    use super::*;

    /// Returns rules that allow projects below `folder`.
    fn access_within(folder: &Path) -> FolderAccess {
        let index = folder.with_extension("index");
        let resolve = move |root: &Path| {
            let index_dir = Some(index.join(root.file_name().expect("a name")));
            let options = Options { path: Some(root.to_owned()), index_dir, ..Options::default() };
            Settings::resolve(&options).map_err(|error| error.to_string())
        };
        FolderAccess { within: vec![folder.to_owned()], resolve: Arc::new(resolve), ..FolderAccess::default() }
    }

    /// Creates folders in a temporary folder. Returns that folder, and its path without links.
    fn create_folders(names: &[&str]) -> (tempfile::TempDir, PathBuf) {
        let home = tempfile::tempdir().expect("a folder");
        let base = home.path().canonicalize().expect("it is there");
        names.iter().for_each(|name| std::fs::create_dir_all(base.join(name)).expect("a folder"));
        (home, base)
    }

    /// Runs `work` on a runtime of its own.
    fn block_on<T>(work: impl Future<Output = T>) -> T {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
        runtime.expect("a runtime").block_on(work)
    }

    fn call(root: &str) -> JsonObject {
        json!({ "root": root }).as_object().cloned().expect("an object")
    }

    #[test]
    fn a_call_may_name_a_project_below_an_allowed_folder() {
        let (_home, base) =
            create_folders(&["allowed/app/src", "allowed/other", "allowed/.ssh", "allowed-evil/app", "elsewhere"]);
        std::fs::write(base.join("allowed/file"), "").expect("a file");
        let registry = RootRegistry::new(Vec::new(), access_within(&base.join("allowed")));
        block_on(async {
            for name in ["app", "./app", &base.join("allowed/app").to_string_lossy()] {
                let roots = registry.roots_of_call(&call(name)).await.map_err(|error| error.0);
                let roots = roots.unwrap_or_else(|error| panic!("{name}: {error}"));
                let paths: Vec<_> = roots.list.iter().map(|root| root.path().to_owned()).collect();
                assert_eq!(paths, [base.join("allowed/app")], "{name}");
            }
            assert_eq!(registry.served().list.len(), 1, "it was opened once");
            for (name, why) in [
                ("nothing", "no such folder below"),
                ("file", "no such folder below"),
                ("..", "is not below"),
                ("../elsewhere", "is not below"),
                ("app/../../elsewhere", "is not below"),
                (&base.join("allowed-evil/app").to_string_lossy(), "is not below"),
                (&base.join("elsewhere").to_string_lossy(), "is not below"),
                ("/", "is not below"),
                (".", "name a project below"),
                (".ssh", "hidden folders are not served"),
            ] {
                let refused = registry.roots_of_call(&call(name)).await.map(|_| ()).expect_err(name);
                assert!(refused.0.contains(why), "{name}: {}", refused.0);
            }
            registry.close(Duration::from_secs(60)).await;
        });
    }

    #[test]
    fn a_name_of_several_projects_is_refused_with_their_paths() {
        let (_home, base) = create_folders(&["one/api", "two/api"]);
        let within = ["one", "two"].map(|folder| base.join(folder)).to_vec();
        let registry = RootRegistry::new(Vec::new(), FolderAccess { within, ..access_within(&base.join("one")) });
        block_on(async {
            let one = base.join("one/api");
            let roots = registry.roots_of_call(&call(&one.to_string_lossy())).await;
            assert_eq!(roots.unwrap_or_else(|error| panic!("{}", error.0)).list[0].path(), one);
            let refused = registry.roots_of_call(&call("api")).await.map(|_| ()).expect_err("there are two").0;
            assert!(refused.contains("one/api, ") && refused.contains("two/api; name one by its path"), "{refused}");
            registry.close(Duration::from_secs(60)).await;
        });
    }

    #[test]
    fn a_folder_that_the_client_withdraws_is_no_longer_watched() {
        let (_home, base) = create_folders(&["allowed/app"]);
        let folder = base.join("allowed/app");
        std::fs::write(folder.join("a.rs"), "fn a() {}\n").expect("a file");
        let registry = RootRegistry::new(Vec::new(), access_within(&base.join("allowed")));
        let _watchers = registry.watch_folders();
        block_on(async {
            let uri = format!("file://{}", folder.display());
            assert_eq!(registry.set_client_roots(&[uri]).await, Vec::<String>::new());
            let mut states = registry.served().list[0].runs.subscribe();
            let limit = Duration::from_secs(120);
            let watched = tokio::time::timeout(limit, states.wait_for(|state| state.is_watched)).await;
            watched.expect("it is watched").expect("the runs are there");
            registry.set_client_roots(&[]).await;
            assert!(registry.served().list.is_empty());
            let ended = tokio::time::timeout(limit, states.wait_for(|state| !state.is_watched)).await;
            ended.expect("the watcher ends").expect("the runs are there");
        });
    }

    #[cfg(unix)]
    #[test]
    fn a_link_does_not_lead_out_of_an_allowed_folder() {
        let (_home, base) = create_folders(&["allowed/app", "elsewhere"]);
        std::os::unix::fs::symlink(base.join("elsewhere"), base.join("allowed/link")).expect("a link");
        std::os::unix::fs::symlink(base.join("allowed/app"), base.join("allowed/alias")).expect("a link");
        let access = access_within(&base.join("allowed"));
        assert!(
            find_allowed_folder(&access.within, "link").expect_err("it leads out").to_string().contains("is not below")
        );
        assert_eq!(find_allowed_folder(&access.within, "alias"), Ok(base.join("allowed/app")));
    }

    #[test]
    fn uris_of_folders_become_paths() {
        let path = |uri: &str| path_of_uri(uri).map(|path| path.to_string_lossy().into_owned());
        assert_eq!(path("file:///srv/my%20app").as_deref(), Some("/srv/my app"));
        assert_eq!(path("file:///C:/code").as_deref(), Some("C:/code"));
        assert_eq!([path("https://example.com/x"), path("/srv"), path("file:///%ff")], [None, None, None]);
    }
}
