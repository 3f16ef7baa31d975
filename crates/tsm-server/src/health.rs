//! The standard gRPC health service.

use tonic_health::pb::health_server::{Health, HealthServer};
use tonic_health::server::HealthReporter;

/// The health service and the handle that sets it. The server as a whole (the
/// empty service name) counts as serving from the start; with `service_names`
/// each is reported by name too.
pub async fn service(service_names: &[&str]) -> (HealthReporter, HealthServer<impl Health>) {
    let (reporter, server) = tonic_health::server::health_reporter();
    for name in service_names {
        reporter
            .set_service_status(name, tonic_health::ServingStatus::Serving)
            .await;
    }
    (reporter, server)
}

/// Reports every name, and the server as a whole, as not serving: new calls
/// should go elsewhere.
pub async fn stop(reporter: &HealthReporter, service_names: &[&str]) {
    for name in service_names.iter().chain(&[""]) {
        reporter
            .set_service_status(name, tonic_health::ServingStatus::NotServing)
            .await;
    }
}
