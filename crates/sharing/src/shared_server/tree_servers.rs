//! The servers of the worktrees of one project in one process.
//!
//! Each connection is served one tree and no other. The tree of the process's own client is served as long as the
//! process runs; another tree as long as a connection to it is open.

use std::sync::Arc;

use engine::{Engine, Settings};
use mcp::{FolderAccess, FolderWatchers, McpServer};
use types::AbsPath;

use crate::folders::{ServedTree, SharedFolders};

/// The servers of the trees of a project. Clones share their state.
#[derive(Clone)]
pub struct TreeServers {
    /// The server of the folders that the process was started with.
    own: McpServer,
    own_tree: Option<ServedTree>,
    /// The settings of the own tree; another tree has the same, except for its folders. `None` if the process does not
    /// serve a single tree.
    settings: Option<Arc<Settings>>,
    watch: bool,
    others: Arc<tokio::sync::Mutex<Vec<OtherTree>>>,
}

/// Another tree of the project.
struct OtherTree {
    tree: ServedTree,
    server: McpServer,
    watchers: Option<FolderWatchers>,
    connections: usize,
}

impl TreeServers {
    /// Creates the servers of a process that serves `folders` with `own`.
    pub fn new(own: McpServer, folders: &SharedFolders, watch: bool) -> Self {
        let own_tree = folders.only_tree();
        let settings = folders.served.first().filter(|_| own_tree.is_some()).cloned().map(Arc::new);
        Self { own, own_tree, settings, watch, others: Arc::default() }
    }

    /// Returns the server for a connection that asks for `tree`. Call [`TreeServers::leave_tree`] when the connection
    /// ends.
    ///
    /// # Errors
    /// The reason why the tree cannot be served.
    pub async fn open_tree(&self, tree: Option<&ServedTree>) -> Result<McpServer, String> {
        if tree == self.own_tree.as_ref() {
            return Ok(self.own.clone());
        }
        // A process that serves one tree must not answer for another one.
        let Some(tree) = tree else { return Err("the process named no folder".to_owned()) };
        let Some(settings) = &self.settings else { return Err("this process serves several folders".to_owned()) };
        let mut others = self.others.lock().await;
        if let Some(other) = others.iter_mut().find(|other| other.tree == *tree) {
            other.connections += 1;
            return Ok(other.server.clone());
        }
        let root = AbsPath::canonical(&tree.root).map_err(|error| error.to_string())?;
        if root.as_path() != tree.root {
            return Err("the folder was replaced meanwhile".to_owned());
        }
        if engine::project_folder(&root) != engine::project_folder(&settings.root) {
            return Err("the folder belongs to another project".to_owned());
        }
        let settings = Settings { root, index_dir: tree.index_dir.clone(), ..settings.as_ref().clone() };
        let opened = tokio::task::spawn_blocking(move || Engine::open(settings)).await;
        let engine = opened.map_err(|error| error.to_string())?.map_err(|error| error.to_string())?;
        let server = McpServer::new(vec![Arc::new(engine)], FolderAccess::default());
        server.start_background_work();
        let watchers = self.watch.then(|| server.watch_folders());
        others.push(OtherTree { tree: tree.clone(), server: server.clone(), watchers, connections: 1 });
        Ok(server)
    }

    /// Ends a connection to the server of `tree`, and closes the server after the last one.
    pub async fn leave_tree(&self, tree: Option<&ServedTree>) {
        let mut others = self.others.lock().await;
        let Some(at) = others.iter().position(|other| Some(&other.tree) == tree) else { return };
        others[at].connections -= 1;
        if others[at].connections == 0 {
            let closed = others.swap_remove(at);
            drop(others);
            closed.close().await;
        }
    }

    /// Closes the servers of all trees but the own one.
    pub async fn close_others(&self) {
        let others = std::mem::take(&mut *self.others.lock().await);
        for other in others {
            other.close().await;
        }
    }
}

impl OtherTree {
    /// Cancels the index runs, and stops the watchers without waiting for them.
    async fn close(self) {
        self.server.close(std::time::Duration::ZERO).await;
        let watchers = self.watchers;
        // Their threads may be reading the disk, so nothing waits for them.
        tokio::task::spawn_blocking(move || drop(watchers));
    }
}
