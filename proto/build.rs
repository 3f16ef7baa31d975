//! Compiles the protobuf files in pure Rust; no system `protoc` is needed.

use std::path::PathBuf;

const FILES: &[&str] = &[
    "tsm/type/v1/script.proto",
    "tsm/card/v1/gateway.proto",
    "tsm/mno/v1/audit.proto",
    "tsm/mno/v1/card_channel.proto",
    "tsm/mno/v1/card_profile.proto",
    "tsm/mno/v1/catalogue.proto",
    "tsm/mno/v1/ledger.proto",
    "tsm/mno/v1/import.proto",
    "tsm/mno/v1/service_management.proto",
    "tsm/mno/v1/subscription.proto",
    "tsm/mno/v1/tenant.proto",
    "tsm/mno/v1/uicc.proto",
    "tsm/sp/v1/sp.proto",
];

fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!("cargo:rerun-if-changed=tsm");
    let descriptors = protox::compile(FILES, ["."])?;
    let out = PathBuf::from(std::env::var("OUT_DIR")?);
    std::fs::write(
        out.join("descriptors.bin"),
        protox::prost::Message::encode_to_vec(&descriptors),
    )?;
    tonic_prost_build::configure()
        .bytes(".")
        .compile_fds(descriptors)?;
    Ok(())
}
