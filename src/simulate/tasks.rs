//! What a bus does at once, on one thread: futures that are polled only when they were woken, one
//! at a time, in an order that the seed chooses. A wake-up that the code under test forgets leaves
//! its future asleep here too, and whoever waits for it finds out.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};

/// The name of a task.
pub(super) type TaskId = u64;

/// Tasks that end in a `T`.
pub(super) struct Tasks<T> {
    tasks: BTreeMap<TaskId, Task<T>>,
    next: TaskId,
}

struct Task<T> {
    future: Pin<Box<dyn Future<Output = T>>>,
    flag: Arc<Flag>,
}

struct Flag(AtomicBool);

impl Wake for Flag {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Release);
    }
}

impl<T> Tasks<T> {
    pub(super) fn new() -> Self {
        Self { tasks: BTreeMap::new(), next: 0 }
    }

    /// Takes a future in, to be polled for the first time when its turn comes.
    pub(super) fn spawn(&mut self, future: impl Future<Output = T> + 'static) -> TaskId {
        self.next += 1;
        let flag = Arc::new(Flag(AtomicBool::new(true)));
        self.tasks.insert(self.next, Task { future: Box::pin(future), flag });
        self.next
    }

    /// Drops a task wherever it is.
    pub(super) fn cancel(&mut self, id: TaskId) {
        self.tasks.remove(&id);
    }

    /// The tasks that have something to do.
    pub(super) fn woken(&self) -> Vec<TaskId> {
        let woken =
            |(id, task): (&TaskId, &Task<T>)| task.flag.0.load(Ordering::Acquire).then_some(*id);
        self.tasks.iter().filter_map(woken).collect()
    }

    /// Polls one task; what it ended in, if it did.
    pub(super) fn poll(&mut self, id: TaskId) -> Option<T> {
        let task = self.tasks.get_mut(&id)?;
        task.flag.0.store(false, Ordering::Release);
        let waker = Waker::from(Arc::clone(&task.flag));
        let polled = task.future.as_mut().poll(&mut Context::from_waker(&waker));
        match polled {
            Poll::Pending => None,
            Poll::Ready(done) => {
                self.tasks.remove(&id);
                Some(done)
            }
        }
    }
}
