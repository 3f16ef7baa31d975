//! The service provider's Trusted Service Manager: applications, certificates, personalisation.

pub mod cms;

#[cfg(test)]
mod test_openssl;
