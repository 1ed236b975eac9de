//! Reads and writes index locations: folders and object stores.
