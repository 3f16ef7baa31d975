//! Log lines as text and as JSON, every value passed through [`redact`].

use std::fmt::{self, Write as _};

use serde_json::{Map, Value};
use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::field::RecordFields;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::{FormatTime, SystemTime};
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields, FormattedFields};
use tracing_subscriber::registry::LookupSpan;

use crate::telemetry::LogFormat;
use crate::telemetry::redaction::redact;

/// Formats events.
pub(super) struct GuardedEvents {
    pub(super) format: LogFormat,
}

/// Formats the fields of spans.
pub(super) struct GuardedFields;

/// Fields in order, each as it may be shown.
#[derive(Default)]
struct Collected {
    message: String,
    fields: Vec<(&'static str, Value)>,
}

impl Collected {
    fn push(&mut self, field: &Field, value: Value) {
        if field.name() == "message" {
            self.message = match value {
                Value::String(text) => text,
                other => other.to_string(),
            };
        } else if !field.name().starts_with("log.") {
            self.fields.push((field.name(), value));
        }
    }

    /// A number stays one unless its text had to be changed.
    fn push_number(&mut self, field: &Field, value: impl Into<Value>) {
        let value = value.into();
        let text = value.to_string();
        let shown = redact(&text);
        let value = if shown == text {
            value
        } else {
            Value::String(shown.into_owned())
        };
        self.push(field, value);
    }
}

impl Visit for Collected {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        let text = format!("{value:?}");
        self.push(field, Value::String(redact(&text).into_owned()));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.push(field, Value::String(redact(value).into_owned()));
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.push(field, Value::Bool(value));
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.push_number(field, value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.push_number(field, value);
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.push_number(field, value);
    }

    fn record_error(&mut self, field: &Field, value: &(dyn std::error::Error + 'static)) {
        let mut text = value.to_string();
        let mut source = value.source();
        while let Some(cause) = source {
            let _ = write!(text, ": {cause}");
            source = cause.source();
        }
        self.push(field, Value::String(redact(&text).into_owned()));
    }
}

fn write_text(writer: &mut dyn fmt::Write, fields: &[(&'static str, Value)]) -> fmt::Result {
    for (index, (name, value)) in fields.iter().enumerate() {
        if index > 0 {
            writer.write_char(' ')?;
        }
        match value {
            Value::String(text) if !text.contains([' ', '"', '\n']) && !text.is_empty() => {
                write!(writer, "{name}={text}")?;
            }
            other => write!(writer, "{name}={other}")?,
        }
    }
    Ok(())
}

impl<'writer> FormatFields<'writer> for GuardedFields {
    fn format_fields<R: RecordFields>(
        &self,
        mut writer: Writer<'writer>,
        fields: R,
    ) -> fmt::Result {
        let mut collected = Collected::default();
        fields.record(&mut collected);
        write_text(&mut writer, &collected.fields)
    }
}

impl<S, N> FormatEvent<S, N> for GuardedEvents
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'writer> FormatFields<'writer> + 'static,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let mut collected = Collected::default();
        event.record(&mut collected);
        let mut time = String::new();
        SystemTime.format_time(&mut Writer::new(&mut time))?;
        let spans = spans(context);
        match self.format {
            LogFormat::Text => text_line(&mut writer, event, &time, &collected, &spans),
            LogFormat::Json => json_line(&mut writer, event, time, collected, spans),
        }
    }
}

/// The open spans from the outermost in, as `name{fields}`.
fn spans<S, N>(context: &FmtContext<'_, S, N>) -> Vec<String>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'writer> FormatFields<'writer> + 'static,
{
    let Some(scope) = context.event_scope() else {
        return Vec::new();
    };
    scope
        .from_root()
        .map(|span| match span.extensions().get::<FormattedFields<N>>() {
            Some(fields) if !fields.is_empty() => format!("{}{{{}}}", span.name(), fields.fields),
            _ => span.name().to_owned(),
        })
        .collect()
}

fn text_line(
    writer: &mut Writer<'_>,
    event: &Event<'_>,
    time: &str,
    collected: &Collected,
    spans: &[String],
) -> fmt::Result {
    let metadata = event.metadata();
    write!(
        writer,
        "{time} {:>5} {}: {}",
        metadata.level(),
        metadata.target(),
        collected.message
    )?;
    if !collected.fields.is_empty() {
        writer.write_char(' ')?;
        write_text(writer, &collected.fields)?;
    }
    if !spans.is_empty() {
        write!(writer, " in {}", spans.join(":"))?;
    }
    writeln!(writer)
}

fn json_line(
    writer: &mut Writer<'_>,
    event: &Event<'_>,
    time: String,
    collected: Collected,
    spans: Vec<String>,
) -> fmt::Result {
    let metadata = event.metadata();
    let mut line = Map::new();
    line.insert("timestamp".into(), time.into());
    line.insert("level".into(), metadata.level().as_str().into());
    line.insert("target".into(), metadata.target().into());
    line.insert("message".into(), collected.message.into());
    for (name, value) in collected.fields {
        line.entry(name).or_insert(value);
    }
    if !spans.is_empty() {
        line.insert("spans".into(), spans.into());
    }
    writeln!(writer, "{}", Value::Object(line))
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::{Arc, Mutex};

    use tracing_subscriber::fmt::MakeWriter;
    use tracing_subscriber::layer::SubscriberExt;

    use super::*;

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl<'a> MakeWriter<'a> for Lines {
        type Writer = Self;

        fn make_writer(&'a self) -> Self {
            self.clone()
        }
    }

    fn logged(format: LogFormat, log: impl FnOnce()) -> String {
        let lines = Lines::default();
        let layer = tracing_subscriber::fmt::layer()
            .event_format(GuardedEvents { format })
            .fmt_fields(GuardedFields)
            .with_writer(lines.clone());
        tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), log);
        let bytes = lines.0.lock().unwrap().clone();
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn writes_json_lines_without_a_bare_four_digit_number() {
        let text = logged(LogFormat::Json, || {
            let _span = tracing::info_span!("rpc", count = 1234).entered();
            tracing::info!(micros = 4711, plain = 17, name = "9876", "took {} ms", 5555);
        });
        let value: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(value["micros"], "4_711");
        assert_eq!(value["plain"], 17);
        assert_eq!(value["name"], "9_876");
        assert_eq!(value["message"], "took 5_555 ms");
        assert_eq!(value["spans"][0], "rpc{count=1_234}");
    }

    #[test]
    fn writes_text_lines() {
        let text = logged(LogFormat::Text, || {
            tracing::warn!(
                iccid = "8981100000000000017",
                reason = "no answer",
                "card went away"
            );
        });
        assert!(
            text.ends_with("card went away iccid=…0_017 reason=\"no answer\"\n"),
            "{text}"
        );
        assert!(text.contains(" WARN "), "{text}");
    }

    #[test]
    fn shows_the_causes_of_an_error() {
        let text = logged(LogFormat::Text, || {
            let error =
                crate::config::load::<NoConfig>(std::path::Path::new("/nowhere")).unwrap_err();
            let error: &(dyn std::error::Error + 'static) = &error;
            tracing::error!(error, "stopped");
        });
        assert!(text.contains("No such file"), "{text}");
    }

    #[derive(Debug, serde::Deserialize)]
    struct NoConfig {}

    impl crate::config::Config for NoConfig {
        fn resolve_paths(&mut self, _base: &std::path::Path) {}
    }
}
