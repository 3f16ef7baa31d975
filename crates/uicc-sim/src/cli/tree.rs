//! A card's inventory as a tree of text.

use std::fmt::Write;

use crate::inventory::{
    AppletInventory, CredentialInventory, DomainInventory, Inventory, KeyInventory,
    KeySetInventory, LoadFileInventory, MemoryUse,
};

/// Cells of a memory bar.
const BAR: u32 = 20;

/// The tree, one line for each entry.
pub(super) fn draw(inventory: &Inventory) -> String {
    let mut text = String::new();
    let title = format!(
        "UICC {}  {}  {}",
        inventory.iccid,
        inventory.life_cycle,
        memory(inventory.memory)
    );
    let title = match inventory.endurance_writes {
        None => format!("{title}, {} writes", inventory.writes),
        Some(most) => format!("{title}, {} of {most} writes", inventory.writes),
    };
    let domains = inventory.domains.iter().map(domain).collect();
    write_node(
        &mut text,
        &Node {
            title,
            below: domains,
        },
        "",
        "",
    );
    text
}

/// A line and what hangs below it.
struct Node {
    title: String,
    below: Vec<Self>,
}

impl Node {
    const fn leaf(title: String) -> Self {
        Self {
            title,
            below: Vec::new(),
        }
    }
}

fn write_node(text: &mut String, node: &Node, first: &str, rest: &str) {
    // Writing to a string cannot fail.
    let _ = writeln!(text, "{first}{}", node.title);
    for (index, below) in node.below.iter().enumerate() {
        let is_last = index + 1 == node.below.len();
        let (branch, trunk) = if is_last {
            ("└─ ", "   ")
        } else {
            ("├─ ", "│  ")
        };
        write_node(
            text,
            below,
            &format!("{rest}{branch}"),
            &format!("{rest}{trunk}"),
        );
    }
}

fn domain(domain: &DomainInventory) -> Node {
    let sets = domain.key_sets.iter().map(key_set);
    let keys = domain.keys.iter().map(key);
    let files = domain.load_files.iter().map(load_file);
    let applets = domain.applets.iter().map(applet);
    let domains = domain.domains.iter().map(self::domain);
    Node {
        title: format!(
            "security domain {}  {}  {}",
            domain.aid,
            domain.life_cycle,
            memory(domain.memory)
        ),
        below: sets
            .chain(keys)
            .chain(files)
            .chain(applets)
            .chain(domains)
            .collect(),
    }
}

fn key_set(set: &KeySetInventory) -> Node {
    let values = set.check_values.join(" ");
    Node::leaf(format!(
        "key set {}  AES-{}  check values {values}  counter {}",
        set.version, set.bits, set.counter
    ))
}

fn key(key: &KeyInventory) -> Node {
    let components: Vec<String> = key
        .components
        .iter()
        .map(|part| format!("{} of {} B", part.kind, part.bytes))
        .collect();
    let mut title = format!("key {}/{}  {}", key.version, key.id, components.join(", "));
    if let Some(value) = &key.check_value {
        let _ = write!(title, "  check value {value}");
    }
    Node::leaf(title)
}

fn load_file(file: &LoadFileInventory) -> Node {
    let size = if file.in_rom {
        "in ROM".into()
    } else {
        format!("{} B", file.bytes)
    };
    Node::leaf(format!("load file {} {}  {size}", file.aid, file.version))
}

fn applet(applet: &AppletInventory) -> Node {
    let mut title = format!(
        "applet {}  {}  {} B",
        applet.aid, applet.life_cycle, applet.bytes
    );
    if let Some(jpki) = &applet.jpki {
        let _ = write!(title, "  JPKI: {}", credential(&jpki.authentication));
        if let Some(signature) = &jpki.signature {
            let _ = write!(title, "; for signatures: {}", credential(signature));
        }
    }
    Node::leaf(title)
}

fn credential(credential: &CredentialInventory) -> String {
    format!(
        "{}, {} PIN tries left, pending {}",
        credential.algorithm.unwrap_or("no credential"),
        credential.pin_tries_left,
        credential.pending
    )
}

/// For example `[#####...............] 16384 of 65536 B`.
fn memory(memory: MemoryUse) -> String {
    let Some(total) = memory.total else {
        return format!("{} B used, no quota", memory.used);
    };
    let part = u64::from(memory.used.min(total)) * u64::from(BAR);
    let filled = usize::try_from(part.div_ceil(u64::from(total.max(1)))).unwrap_or(0);
    let empty = (BAR as usize).saturating_sub(filled);
    format!(
        "[{}{}] {} of {total} B",
        "#".repeat(filled),
        ".".repeat(empty),
        memory.used
    )
}
