//! Generated gRPC code of the Trusted Service Manager; nothing else.
//!
//! The protobuf files under `proto/tsm/` are the documentation of these types.

/// Everything below `tsm`.
pub mod tsm {
    /// Types that several services share.
    pub mod r#type {
        /// Version 1.
        pub mod v1 {
            tonic::include_proto!("tsm.r#type.v1");
        }
    }
    /// The gateway that devices dial.
    pub mod card {
        /// Version 1.
        pub mod v1 {
            tonic::include_proto!("tsm.card.v1");
        }
    }
    /// The operator's server.
    pub mod mno {
        /// Version 1.
        pub mod v1 {
            tonic::include_proto!("tsm.mno.v1");
        }
    }
    /// The service provider's server.
    pub mod sp {
        /// Version 1.
        pub mod v1 {
            tonic::include_proto!("tsm.sp.v1");
        }
    }
}

pub use tsm::{card::v1 as card, mno::v1 as mno, sp::v1 as sp, r#type::v1 as types};

/// Encoded `FileDescriptorSet` of all files, for gRPC reflection.
pub const DESCRIPTORS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/descriptors.bin"));
