//! gRPC reflection, so that stock tools know the interface without files.

use tonic_reflection::server::v1::{ServerReflection, ServerReflectionServer};
use tonic_reflection::server::{Builder, Error};

/// The reflection service (version 1) over all our protobuf files.
///
/// # Errors
/// [`Error`] when the compiled descriptors can't be read; that is a fault of the build.
pub fn service() -> Result<ServerReflectionServer<impl ServerReflection>, Error> {
    Builder::configure()
        .register_encoded_file_descriptor_set(tsm_proto::DESCRIPTORS)
        .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
        .build_v1()
}

#[cfg(test)]
mod tests {
    #[test]
    fn knows_the_interface() {
        assert!(super::service().is_ok());
    }
}
