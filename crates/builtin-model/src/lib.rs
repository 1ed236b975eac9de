//! The file of the built-in embedding model.
//!
//! `embed::static_model` describes its format and reads it. The repository holds the file in a packed form, which
//! compresses better ([`packing`]); the build script restores it.

pub mod packing;

/// The file of the built-in model, unpacked.
pub static BUILTIN_MODEL: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/static_model.bin"));

#[cfg(test)]
mod tests {
    use super::*;
    use crate::packing::{pack_artifact, unpack_artifact};

    #[test]
    fn the_model_is_the_one_that_was_trained() {
        let hash = blake3::hash(BUILTIN_MODEL).to_hex();
        assert_eq!(hash.as_str(), "af4d8a646b871d1fa931a653717bfefd5ae847fd7d02f8198e538afd5d39d0ea");
    }

    #[test]
    fn the_packed_model_is_up_to_date() {
        let packed = include_bytes!("../assets/static_model.packed");
        assert!(pack_artifact(BUILTIN_MODEL).is_some_and(|fresh| fresh == packed));
        assert!(unpack_artifact(packed).is_some_and(|artifact| artifact == BUILTIN_MODEL));
    }
}
