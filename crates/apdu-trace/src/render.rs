//! Explained exchanges as text for a terminal.

use core::fmt::Write as _;

use crate::decoder::{Exchange, Item};
use crate::tree::{Node, Verdict};

/// How parts of the text look. The text that is returned replaces the one given.
pub trait Style {
    /// The name of a command.
    fn title(&self, text: &str) -> String;
    /// Something that is right.
    fn good(&self, text: &str) -> String;
    /// Something that is wrong.
    fn bad(&self, text: &str) -> String;
    /// Something less important.
    fn faint(&self, text: &str) -> String;
}

/// Text without colours.
#[derive(Debug, Clone, Copy, Default)]
pub struct Plain;

impl Style for Plain {
    fn title(&self, text: &str) -> String {
        text.to_owned()
    }

    fn good(&self, text: &str) -> String {
        text.to_owned()
    }

    fn bad(&self, text: &str) -> String {
        text.to_owned()
    }

    fn faint(&self, text: &str) -> String {
        text.to_owned()
    }
}

/// Width of a name before its value, in characters.
const NAME: usize = 26;
/// Longest run of a value before it is wrapped, in characters.
const VALUE: usize = 96;

/// One item as lines, each with its end.
#[must_use]
pub fn render(item: &Item, style: &dyn Style) -> String {
    match item {
        Item::Exchange(exchange) => render_exchange(exchange, style),
        Item::Reset { line } => format!("{}\n", style.faint(&format!("{line:>5} # reset"))),
        Item::Comment { line, text } => {
            format!("{}\n", style.faint(&format!("{line:>5} # {text}")))
        }
        Item::Problem { line, text } => {
            format!("{}\n", style.bad(&format!("{line:>5} ✗ {text}")))
        }
    }
}

fn render_exchange(exchange: &Exchange, style: &dyn Style) -> String {
    let [cla, ins, p1, p2] = exchange.header;
    let mut text = format!("{:>5} → ", exchange.line);
    text.push_str(&style.title(&exchange.title));
    let mut head = format!("  {cla:02X} {ins:02X} {p1:02X} {p2:02X}");
    if exchange.length > 0 {
        let _ = write!(head, "  Lc {}", exchange.length);
    }
    if let Some(le) = exchange.le {
        let _ = write!(head, "  Le {le}");
    }
    if exchange.channel > 0 {
        let _ = write!(head, "  channel {}", exchange.channel);
    }
    text.push_str(&style.faint(&head));
    text.push('\n');
    nodes(&mut text, &exchange.command, 0, style);
    let Some(reply) = &exchange.response else {
        let _ = writeln!(text, "{}", style.faint("      ← no response in the trace"));
        return text;
    };
    let status = format!("{:04X} {}", reply.status, reply.meaning);
    let shown = match reply.status {
        0x9000 | 0x6100..=0x61FF | 0x9100..=0x91FF | 0x9F00..=0x9FFF => style.good(&status),
        _ => style.bad(&status),
    };
    let _ = write!(text, "{:>5} ← {shown}", reply.line);
    if let Some(hint) = reply.hint {
        text.push_str(&style.faint(&format!(": {hint}")));
    }
    text.push('\n');
    nodes(&mut text, &reply.data, 0, style);
    text
}

fn nodes(text: &mut String, list: &[Node], depth: usize, style: &dyn Style) {
    let indent = 8 + 2 * depth;
    for node in list {
        let sign = match node.verdict {
            Some(Verdict::Right) => "✓ ",
            Some(Verdict::Wrong) => "✗ ",
            Some(Verdict::Note) => "! ",
            None => "",
        };
        let name = format!("{sign}{}", node.name);
        let width = NAME.saturating_sub(2 * depth);
        let mut lines = wrapped(&node.value).into_iter();
        let first = lines.next().unwrap_or_default();
        let line = if first.is_empty() {
            name
        } else {
            format!("{name:width$}  {first}")
        };
        let line = match node.verdict {
            Some(Verdict::Right) => style.good(&line),
            Some(Verdict::Wrong) => style.bad(&line),
            Some(Verdict::Note) | None => line,
        };
        let _ = writeln!(text, "{:indent$}{line}", "");
        for more in lines {
            let _ = writeln!(text, "{:pad$}{more}", "", pad = indent + width + 2);
        }
        nodes(text, &node.children, depth + 1, style);
    }
}

/// Long values over several lines, cut at blanks where there are some.
fn wrapped(value: &str) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in value.split_inclusive(' ') {
        let mut word: Vec<char> = word.chars().collect();
        let used = lines.last().map_or(0, |line| line.chars().count());
        if used > 0 && used + word.len() > VALUE {
            lines.push(String::new());
        }
        while word.len() > VALUE {
            let rest = word.split_off(VALUE);
            if let Some(line) = lines.last_mut() {
                line.extend(word);
            }
            lines.push(String::new());
            word = rest;
        }
        if let Some(line) = lines.last_mut() {
            line.extend(word);
        }
    }
    for line in &mut lines {
        line.truncate(line.trim_end().len());
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_values_are_wrapped() {
        assert_eq!(wrapped(""), [""]);
        assert_eq!(wrapped(&"A".repeat(96)), ["A".repeat(96)]);
        assert_eq!(wrapped(&"A".repeat(97)), ["A".repeat(96), "A".to_owned()]);
        let text = format!("{} {}", "A".repeat(50), "B".repeat(60));
        assert_eq!(wrapped(&text), ["A".repeat(50), "B".repeat(60)]);
    }

    #[test]
    fn items_without_exchange_are_one_line() {
        let shown = |item| render(&item, &Plain);
        assert_eq!(shown(Item::Reset { line: 7 }), "    7 # reset\n");
        let text = "odd".to_owned();
        assert_eq!(shown(Item::Problem { line: 12, text }), "   12 ✗ odd\n");
        let text = "hello".to_owned();
        assert_eq!(shown(Item::Comment { line: 1, text }), "    1 # hello\n");
    }
}
