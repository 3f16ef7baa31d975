//! The domain of the Trusted Service Manager: cards, credentials, procedures, ports.
