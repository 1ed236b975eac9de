//! Clients that subscribed to changes of lists.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use rmcp::service::SubscriptionSink;

/// The open subscriptions, by number.
#[derive(Clone, Default)]
pub struct ListenerSet(Arc<Mutex<HashMap<usize, SubscriptionSink>>>);

/// A list whose changes are announced.
#[derive(Clone, Copy)]
pub enum ListKind {
    Tools,
    Prompts,
}

impl ListenerSet {
    /// Adds a subscription and returns its number.
    pub fn add(&self, sink: SubscriptionSink) -> usize {
        let mut listeners = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let number = listeners.keys().max().map_or(0, |last| last + 1);
        listeners.insert(number, sink);
        number
    }

    /// Removes a subscription.
    pub fn remove(&self, number: usize) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&number);
    }

    /// Notifies all subscribers that a list has changed.
    pub async fn notify_all(&self, list: ListKind) {
        let listeners: Vec<_> = {
            let listeners = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            listeners.values().cloned().collect()
        };
        for listener in listeners {
            // Errors are ignored: the subscriber may have disconnected meanwhile.
            _ = match list {
                ListKind::Tools => listener.notify_tool_list_changed().await,
                ListKind::Prompts => listener.notify_prompt_list_changed().await,
            };
        }
    }
}
