//! Following the folder of an engine.
//!
//! Invariant: what could not be brought up to date is not forgotten. It is asked for again, together with what has
//! changed since, until it is done.

use std::time::Duration;

use super::{CancelToken, Engine, Scope};
use crate::index::{Changes, WatchError, Watcher};

/// The pause before what failed is tried again; it doubles each time…
const FIRST_PAUSE: Duration = Duration::from_secs(1);

/// … up to this.
const LONGEST_PAUSE: Duration = Duration::from_secs(300);

/// How often everything is looked at while some folders are not followed.
const LOOK_AT_ALL: Duration = Duration::from_secs(60);

/// What is left of a part that was to be brought up to date.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Left {
    Nothing,
    /// This could not be done: try again in a while, or when something changes.
    Again(Scope),
    /// Somebody wanted it no further: it waits for the next change.
    Waiting(Scope),
}

impl Engine {
    /// Follows the folder until `stop` is cancelled: `catch_up` is called once with everything, as soon
    /// as no later change can be missed, and then with what has changed, a batch at a time, and what it left
    /// the last time. Its second argument says why not all of the folder is followed, if so: some changes
    /// are seen late then.
    ///
    /// # Errors
    /// When the folder cannot be followed; the message says what to do.
    pub fn follow(
        &self,
        stop: &CancelToken,
        catch_up: &mut dyn FnMut(Scope, Option<&str>) -> Left,
    ) -> Result<(), WatchError> {
        let watcher = Watcher::start(&self.settings.root, &self.settings.index_dir)?;
        let mut owed = Owed::everything();
        while !stop.is_cancelled() {
            if let Some(scope) = owed.take() {
                owed.left(catch_up(scope, watcher.unseen().as_deref()));
            }
            let at_most = owed.pause().or_else(|| watcher.unseen().map(|_| LOOK_AT_ALL));
            match watcher.wait(stop, at_most) {
                Some(Changes::Paths(paths)) => owed.add(Scope::Paths(paths)),
                Some(Changes::Everything { because }) => {
                    tracing::debug!("looking at everything: {because}");
                    owed.add(Scope::All);
                }
                None if owed.pause().is_some() => owed.is_due = true,
                None => {
                    watcher.follow_all();
                    owed.add(Scope::All);
                }
            }
        }
        Ok(())
    }
}

/// What is still to be brought up to date.
struct Owed {
    scope: Option<Scope>,
    /// Whether to go at it now.
    is_due: bool,
    /// Before the next try; `None` while nothing has failed.
    pause: Option<Duration>,
}

impl Owed {
    fn everything() -> Self {
        Self { scope: Some(Scope::All), is_due: true, pause: None }
    }

    fn take(&mut self) -> Option<Scope> {
        if std::mem::take(&mut self.is_due) { self.scope.take() } else { None }
    }

    fn add(&mut self, scope: Scope) {
        self.is_due = true;
        self.scope = Some(match self.scope.take() {
            Some(before) => before.and(scope),
            None => scope,
        });
    }

    fn left(&mut self, left: Left) {
        (self.scope, self.pause) = match left {
            Left::Nothing => (None, None),
            Left::Waiting(scope) => (Some(scope), None),
            Left::Again(scope) => {
                let pause = self.pause.map_or(FIRST_PAUSE, |pause| (pause * 2).min(LONGEST_PAUSE));
                (Some(scope), Some(pause))
            }
        };
    }

    /// How long to wait at most for something to change; `None` for ever.
    fn pause(&self) -> Option<Duration> {
        self.pause
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::RepoPath;

    fn paths(paths: &[&str]) -> Scope {
        Scope::Paths(paths.iter().copied().map(RepoPath::new).collect())
    }

    #[test]
    fn what_failed_is_tried_again_with_what_has_changed_since_and_less_and_less_often() {
        let mut owed = Owed::everything();
        assert_eq!(owed.take(), Some(Scope::All));
        owed.left(Left::Nothing);
        assert_eq!((owed.take(), owed.pause()), (None, None));
        owed.add(paths(&["b.rs"]));
        let mut pauses = Vec::new();
        for _ in 0..12 {
            let scope = owed.take().expect("it is owed");
            owed.left(Left::Again(scope));
            assert_eq!(owed.take(), None, "not before the pause is over");
            pauses.extend(owed.pause());
            owed.is_due = true;
        }
        assert_eq!((pauses[0], pauses[1], pauses[11]), (FIRST_PAUSE, FIRST_PAUSE * 2, LONGEST_PAUSE));
        owed.add(paths(&["a.rs", "b.rs"]));
        assert_eq!(owed.take(), Some(paths(&["a.rs", "b.rs"])));
        owed.left(Left::Nothing);
        assert_eq!((owed.take(), owed.pause()), (None, None));
    }

    #[test]
    fn what_was_stopped_waits_for_the_next_change() {
        let mut owed = Owed::everything();
        let scope = owed.take().expect("it is owed");
        owed.left(Left::Waiting(scope));
        assert_eq!((owed.take(), owed.pause()), (None, None));
        owed.add(paths(&["a.rs"]));
        assert_eq!(owed.take(), Some(Scope::All));
    }
}
