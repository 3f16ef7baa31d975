//! A card with an applet that the crate does not have: a payment-like one.
//!
//! `cargo run -p uicc-sim --example payment` loads its package, installs both modules, personalises the key over a
//! secure channel, and pays twice.
#![expect(clippy::print_stdout, reason = "an example shows what it does")]

mod applet;
mod terminal;

use globalplatform::aid::Aid;
use globalplatform::apdu::CommandApdu;
use globalplatform::commands::install::{
    InstallForInstall, InstallForLoad, InstallForPersonalization, InstallParameters, LoadParameters,
};
use globalplatform::commands::load::load_blocks;
use globalplatform::commands::select::Select;
use globalplatform::commands::store_data::{Dgi, Encryption, Structure, store_data_blocks};
use globalplatform::load_file::LoadFileStructure;
use globalplatform::privileges::Privileges;
use uicc_sim::{CardConfig, Uicc};

use crate::terminal::{Session, transmit};

/// `2PAY.SYS.DDF01`, by which terminals find the directory.
const PPSE: Aid = Aid::from_slice_const(b"2PAY.SYS.DDF01");

fn main() -> anyhow::Result<()> {
    let config = CardConfig::from_profile("default")?;
    let (isd, keys) = (config.isd_aid, config.isd_key_sets[0].keys.clone());
    let mut card = Uicc::new(config)?;
    card.add_program(applet::PaymentProgram);
    card.add_program(applet::DirectoryProgram);

    let mut session = Session::open(&mut card, isd, &keys)?;
    load(&mut session)?;
    install(&mut session, applet::PAYMENT, applet::PAYMENT, b"TEST PAY")?;
    // Template 61: AID and label.
    let entry = [
        &[0x61, 0x12, 0x4F, 0x06][..],
        applet::PAYMENT.as_bytes(),
        &[0x50, 0x08],
        b"TEST PAY",
    ];
    install(&mut session, applet::DIRECTORY, PPSE, &entry.concat())?;
    personalise(&mut session)?;

    for name in [PPSE, applet::PAYMENT] {
        let information = transmit(&mut card, &Select::by_aid(name).to_apdu())?;
        println!("{name} says {}", hex::encode_upper(information.data));
    }
    for number in [[1, 2, 3, 4], [5, 6, 7, 8]] {
        let data = [&[0x83, 0x04][..], &number].concat();
        let options = CommandApdu::new(0x80, 0xA8, 0, 0)
            .with_data(data)
            .with_le(256);
        let answer = transmit(&mut card, &options)?;
        println!("paid: {}", hex::encode_upper(answer.data));
    }
    let record = CommandApdu::new(0x00, 0xB2, 1, 0x0C).with_le(256);
    let answer = transmit(&mut card, &record)?;
    println!("record 1: {}", hex::encode_upper(answer.data));
    Ok(())
}

fn load(session: &mut Session<'_>) -> anyhow::Result<()> {
    let install = InstallForLoad {
        load_file: applet::PACKAGE,
        security_domain: None,
        hash: None,
        parameters: LoadParameters::default(),
        token: None,
    };
    session.send(&install.to_apdu())?;
    let code = terminal::package(applet::PACKAGE, &[applet::PAYMENT, applet::DIRECTORY])?;
    for block in load_blocks(&LoadFileStructure::new(code).encode(), 200)? {
        session.send(&block.to_apdu())?;
    }
    Ok(())
}

fn install(
    session: &mut Session<'_>,
    module: Aid,
    instance: Aid,
    parameters: &[u8],
) -> anyhow::Result<()> {
    let install = InstallForInstall {
        load_file: applet::PACKAGE,
        module,
        instance,
        privileges: Privileges::NONE,
        parameters: InstallParameters::for_applet(parameters),
        token: None,
        make_selectable: true,
    };
    session.send(&install.to_apdu())
}

fn personalise(session: &mut Session<'_>) -> anyhow::Result<()> {
    let instance = applet::PAYMENT;
    session.send(&InstallForPersonalization { instance }.to_apdu())?;
    let mut payload = Vec::new();
    for (tag, data) in [
        (0x0101, &[0x70, 0x04, 0x5F, 0x24, 0x01, 0x27][..]),
        (0x8000, &[0x5A; 16]),
        (
            0x9104,
            &[0x82, 0x02, 0x00, 0x00, 0x94, 0x04, 0x08, 0x01, 0x01, 0x00],
        ),
    ] {
        Dgi::new(tag, data).encode_into(&mut payload)?;
    }
    for block in store_data_blocks(&payload, 200, Encryption::None, Structure::Dgi, false)? {
        session.send(&block.to_apdu())?;
    }
    Ok(())
}
