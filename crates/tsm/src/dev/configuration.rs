//! Configuration files of both servers for a development set-up.

use crate::dev::layout::InitOptions;

/// `mno-tsm.toml`.
pub(super) fn mno_config(port: u16) -> String {
    format!(
        r#"# The operator's server. Relative paths start from this file's folder.
listen = "127.0.0.1:{port}"
tenant = "carrier"
relay_log = "relay.log"

[tls]
certificate = "pki/mno-tsm.pem"
key = "pki/mno-tsm.key"
client_ca = "pki/tls-root.pem"

[store]
path = "mno-tsm/store"

[vault]
path = "mno-tsm/vault"
issuer_master = "isd"
receipt_certificate = "pki/mno-tsm-receipts.pem"

[log]
path = "mno-tsm/log"
"#
    )
}

/// `sp-tsm.toml`.
pub(super) fn sp_config(port: u16, mno_port: u16, options: &InitOptions) -> String {
    let (algorithm, pool) = (options.algorithm.as_str(), options.key_pool);
    format!(
        r#"# The service provider's server. Relative paths start from this file's folder.
listen = "127.0.0.1:{port}"
tenant = "j-lis"
default_algorithm = "{algorithm}"

[tls]
certificate = "pki/sp-tsm.pem"
key = "pki/sp-tsm.key"
client_ca = "pki/tls-root.pem"

[carrier]
address = "https://localhost:{mno_port}"
certificate = "pki/sp-tsm.pem"
key = "pki/sp-tsm.key"
server_ca = "pki/tls-root.pem"

[applications]
trust_anchors = ["applicants/signing-ca.pem"]

[authority]
certificate = "sp-tsm/user-authentication-ca.pem"

[key_pool]
rsa2048 = {pool}

[store]
path = "sp-tsm/store"

[vault]
path = "sp-tsm/vault"
receipt_certificate = "pki/sp-tsm-receipts.pem"

[log]
path = "sp-tsm/log"
"#
    )
}
