//! Random logs, and everything that somebody without the key might do to their export.

use std::collections::BTreeMap;

use proptest::prelude::*;
use sha2::{Digest as _, Sha256};
use tsm_core::audit::heads::HeadsStatement;
use tsm_core::audit::verify::{EndStatement, Fault, Problem, Verified, Verifier};

use super::*;

/// Stands for a signature: who does not know the key cannot make it.
fn sign(text: &str) -> Vec<u8> {
    Sha256::digest(["the key", text].concat()).to_vec()
}

fn verify(lines: &[String]) -> Result<Verified, Fault> {
    let is_signed = |message: &[u8], signature: &[u8]| {
        std::str::from_utf8(message).is_ok_and(|text| sign(text) == signature)
    };
    let mut verifier = Verifier::new(&is_signed);
    for line in lines {
        verifier.take(line.as_bytes(), read_line(line))?;
    }
    verifier.finish()
}

fn tenant(name: &str) -> Tenant {
    Tenant::new(name).unwrap()
}

fn step(subject: &str, index: usize) -> Step {
    Step::new(
        subject,
        Timestamp(1_000 + index as i64),
        "carrier",
        Party::Carrier,
    )
    .answered_by(&tenant("carrier"))
    .says(format!("step {index}"), "done")
}

/// What is to be exported: per entry its chain, and whether the reader sees it; heads are signed
/// after every `signed_every` entries.
#[derive(Clone, Debug)]
struct Plan {
    entries: Vec<(u8, bool)>,
    signed_every: usize,
}

fn plan() -> impl Strategy<Value = Plan> {
    let entries = prop::collection::vec((0_u8..4, prop::bool::weighted(0.8)), 2..16);
    (entries, 1_usize..6).prop_map(|(entries, signed_every)| Plan {
        entries,
        signed_every,
    })
}

/// Entries by subject, and whether the reader sees each.
type Chains = BTreeMap<String, Vec<(AuditEntry, bool)>>;

/// The chains, and the statements that were signed on the way.
fn log(plan: &Plan) -> (Chains, Vec<SignedHeads>) {
    let mut chains: Chains = BTreeMap::new();
    let mut statements: Vec<SignedHeads> = Vec::new();
    let mut moved: BTreeMap<String, Head> = BTreeMap::new();
    for (index, (chain, is_shown)) in plan.entries.iter().enumerate() {
        let subject = format!("card/{chain}");
        let chain = chains.entry(subject.clone()).or_default();
        let entry = AuditEntry {
            sequence: chain.len() as u64 + 1,
            previous: chain.last().map_or([0; 32], |(entry, _)| entry.hash()),
            step: step(&subject, index),
        };
        let head = Head {
            subject: subject.clone(),
            sequence: entry.sequence,
            hash: entry.hash(),
        };
        moved.insert(subject, head);
        chain.push((entry, *is_shown));
        if (index + 1) % plan.signed_every == 0 {
            let heads: Vec<Head> = std::mem::take(&mut moved).into_values().collect();
            let statement = HeadsStatement {
                server: tenant("carrier"),
                number: statements.len() as u64 + 1,
                at: Timestamp(2_000 + index as i64),
                previous: statements
                    .last()
                    .map_or([0; 32], |last| last.statement.digest()),
                count: heads.len() as u64,
                root: HeadsStatement::root_of(heads.iter().map(Head::leaf)),
            };
            statements.push(SignedHeads {
                signature: sign(&statement.text()),
                statement,
                heads,
            });
        }
    }
    (chains, statements)
}

fn export(plan: &Plan) -> Vec<String> {
    let (chains, statements) = log(plan);
    let header = JsonLine::Header {
        format: FORMAT.to_owned(),
        server: "carrier".to_owned(),
        reader: "carrier".to_owned(),
        at: Timestamp(9_000).rfc3339(),
        public_key: "PEM".to_owned(),
    };
    let mut lines = vec![header.write().unwrap()];
    for (entry, is_shown) in chains.values().flatten() {
        let line = match is_shown {
            true => JsonLine::Entry(entry.into()),
            false => JsonLine::withheld(entry),
        };
        lines.push(line.write().unwrap());
    }
    for signed in &statements {
        lines.push(
            JsonLine::heads(signed, |subject| !subject.ends_with('3'))
                .write()
                .unwrap(),
        );
    }
    end(&mut lines, statements.len() as u64);
    lines
}

/// Adds the end that the server would sign.
fn end(lines: &mut Vec<String>, last_heads: u64) {
    let statement = EndStatement {
        server: tenant("carrier"),
        reader: tenant("carrier"),
        at: Timestamp(9_000),
        lines: lines.len() as u64,
        last_heads,
        sha256: Sha256::digest(lines.concat()).into(),
    };
    let line = JsonLine::End {
        signature: hex::encode(sign(&statement.text())),
        signed: statement.text(),
    };
    lines.push(line.write().unwrap());
}

/// One manipulation; positions are wrapped.
#[derive(Clone, Debug)]
enum Manipulation {
    /// Flips a bit of a byte.
    Flip(usize, usize, u8),
    Remove(usize),
    Swap(usize, usize),
    Repeat(usize, usize),
    Insert(usize, u8),
    CutOff(usize),
}

fn manipulation() -> impl Strategy<Value = Manipulation> {
    prop_oneof![
        (any::<usize>(), any::<usize>(), 0_u8..8)
            .prop_map(|(l, b, bit)| Manipulation::Flip(l, b, bit)),
        any::<usize>().prop_map(Manipulation::Remove),
        any::<(usize, usize)>().prop_map(|(a, b)| Manipulation::Swap(a, b)),
        any::<(usize, usize)>().prop_map(|(a, b)| Manipulation::Repeat(a, b)),
        (any::<usize>(), 0_u8..4).prop_map(|(at, chain)| Manipulation::Insert(at, chain)),
        any::<usize>().prop_map(Manipulation::CutOff),
    ]
}

impl Manipulation {
    fn apply(&self, lines: &[String]) -> Vec<Vec<u8>> {
        let mut made: Vec<Vec<u8>> = lines.iter().map(|line| line.clone().into_bytes()).collect();
        let count = made.len();
        match *self {
            Self::Flip(line, byte, bit) => {
                let line = &mut made[line % count];
                let byte = byte % line.len();
                line[byte] ^= 1 << bit;
            }
            Self::Remove(line) => {
                made.remove(line % count);
            }
            Self::Swap(one, other) => made.swap(one % count, other % count),
            Self::Repeat(line, to) => {
                let line = made[line % count].clone();
                made.insert(to % (count + 1), line);
            }
            Self::Insert(at, chain) => {
                let forged = AuditEntry {
                    sequence: 1,
                    previous: [0; 32],
                    step: step(&format!("card/{chain}"), 99),
                };
                let line = JsonLine::Entry((&forged).into()).write().unwrap();
                made.insert(at % (count + 1), line.into_bytes());
            }
            Self::CutOff(from) => made.truncate(from % count),
        }
        made
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn every_single_manipulation_is_found(plan in plan(), manipulation in manipulation()) {
        let lines = export(&plan);
        let verified = verify(&lines).unwrap();
        let shown = plan.entries.iter().filter(|(_, is_shown)| *is_shown).count() as u64;
        prop_assert_eq!(verified.entries, shown);
        prop_assert_eq!(verified.entries + verified.withheld, plan.entries.len() as u64);
        let made = manipulation.apply(&lines);
        let is_same = made.concat() == lines.concat().into_bytes();
        // As a file: a line feed may have come or gone.
        let text = String::from_utf8_lossy(&made.concat()).into_owned();
        let again: Vec<String> = text.split_inclusive('\n').map(str::to_owned).collect();
        prop_assert_eq!(verify(&again).is_ok(), is_same, "{:?}", manipulation);
    }

    /// Who may write the server's database, but has not its key, can compute a chain anew and have
    /// the server export it. What was signed before stands against it.
    #[test]
    fn a_chain_that_was_computed_anew_after_it_was_signed_is_found(
        plan in plan(),
        pick: usize,
        cut: bool,
    ) {
        let plan = Plan { signed_every: 1, entries: plan.entries.iter().map(|(c, _)| (*c, true)).collect() };
        let (chains, statements) = log(&plan);
        let subjects: Vec<&String> = chains.keys().collect();
        let victim = subjects[pick % subjects.len()].clone();
        let at = pick % chains[&victim].len();
        let mut lines = vec![export(&plan)[0].clone()];
        for (subject, chain) in &chains {
            let mut previous = [0; 32];
            for (index, (entry, _)) in chain.iter().enumerate() {
                let is_victim = *subject == victim;
                if is_victim && cut && index >= at {
                    break;
                }
                let mut entry = entry.clone();
                if is_victim && index == at {
                    entry.step.outcome = "another one".to_owned();
                }
                entry.previous = previous;
                previous = entry.hash();
                lines.push(JsonLine::Entry((&entry).into()).write().unwrap());
            }
        }
        for signed in &statements {
            lines.push(JsonLine::heads(signed, |_| true).write().unwrap());
        }
        end(&mut lines, statements.len() as u64);
        let problem = verify(&lines).unwrap_err().problem;
        let sequence = at as u64 + 1;
        let subject = victim;
        let expected = if cut {
            Problem::Truncated { subject, sequence }
        } else {
            Problem::Rewritten { subject, sequence, after: at as u64 }
        };
        prop_assert_eq!(problem, expected);
    }
}

fn example() -> Vec<String> {
    export(&Plan {
        entries: vec![(1, true), (1, true), (2, true), (1, true), (2, false)],
        signed_every: 2,
    })
}

/// Line and text of the first fault of what `change` makes of the example.
fn fault(change: impl FnOnce(&mut Vec<String>)) -> (u64, String) {
    let mut lines = example();
    change(&mut lines);
    let fault = verify(&lines).unwrap_err();
    (fault.line, fault.problem.to_string())
}

#[test]
fn names_the_first_entry_that_does_not_fit() {
    let (line, text) = fault(|lines| lines[2] = lines[2].replace("step 1", "step 7"));
    assert_eq!(line, 3);
    assert_eq!(text, "entry 2 of card/1 was changed: its hash does not fit");
    let (line, text) = fault(|lines| {
        lines.remove(2);
    });
    assert_eq!(line, 3);
    assert_eq!(
        text,
        "entry 2 of card/1 is missing here: it was removed or moved"
    );
    // Of two lines that changed places, the first is out of its chain.
    let (line, text) = fault(|lines| lines.swap(1, 2));
    assert_eq!(line, 2);
    assert_eq!(
        text,
        "entry 1 of card/1 is missing here: it was removed or moved"
    );
    let (line, text) = fault(|lines| lines.swap(1, 4));
    assert_eq!(line, 3);
    assert_eq!(
        text,
        "entry 2 of card/1 stands behind entry 1 of card/2: it was moved or inserted"
    );
}

#[test]
fn says_when_the_end_is_missing() {
    let (line, text) = fault(|lines| {
        lines.pop();
    });
    assert_eq!(line, 9);
    assert_eq!(text, "the signed end is missing: the file was cut off");
    // With an older end of the same server it does not fit either.
    let (_, text) = fault(|lines| {
        let end = lines.pop().unwrap();
        lines.remove(3);
        lines.push(end);
    });
    assert!(text.contains("was signed, and is missing"), "{text}");
}

#[test]
fn the_end_has_one_way_to_be_written() {
    for change in [
        |end: &str| end.replacen(':', ": ", 1),
        |end: &str| end.trim_end().to_owned(),
        |end: &str| {
            let (before, signature) = end.rsplit_once(":\"").unwrap();
            format!("{before}:\"{}", signature.to_uppercase())
        },
    ] {
        let (line, text) = fault(|lines| {
            let end = lines.pop().unwrap();
            let changed = change(&end);
            assert_ne!(changed, end);
            lines.push(changed);
        });
        assert_eq!(line, 9);
        assert!(
            text.starts_with("this is not a line of an audit export"),
            "{text}"
        );
    }
}

#[test]
fn nothing_stands_behind_the_end() {
    let (line, text) = fault(|lines| lines.push(lines[1].clone()));
    assert_eq!(line, 10);
    assert!(text.contains("has no place here"), "{text}");
}

#[test]
fn another_key_is_not_believed() {
    let mut verifier = Verifier::new(&|_, _| false);
    let lines = example();
    let found = lines
        .iter()
        .try_for_each(|line| verifier.take(line.as_bytes(), read_line(line)));
    assert_eq!(found.unwrap_err().problem, Problem::Signature);
}
