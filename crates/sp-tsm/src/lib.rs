//! The service provider's Trusted Service Manager: applications, certificates, personalisation.
