//! Published indexes as an engine opens them: the origin of an index, and reads at its location.

#[cfg(feature = "locations")]
pub mod checkout;
#[cfg(feature = "locations")]
mod collection_store;
#[cfg(feature = "locations")]
mod in_place;
mod origin;
#[cfg(feature = "locations")]
mod publishable;
#[cfg(feature = "locations")]
mod wanted;

#[cfg(feature = "locations")]
pub use collection_store::{CollectionStore, FetchedCollection};
#[cfg(feature = "locations")]
pub use in_place::{bring_in_place, open_in_place};
pub use origin::{BaseOrigin, BaseReport, TransferState};
#[cfg(feature = "locations")]
pub use publishable::PublishableIndex;
#[cfg(feature = "locations")]
pub use wanted::{WantedBase, collection_request, observe_transfer};
