//! Following the folder of an engine.

use super::{CancelToken, Engine, Scope};
use crate::index::{Changes, WatchError, Watcher};

impl Engine {
    /// Follows the folder until `stop` is cancelled: `changed` is called once with everything, as soon
    /// as no later change can be missed, and then with what has changed, a batch at a time. Its second
    /// argument says whether all of the folder is followed: if not, some changes are not told.
    ///
    /// # Errors
    /// When the folder cannot be followed; the message says what to do.
    pub fn follow(&self, stop: &CancelToken, changed: &mut dyn FnMut(Scope, bool)) -> Result<(), WatchError> {
        let watcher = Watcher::start(&self.settings.root, &self.settings.index_dir)?;
        changed(Scope::All, true);
        while let Some(changes) = watcher.next(stop) {
            let scope = match changes {
                Changes::Paths(paths) => Scope::Paths(paths),
                Changes::Everything { because } => {
                    tracing::debug!("looking at everything: {because}");
                    Scope::All
                }
            };
            changed(scope, watcher.is_complete());
        }
        Ok(())
    }
}
