//! Folders that helper threads read while the walk visits the findings before them.
//!
//! Every folder is a slot. The walk takes the slots in its own order and reads a folder itself if no helper has begun it,
//! so the findings and their order do not depend on the helpers. Helpers begin the slot that was discovered last and comes
//! first, which is near the place of the walk, and stop when they are far ahead.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

/// Number of items that helpers may read before the walk has taken any of them; limits their memory, and the depth of
/// folders that are dropped at once.
const MAX_ITEMS_AHEAD: usize = 4_096;

/// An item of a folder: a finding, or a folder that is still to be read.
pub(super) enum FolderItem<F, J> {
    Finding(F),
    Folder(Arc<Slot<F, J>>),
}

/// A folder to be read, by `J`, into findings `F` and further folders.
pub(super) struct Slot<F, J> {
    state: Mutex<SlotState<F, J>>,
    changed: Condvar,
}

enum SlotState<F, J> {
    Waiting(J),
    Reading,
    Done(Vec<FolderItem<F, J>>),
    /// The walk has the items, or the helper that read the folder panicked.
    Gone,
}

impl<F, J> Slot<F, J> {
    /// Creates the slot of a folder that nobody has begun to read.
    pub fn new(job: J) -> Arc<Self> {
        Arc::new(Self { state: Mutex::new(SlotState::Waiting(job)), changed: Condvar::new() })
    }

    /// Takes the job, if nobody has begun it.
    fn begin(&self) -> Option<J> {
        let mut state = lock(&self.state);
        match std::mem::replace(&mut *state, SlotState::Reading) {
            SlotState::Waiting(job) => Some(job),
            other => {
                *state = other;
                None
            }
        }
    }

    fn end(&self, state: SlotState<F, J>) {
        *lock(&self.state) = state;
        self.changed.notify_all();
    }
}

/// The slots that helpers may begin.
pub(super) struct ReadAhead<F, J> {
    queue: Mutex<Queue<F, J>>,
    changed: Condvar,
}

struct Queue<F, J> {
    /// The slots, the one to begin next last. The walk may have taken some of them.
    slots: Vec<Arc<Slot<F, J>>>,
    /// Number of items that helpers have read and the walk has not taken.
    items_ahead: usize,
    is_over: bool,
}

/// Marks the walk as over when dropped, so that helpers end even after a panic.
pub(super) struct EndOfWalk<'a, F, J>(pub &'a ReadAhead<F, J>);

impl<F, J> Drop for EndOfWalk<'_, F, J> {
    fn drop(&mut self) {
        lock(&self.0.queue).is_over = true;
        self.0.changed.notify_all();
    }
}

impl<F, J> ReadAhead<F, J> {
    pub fn new() -> Self {
        let queue = Queue { slots: Vec::new(), items_ahead: 0, is_over: false };
        Self { queue: Mutex::new(queue), changed: Condvar::new() }
    }

    /// Offers the folders among the items of a folder to the helpers.
    pub fn offer(&self, items: &[FolderItem<F, J>]) {
        let folders = items.iter().rev().filter_map(|item| match item {
            FolderItem::Finding(_) => None,
            FolderItem::Folder(slot) => Some(Arc::clone(slot)),
        });
        lock(&self.queue).slots.extend(folders);
        self.changed.notify_all();
    }

    /// Returns the items of a folder: those that a helper has read or is reading, otherwise those that `read` returns.
    ///
    /// # Panics
    /// When the helper panicked.
    pub fn take_items(
        &self,
        slot: &Slot<F, J>,
        read: impl FnOnce(J) -> Vec<FolderItem<F, J>>,
    ) -> Vec<FolderItem<F, J>> {
        if let Some(job) = slot.begin() {
            return read(job);
        }
        let mut state = lock(&slot.state);
        while matches!(*state, SlotState::Reading) {
            state = slot.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        let SlotState::Done(items) = std::mem::replace(&mut *state, SlotState::Gone) else {
            panic!("a thread that reads folders panicked");
        };
        drop(state);
        lock(&self.queue).items_ahead -= items.len() + 1;
        self.changed.notify_all();
        items
    }

    /// Reads folders by `read` until the walk is over.
    pub fn help(&self, mut read: impl FnMut(J) -> Vec<FolderItem<F, J>>) {
        while let Some(slot) = self.next_slot() {
            let Some(job) = slot.begin() else { continue };
            let unwound = EndOfRead(&slot);
            let items = read(job);
            std::mem::forget(unwound);
            self.offer(&items);
            lock(&self.queue).items_ahead += items.len() + 1;
            slot.end(SlotState::Done(items));
        }
    }

    /// Waits for a slot; `None` when the walk is over.
    fn next_slot(&self) -> Option<Arc<Slot<F, J>>> {
        let mut queue = lock(&self.queue);
        loop {
            if queue.is_over {
                return None;
            }
            if queue.items_ahead < MAX_ITEMS_AHEAD
                && let Some(slot) = queue.slots.pop()
            {
                return Some(slot);
            }
            queue = self.changed.wait(queue).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

/// Releases the walk from a slot whose reader panicked.
struct EndOfRead<'s, F, J>(&'s Slot<F, J>);

impl<F, J> Drop for EndOfRead<'_, F, J> {
    fn drop(&mut self) {
        self.0.end(SlotState::Gone);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A folder with a finding and, on all levels but the last, ten folders.
    #[derive(Clone)]
    struct Job {
        name: String,
        levels: usize,
    }

    fn read(job: &Job) -> Vec<FolderItem<String, Job>> {
        let mut items = vec![FolderItem::Finding(job.name.clone())];
        if job.levels > 0 {
            let folder = |number| Job { name: format!("{}/{number}", job.name), levels: job.levels - 1 };
            items.extend((0..10).map(|number| FolderItem::Folder(Slot::new(folder(number)))));
        }
        items
    }

    /// Walks all folders with this number of helpers, and returns the findings.
    fn walk(helpers: usize, read: impl Fn(&Job) -> Vec<FolderItem<String, Job>> + Sync) -> Vec<String> {
        let ahead = ReadAhead::new();
        let mut found = Vec::new();
        std::thread::scope(|scope| {
            let _end = EndOfWalk(&ahead);
            for _ in 0..helpers {
                scope.spawn(|| ahead.help(|job| read(&job)));
            }
            let top = Slot::new(Job { name: String::new(), levels: 3 });
            let mut open = vec![vec![FolderItem::Folder(top)]];
            while let Some(items) = open.last_mut() {
                match items.pop() {
                    None => _ = open.pop(),
                    Some(FolderItem::Finding(name)) => found.push(name),
                    Some(FolderItem::Folder(slot)) => {
                        let mut items = ahead.take_items(&slot, |job| {
                            let items = read(&job);
                            ahead.offer(&items);
                            items
                        });
                        items.reverse();
                        open.push(items);
                    }
                }
            }
        });
        found
    }

    #[test]
    fn helpers_change_neither_the_findings_nor_their_order() {
        let alone = walk(0, read);
        assert_eq!(alone.len(), 1_111);
        assert_eq!(alone[..4], ["", "/0", "/0/0", "/0/0/0"]);
        for _ in 0..20 {
            assert_eq!(walk(3, read), alone);
        }
    }

    #[test]
    fn helpers_stop_when_they_are_far_ahead_and_when_the_walk_ends() {
        let ahead = ReadAhead::new();
        let endless = |number: usize| vec![FolderItem::<(), usize>::Folder(Slot::new(number + 1))];
        std::thread::scope(|scope| {
            let helper = scope.spawn(|| {
                let mut count = 0;
                ahead.help(|number| {
                    count += 1;
                    endless(number)
                });
                count
            });
            ahead.offer(&endless(0));
            while lock(&ahead.queue).items_ahead < MAX_ITEMS_AHEAD {
                std::thread::yield_now();
            }
            drop(EndOfWalk(&ahead));
            assert_eq!(helper.join().expect("no panic"), MAX_ITEMS_AHEAD / 2);
        });
    }

    #[test]
    fn a_panic_of_a_helper_ends_the_walk() {
        let ahead = ReadAhead::<(), ()>::new();
        let slot = Slot::new(());
        ahead.offer(&[FolderItem::Folder(Arc::clone(&slot))]);
        std::thread::scope(|scope| {
            let helper = scope.spawn(|| ahead.help(|()| panic!("as requested")));
            assert!(helper.join().is_err());
        });
        let taken =
            std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| ahead.take_items(&slot, |()| Vec::new()).len()));
        assert!(taken.is_err());
    }
}
