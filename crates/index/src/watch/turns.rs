//! Divides the system's watches among the trees of a server.
//!
//! On Linux, each folder that is watched takes memory here and one of the system's watches, which editors need, too. A server
//! of a hundred worktrees would take more than there are. So once many folders are watched, another tree is watched only
//! in place of one that no call has used for some time. The others are compared with their files before each search.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use platform::cancel::CancelToken;

/// Number of folders from which on no further tree is watched.
const MAX_FOLDERS: usize = 32_768;

/// Time without a call after which a tree gives up its watches to another one.
const IDLE_TIME: Duration = Duration::from_secs(600);

/// The turns of this process.
pub static WATCH_TURNS: WatchTurns = WatchTurns::new(MAX_FOLDERS, IDLE_TIME);

/// The trees that are watched.
pub struct WatchTurns {
    max_folders: usize,
    idle_time: Duration,
    turns: Mutex<Vec<Arc<Turn>>>,
}

/// The right of a tree to be watched.
struct Turn {
    uses: Arc<TreeUses>,
    /// Number of its watched folders; 0 until it is known.
    folders: AtomicUsize,
    /// Cancelled when the turn ends.
    end: CancelToken,
}

/// A turn, which ends when this is dropped.
pub struct WatchTurn<'t> {
    turns: &'t WatchTurns,
    turn: Arc<Turn>,
}

impl WatchTurns {
    pub const fn new(max_folders: usize, idle_time: Duration) -> Self {
        Self { max_folders, idle_time, turns: Mutex::new(Vec::new()) }
    }

    /// Returns a turn for the tree with these uses; `None` if enough folders of other trees are watched, all of which were
    /// used lately.
    pub fn take(&self, uses: &Arc<TreeUses>) -> Option<WatchTurn<'_>> {
        let mut turns = self.lock();
        if !self.make_room(&mut turns, None) {
            return None;
        }
        let turn = Arc::new(Turn { uses: Arc::clone(uses), folders: AtomicUsize::new(0), end: CancelToken::default() });
        turns.push(Arc::clone(&turn));
        Some(WatchTurn { turns: self, turn })
    }

    /// Ends the turns of idle trees, the one that was used longest ago first, until there is room for another one. Returns
    /// whether there is. The turn `except` goes on and counts as the one that room is made for.
    fn make_room(&self, turns: &mut Vec<Arc<Turn>>, except: Option<&Arc<Turn>>) -> bool {
        let is_other = |turn: &Arc<Turn>| except.is_none_or(|except| !Arc::ptr_eq(turn, except));
        let own = except.map_or(0, |turn| turn.folders.load(Ordering::Relaxed));
        loop {
            let others: Vec<&Arc<Turn>> = turns.iter().filter(|turn| is_other(turn)).collect();
            let watched: usize = others.iter().map(|turn| turn.folders.load(Ordering::Relaxed)).sum();
            // A tree may be watched alone, however many folders it has.
            if watched == 0 || watched + own < self.max_folders {
                return true;
            }
            let idle = others.into_iter().max_by_key(|turn| turn.uses.idle_time()).map(Arc::clone);
            let Some(idle) = idle.filter(|turn| turn.uses.idle_time() >= self.idle_time) else { return false };
            idle.end.cancel();
            turns.retain(|turn| !Arc::ptr_eq(turn, &idle));
        }
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Arc<Turn>>> {
        self.turns.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl WatchTurn<'_> {
    /// Returns the token that is cancelled when the turn ends.
    pub fn end(&self) -> &CancelToken {
        &self.turn.end
    }

    /// Records how many folders are watched. Ends this turn if they are too many beside those of other trees.
    pub fn set_folders(&self, folders: usize) {
        let mut turns = self.turns.lock();
        self.turn.folders.store(folders, Ordering::Relaxed);
        if !self.turns.make_room(&mut turns, Some(&self.turn)) {
            self.turn.end.cancel();
        }
    }
}

impl Drop for WatchTurn<'_> {
    fn drop(&mut self) {
        self.turns.lock().retain(|turn| !Arc::ptr_eq(turn, &self.turn));
    }
}

/// The calls in a tree.
pub struct TreeUses {
    state: Mutex<UsesState>,
}

struct UsesState {
    /// Number of calls, and the time of the last one.
    calls: u64,
    last_at: Instant,
    /// Called once, by the next call.
    waiting: Option<Box<dyn FnOnce() + Send>>,
}

impl TreeUses {
    pub fn new() -> Arc<Self> {
        Arc::new(Self { state: Mutex::new(UsesState { calls: 0, last_at: Instant::now(), waiting: None }) })
    }

    /// Counts a call, and starts what waits for it.
    pub fn add(&self) {
        let mut state = self.lock();
        (state.calls, state.last_at) = (state.calls + 1, Instant::now());
        let waiting = state.waiting.take();
        drop(state);
        if let Some(start) = waiting {
            start();
        }
    }

    /// Returns the number of calls.
    pub(super) fn count(&self) -> u64 {
        self.lock().calls
    }

    /// Has the next call run `start`, on its own thread, instead of what waited before. Returns false, and drops
    /// `start`, if there were more than `calls` calls already.
    pub(super) fn wait_for_call(&self, calls: u64, start: impl FnOnce() + Send + 'static) -> bool {
        let mut state = self.lock();
        let is_first = state.calls <= calls;
        if is_first {
            state.waiting = Some(Box::new(start));
        }
        is_first
    }

    fn idle_time(&self) -> Duration {
        self.lock().last_at.elapsed()
    }

    fn lock(&self) -> MutexGuard<'_, UsesState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tree_is_watched_beside_others_while_there_is_room() {
        let turns = WatchTurns::new(100, Duration::MAX);
        let [a, b, c] = [(); 3].map(|()| TreeUses::new());
        let first = turns.take(&a).expect("a turn");
        first.set_folders(500);
        assert!(!first.end().is_cancelled(), "one tree may have any number of folders");
        assert!(turns.take(&b).is_none());
        first.set_folders(60);
        let second = turns.take(&b).expect("a turn");
        second.set_folders(30);
        let third = turns.take(&c).expect("a turn");
        third.set_folders(30);
        assert!(third.end().is_cancelled() && !second.end().is_cancelled() && !first.end().is_cancelled());
        drop((first, third));
        assert!(turns.take(&c).is_some());
    }

    #[test]
    fn an_idle_tree_makes_room_for_one_that_is_used() {
        let turns = WatchTurns::new(100, Duration::ZERO);
        let [a, b, c] = [(); 3].map(|()| TreeUses::new());
        let (first, second) = (turns.take(&a).expect("a turn"), turns.take(&b).expect("a turn"));
        first.set_folders(60);
        second.set_folders(30);
        a.add();
        let third = turns.take(&c).expect("a turn");
        third.set_folders(35);
        assert!(second.end().is_cancelled() && !first.end().is_cancelled() && !third.end().is_cancelled());
    }

    #[test]
    fn the_next_call_starts_once_what_waits_for_it() {
        let (uses, started) = (TreeUses::new(), Arc::new(AtomicUsize::new(0)));
        let wait = |calls: u64| {
            let started = Arc::clone(&started);
            uses.wait_for_call(calls, move || _ = started.fetch_add(1, Ordering::Relaxed))
        };
        assert!(wait(0));
        (0..2).for_each(|_| uses.add());
        assert_eq!(started.load(Ordering::Relaxed), 1);
        assert!(!wait(1), "there was another call already");
        assert!(wait(2));
        uses.add();
        assert_eq!(started.load(Ordering::Relaxed), 2);
    }
}
