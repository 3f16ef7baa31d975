//! The Store port on sled, sealed records, and the embedded key vault.
