//! Reads and writes index locations: folders and object stores that hold published indexes.
//!
//! A location holds the files of indexes as immutable parts that are named by their content, an immutable manifest of
//! each published index (a base), and one list of bases for each project, which is replaced by a conditional write
//! (`layout`). [`publish`] adds an index, [`fetch`] brings one into the cache, [`fetch_in_place`] reads one where it
//! is, [`collect_garbage`] removes objects that no list names. As a collection, a location also has one combined index
//! of all its repositories (`collection`). `storage` hides whether the location is a folder or a bucket; `http` sends
//! the requests. Calls block; never call them from asynchronous code.

mod collect;
mod collection;
mod error;
mod fetch;
mod layout;
mod progress;
mod publish;
mod runtime;
mod storage;
mod url;

pub use self::url::LocationUrl;
pub use collect::{CollectReport, collect_garbage};
pub use collection::{
    Collection, CombinedIndex, PublishedRepository, VerifyReport, delete_project, read_collection, verify_location,
};
pub use error::LocationError;
pub use fetch::{FetchRequest, FetchedBase, InPlaceBase, RemoteParts, fetch, fetch_in_place, forget_fetched};
pub use layout::{BaseEntry, BaseManifest, BaseMember, COMBINED, project_name};
pub use progress::{TransferObserver, TransferProgress};
pub use publish::{CombinedOrigin, PublishReport, PublishRequest, publish};
