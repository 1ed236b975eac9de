//! Folders that helper threads read while the walk visits the findings before them.
//!
//! Every folder is a slot. The walk takes the slots in its own order and reads a folder itself if no helper has begun it,
//! so the findings and their order do not depend on the helpers. Helpers begin the slot that was discovered last and comes
//! first, which is near the place of the walk, and stop when they are far ahead. While a helper reads the folder that the
//! walk needs, the walk reads the next one ahead. Threads are woken only if they wait: each wake-up is a system call.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

/// Number of items that may be read before the walk has taken any of them; limits their memory, and the depth of folders
/// that are dropped at once.
const MAX_ITEMS_AHEAD: usize = 4_096;

/// An item of a folder: a finding, or a folder that is still to be read.
pub(super) enum FolderItem<F, J> {
    Finding(F),
    Folder(Arc<Slot<F, J>>),
}

/// A folder to be read, by `J`, into findings `F` and further folders.
pub(super) struct Slot<F, J>(Mutex<SlotState<F, J>>);

enum SlotState<F, J> {
    Waiting(J),
    Reading,
    Done(Vec<FolderItem<F, J>>),
    /// The walk has the items, or the thread that read the folder panicked.
    Gone,
}

impl<F, J> Slot<F, J> {
    /// Creates the slot of a folder that nobody has begun to read.
    pub fn new(job: J) -> Arc<Self> {
        Arc::new(Self(Mutex::new(SlotState::Waiting(job))))
    }

    /// Takes the job, if nobody has begun it.
    fn begin(&self) -> Option<J> {
        let mut state = lock(&self.0);
        match std::mem::replace(&mut *state, SlotState::Reading) {
            SlotState::Waiting(job) => Some(job),
            other => {
                *state = other;
                None
            }
        }
    }

    /// Takes the items, if the folder has been read; `None` if a thread is still reading it.
    ///
    /// # Panics
    /// When that thread panicked.
    fn take_done(&self) -> Option<Vec<FolderItem<F, J>>> {
        let mut state = lock(&self.0);
        match std::mem::replace(&mut *state, SlotState::Gone) {
            SlotState::Done(items) => Some(items),
            reading @ SlotState::Reading => {
                *state = reading;
                None
            }
            SlotState::Waiting(_) | SlotState::Gone => panic!("a thread that reads folders panicked"),
        }
    }
}

/// The slots that helpers may begin.
pub(super) struct ReadAhead<F, J> {
    queue: Mutex<Queue<F, J>>,
    /// Wakes helpers: there are slots, there is room for items, or the walk is over.
    offered: Condvar,
    /// Wakes the walk: a slot has been read.
    read: Condvar,
}

struct Queue<F, J> {
    /// The slots, the one to begin next last. The walk may have taken some of them.
    slots: Vec<Arc<Slot<F, J>>>,
    /// Number of items that have been read ahead and the walk has not taken.
    items_ahead: usize,
    /// Number of helpers that wait.
    idle_helpers: usize,
    is_walk_waiting: bool,
    is_over: bool,
}

impl<F, J> Queue<F, J> {
    /// Takes the slot to begin next; `None` if there is none, or enough has been read ahead.
    fn pop_slot(&mut self) -> Option<Arc<Slot<F, J>>> {
        if self.items_ahead < MAX_ITEMS_AHEAD { self.slots.pop() } else { None }
    }

    /// Adds the folders among these items.
    fn add_folders(&mut self, items: &[FolderItem<F, J>]) {
        self.slots.extend(items.iter().rev().filter_map(|item| match item {
            FolderItem::Finding(_) => None,
            FolderItem::Folder(slot) => Some(Arc::clone(slot)),
        }));
    }

    /// Returns whether a helper waits and could begin a slot.
    fn wakes_helpers(&self) -> bool {
        self.idle_helpers > 0 && self.items_ahead < MAX_ITEMS_AHEAD && !self.slots.is_empty()
    }
}

/// Marks the walk as over when dropped, so that helpers end even after a panic.
pub(super) struct EndOfWalk<'a, F, J>(pub &'a ReadAhead<F, J>);

impl<F, J> Drop for EndOfWalk<'_, F, J> {
    fn drop(&mut self) {
        lock(&self.0.queue).is_over = true;
        self.0.offered.notify_all();
    }
}

impl<F, J> ReadAhead<F, J> {
    pub fn new() -> Self {
        let queue =
            Queue { slots: Vec::new(), items_ahead: 0, idle_helpers: 0, is_walk_waiting: false, is_over: false };
        Self { queue: Mutex::new(queue), offered: Condvar::new(), read: Condvar::new() }
    }

    /// Offers the folders among the items of a folder to the helpers.
    pub fn offer(&self, items: &[FolderItem<F, J>]) {
        let mut queue = lock(&self.queue);
        queue.add_folders(items);
        self.release(queue);
    }

    /// Returns the items of a folder: those that a helper has read or is reading, otherwise those that `read` returns.
    /// Reads other folders ahead while a helper is reading this one.
    ///
    /// # Panics
    /// When the helper panicked.
    pub fn take_items(
        &self,
        slot: &Slot<F, J>,
        mut read: impl FnMut(J) -> Vec<FolderItem<F, J>>,
    ) -> Vec<FolderItem<F, J>> {
        if let Some(job) = slot.begin() {
            let items = read(job);
            self.offer(&items);
            return items;
        }
        let mut queue = lock(&self.queue);
        loop {
            if let Some(items) = slot.take_done() {
                queue.items_ahead -= items.len() + 1;
                self.release(queue);
                return items;
            }
            if let Some(next) = queue.pop_slot() {
                drop(queue);
                self.read_slot(&next, &mut read);
                queue = lock(&self.queue);
            } else {
                queue.is_walk_waiting = true;
                queue = self.read.wait(queue).unwrap_or_else(PoisonError::into_inner);
                queue.is_walk_waiting = false;
            }
        }
    }

    /// Reads folders by `read` until the walk is over.
    pub fn help(&self, mut read: impl FnMut(J) -> Vec<FolderItem<F, J>>) {
        while let Some(slot) = self.wait_for_slot() {
            self.read_slot(&slot, &mut read);
        }
    }

    /// Reads a folder ahead, unless somebody has begun it.
    fn read_slot(&self, slot: &Slot<F, J>, read: &mut impl FnMut(J) -> Vec<FolderItem<F, J>>) {
        let Some(job) = slot.begin() else { return };
        let unwound = EndOfRead(self, slot);
        let items = read(job);
        std::mem::forget(unwound);
        let mut queue = lock(&self.queue);
        queue.items_ahead += items.len() + 1;
        queue.add_folders(&items);
        *lock(&slot.0) = SlotState::Done(items);
        self.release(queue);
    }

    /// Waits for a slot; `None` when the walk is over.
    fn wait_for_slot(&self) -> Option<Arc<Slot<F, J>>> {
        let mut queue = lock(&self.queue);
        loop {
            if queue.is_over {
                return None;
            }
            if let Some(slot) = queue.pop_slot() {
                return Some(slot);
            }
            queue.idle_helpers += 1;
            queue = self.offered.wait(queue).unwrap_or_else(PoisonError::into_inner);
            queue.idle_helpers -= 1;
        }
    }

    /// Unlocks the queue, and wakes the threads that may go on.
    fn release(&self, queue: MutexGuard<'_, Queue<F, J>>) {
        let (wakes_helpers, wakes_walk) = (queue.wakes_helpers(), queue.is_walk_waiting);
        drop(queue);
        if wakes_helpers {
            self.offered.notify_all();
        }
        if wakes_walk {
            self.read.notify_all();
        }
    }
}

/// Releases the walk from a slot whose reader panicked.
struct EndOfRead<'s, F, J>(&'s ReadAhead<F, J>, &'s Slot<F, J>);

impl<F, J> Drop for EndOfRead<'_, F, J> {
    fn drop(&mut self) {
        let queue = lock(&self.0.queue);
        *lock(&self.1.0) = SlotState::Gone;
        self.0.release(queue);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

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
                        let mut items = ahead.take_items(&slot, |job| read(&job));
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
    fn the_walk_reads_another_folder_while_a_helper_reads_the_one_that_it_needs() {
        let ahead = &ReadAhead::<&str, usize>::new();
        let (first, second) = (Slot::new(1), Slot::new(2));
        ahead.offer(&[FolderItem::Folder(Arc::clone(&first)), FolderItem::Folder(Arc::clone(&second))]);
        let ((begun, has_begun), (go_on, may_go_on)) = (mpsc::channel(), mpsc::channel());
        let is_only = |items: &[FolderItem<_, _>], name| matches!(items, [FolderItem::Finding(own)] if *own == name);
        std::thread::scope(|scope| {
            let _end = EndOfWalk(ahead);
            scope.spawn(move || {
                ahead.help(|number| {
                    begun.send(number).expect("the test waits");
                    may_go_on.recv().expect("the walk goes on");
                    vec![FolderItem::Finding("by the helper")]
                });
            });
            assert_eq!(has_begun.recv(), Ok(1));
            let items = ahead.take_items(&first, |number| {
                assert_eq!(number, 2);
                go_on.send(()).expect("the helper waits");
                vec![FolderItem::Finding("by the walk")]
            });
            assert!(is_only(&items, "by the helper"));
            assert!(is_only(&ahead.take_items(&second, |_| panic!("it was read ahead")), "by the walk"));
        });
        assert_eq!(lock(&ahead.queue).items_ahead, 0);
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
