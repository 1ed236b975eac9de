//! Stands in for crates.io's `lance-namespace-impls`, which reads catalogs of tables from folders and servers.
//!
//! LanceDB connects to the catalog of each folder that it opens, and asks it only about tables in a namespace. codescry
//! uses no namespaces. The catalog here refuses all requests.

use std::collections::HashMap;
use std::fmt::Debug;
use std::sync::Arc;

use lance::session::Session;
use lance_namespace::LanceNamespace;

/// A request to a catalog.
#[derive(Debug, Clone)]
pub struct OperationInfo {
    /// The name of the request.
    pub operation: String,
    /// The table or namespace that the request is about.
    pub object_id: String,
}

/// A provider of context for the requests to a catalog.
pub trait DynamicContextProvider: Debug + Send + Sync {
    /// Returns the context of a request, by key.
    fn provide_context(&self, info: &OperationInfo) -> HashMap<String, String>;
}

/// A builder of a connection to a catalog.
#[derive(Debug, Clone)]
pub struct ConnectBuilder(());

impl ConnectBuilder {
    /// Creates a builder; ignores the kind of the catalog, such as `dir`.
    pub fn new(_kind: impl Into<String>) -> Self {
        Self(())
    }

    /// Ignores an option of the catalog.
    pub fn property(self, _key: impl Into<String>, _value: impl Into<String>) -> Self {
        self
    }

    /// Ignores the session whose caches the tables share.
    pub fn session(self, _session: Arc<Session>) -> Self {
        self
    }

    /// Ignores the provider of context.
    pub fn context_provider(self, _provider: Arc<dyn DynamicContextProvider>) -> Self {
        self
    }

    /// Returns a catalog that refuses all requests.
    ///
    /// # Errors
    /// Never.
    #[expect(clippy::unused_async, reason = "the crate that this one stands in for waits here")]
    pub async fn connect(self) -> lance_core::Result<Arc<dyn LanceNamespace>> {
        Ok(Arc::new(MissingCatalog))
    }
}

/// A catalog whose requests are all answered with the error that they are not implemented.
#[derive(Debug)]
struct MissingCatalog;

impl LanceNamespace for MissingCatalog {
    fn namespace_id(&self) -> String {
        "this program was built without catalogs of tables".to_owned()
    }
}
