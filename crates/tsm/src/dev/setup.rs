//! The commands `tsm dev init`, `cap`, `citizen` and `application`.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, ensure};

use crate::cli::InitArgs;
use crate::demo::Person;
use crate::dev::cap::{CapContents, write_cap};
use crate::dev::citizen::ApplicationContent;
use crate::dev::layout::{InitOptions, JPKI_INSTANCE, JPKI_PACKAGE, Layout, NewCard};
use crate::dev::pki::{Authority, write_public};
use crate::output::Output;

/// `tsm dev init`.
///
/// # Errors
/// When the folder is not new or empty, or can't be written.
pub fn init_command(args: &InitArgs, output: Output) -> anyhow::Result<()> {
    let seed = u64::from(getrandom::u32().context("no random seed")?);
    let people: Vec<Person> = (0..args.cards)
        .map(|index| Person::new(seed, index))
        .collect();
    let layout = Layout::init(
        &args.dir,
        &InitOptions {
            mno_port: args.mno_port,
            sp_port: args.sp_port,
            algorithm: args.algorithm,
            key_pool: 4,
            cards: people.iter().map(NewCard::from).collect(),
            cards_folder: PathBuf::from("cards"),
        },
    )?;
    for (index, person) in people.iter().enumerate() {
        let name = format!("citizen-{}", index + 1);
        layout
            .citizen(person)?
            .leaf()
            .write(&args.dir.join("applicants"), &name)?;
    }
    let iccids: Vec<&String> = people.iter().map(|person| &person.iccid).collect();
    output.print(
        &serde_json::json!({ "dir": args.dir, "cards": iccids }),
        |_| next_steps(args, &people),
    )
}

fn next_steps(args: &InitArgs, people: &[Person]) -> String {
    let dir = args.dir.display();
    let iccid = people.first().map_or("ICCID", |person| &person.iccid);
    format!(
        "{dir} is ready. Each in its own terminal:\n\n  \
         mno-tsm --config {dir}/mno-tsm.toml\n  \
         sp-tsm --config {dir}/sp-tsm.toml\n  \
         tsm dev register {dir}\n  \
         {attach}\n\n\
         Then `export TSM_CONFIG={dir}/tsm.toml` and see README.md for an application signed with openssl.",
        attach = attach_command(&dir.to_string(), iccid, args.mno_port)
    )
}

fn attach_command(dir: &str, iccid: &str, port: u16) -> String {
    format!(
        "uicc-sim attach --state {dir}/cards/{iccid}/card.state --gateway https://localhost:{port} \
         --ca {dir}/pki/tls-root.pem --cert {dir}/pki/device.pem --key {dir}/pki/device.key"
    )
}

/// `tsm dev cap FILE`.
///
/// # Errors
/// When it can't be written.
pub fn write_cap_file(file: &Path, static_bytes: u16) -> anyhow::Result<()> {
    let contents = CapContents {
        package: JPKI_PACKAGE,
        version: (1, 0),
        applet: JPKI_INSTANCE,
        static_bytes,
    };
    write_public(file, &write_cap(&contents)?)
}

/// `tsm dev citizen`: another signing certificate from the folder's authority.
///
/// # Errors
/// When the folder has no authority, or the name is not usable.
pub fn add_citizen(
    dir: &Path,
    name: &str,
    serial_number: &str,
    output: Output,
) -> anyhow::Result<()> {
    let applicants = dir.join("applicants");
    let read = |file: &str| {
        let path = applicants.join(file);
        std::fs::read_to_string(&path)
            .with_context(|| format!("cannot read {}; run `tsm dev init` first", path.display()))
    };
    let authority = Authority::open(&read("signing-ca.pem")?, &read("signing-ca.key")?)?;
    let leaf = authority.issue_citizen(name, serial_number, rcgen::KeyPair::generate()?)?;
    ensure!(
        !applicants.join(format!("{name}.key")).exists(),
        "there is a citizen named {name} already"
    );
    leaf.write(&applicants, name)?;
    let path = applicants.join(name);
    output.print(
        &serde_json::json!({ "name": name, "serial_number": serial_number }),
        |_| {
            format!(
                "{}.pem and {}.key are written",
                path.display(),
                path.display()
            )
        },
    )
}

/// `tsm dev application`: the JSON to sign, without a line end.
///
/// # Errors
/// When no nonce can be had, or standard output is closed.
pub fn print_application(iccid: &str) -> anyhow::Result<()> {
    use std::io::Write as _;
    tsm_core::identity::Iccid::new(iccid)?;
    let mut nonce = [0; 16];
    getrandom::fill(&mut nonce).context("no random nonce")?;
    let content = ApplicationContent::now(iccid, hex::encode(nonce));
    let mut out = std::io::stdout().lock();
    out.write_all(&serde_json::to_vec(&content)?)?;
    Ok(out.flush()?)
}
