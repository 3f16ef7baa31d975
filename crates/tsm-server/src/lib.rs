//! What both servers share: configuration, telemetry, TLS, shutdown, errors to gRPC status.
