//! Stands in for crates.io's `lance-namespace-impls`, which reads catalogs of tables from folders and servers.
//!
//! LanceDB compiles it for `connect_namespace`. codescry opens a folder by its path. No catalog can be connected here.

use std::collections::HashMap;
use std::fmt::Debug;
use std::sync::Arc;

use lance::session::Session;
use lance_namespace::LanceNamespace;
use lance_namespace::error::NamespaceError;

/// A request to a catalog.
#[derive(Debug, Clone)]
pub struct OperationInfo {
    /// The name of the request.
    pub operation: String,
    /// The table or namespace that the request is about.
    pub object_id: String,
}

/// Adds context to the requests to a catalog.
pub trait DynamicContextProvider: Debug + Send + Sync {
    /// Returns the context of a request, by key.
    fn provide_context(&self, info: &OperationInfo) -> HashMap<String, String>;
}

/// Connects to a catalog.
#[derive(Debug, Clone)]
pub struct ConnectBuilder(());

impl ConnectBuilder {
    /// Begins to connect to the catalog of a kind, such as `dir`.
    pub fn new(_kind: impl Into<String>) -> Self {
        Self(())
    }

    /// Takes an option of the catalog.
    pub fn property(self, _key: impl Into<String>, _value: impl Into<String>) -> Self {
        self
    }

    /// Takes the session whose caches the tables share.
    pub fn session(self, _session: Arc<Session>) -> Self {
        self
    }

    /// Takes the context of the requests.
    pub fn context_provider(self, _provider: Arc<dyn DynamicContextProvider>) -> Self {
        self
    }

    /// Connects.
    ///
    /// # Errors
    /// Always.
    #[expect(clippy::unused_async, reason = "the crate that this one stands in for waits here")]
    pub async fn connect(self) -> lance_core::Result<Arc<dyn LanceNamespace>> {
        let message = "this program was built without catalogs of tables".to_owned();
        Err(NamespaceError::Unsupported { message }.into())
    }
}
