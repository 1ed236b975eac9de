//! Takes the roots that a client offers, for a server that was started without a folder.
#![expect(deprecated, reason = "the newest protocol has no roots, and clients of earlier ones offer them")]

use rmcp::RoleServer;
use rmcp::service::Peer;

use super::registry::RootRegistry;

/// Returns whether the server takes the roots of its client, and the client offers them. If so, makes calls wait until
/// the client has named its roots, for a limited time.
pub fn expects_client_roots(registry: &RootRegistry, peer: &Peer<RoleServer>) -> bool {
    let offers = peer.peer_info().is_some_and(|client| client.capabilities.roots.is_some());
    let expects = registry.access().takes_client_roots && offers;
    if expects {
        registry.expect_client_roots();
    }
    expects
}

/// Asks the client for its roots and serves them instead of the earlier ones; serves none if the client names none, and
/// the earlier ones if it does not answer.
pub async fn take_client_roots(registry: &RootRegistry, peer: &Peer<RoleServer>) {
    let uris: Vec<String> = match peer.list_roots().await {
        Ok(listed) => listed.roots.into_iter().map(|root| root.uri).collect(),
        Err(error) => {
            tracing::warn!("the client does not name its roots: {error}");
            return registry.keep_client_roots();
        }
    };
    for refused in registry.set_client_roots(&uris).await {
        tracing::warn!("a root of the client is not served: {refused}");
    }
}
