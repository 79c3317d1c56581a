//! Log lines and the fields of spans as JSON, written straight into the line where they come by the thousand: once a
//! request each. Everything else is `tracing-subscriber`'s to write.

use std::fmt;

use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::field::RecordFields;
use tracing_subscriber::fmt::format::{Format, Json, Writer};
use tracing_subscriber::fmt::time::{FormatTime as _, SystemTime};
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields, FormattedFields};
use tracing_subscriber::registry::LookupSpan;

use crate::lines::PATIENT;

/// The form of lines: those of requests have no span, so that theirs need no tree.
pub(crate) struct JsonLines(Format<Json>);

/// The form of a span's fields.
pub(crate) struct JsonPairs;

impl JsonLines {
    pub(crate) fn new() -> Self {
        Self(Format::default().json().flatten_event(true))
    }
}

impl<S, N> FormatEvent<S, N> for JsonLines
where
    S: Subscriber + for<'l> LookupSpan<'l>,
    N: for<'w> FormatFields<'w> + 'static,
{
    fn format_event(&self, ctx: &FmtContext<'_, S, N>, mut writer: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        let metadata = event.metadata();
        if metadata.target() != PATIENT {
            return self.0.format_event(ctx, writer, event);
        }
        writer.write_str("{\"timestamp\":\"")?;
        SystemTime.format_time(&mut writer)?;
        writer.write_str("\",\"level\":\"")?;
        writer.write_str(metadata.level().as_str())?;
        writer.write_str("\",\"target\":")?;
        string(&mut writer, metadata.target())?;
        let mut pairs = Pairs { writer, is_first: false, outcome: Ok(()) };
        event.record(&mut pairs);
        pairs.outcome?;
        pairs.writer.write_str("}\n")
    }
}

impl<'w> FormatFields<'w> for JsonPairs {
    fn format_fields<R: RecordFields>(&self, mut writer: Writer<'w>, fields: R) -> fmt::Result {
        writer.write_char('{')?;
        let mut pairs = Pairs { writer, is_first: true, outcome: Ok(()) };
        fields.record(&mut pairs);
        pairs.outcome?;
        pairs.writer.write_char('}')
    }

    fn add_fields(&self, current: &'w mut FormattedFields<Self>, fields: &tracing::span::Record<'_>) -> fmt::Result {
        let is_first = current.fields.len() <= 2;
        current.fields.pop();
        let mut pairs = Pairs { writer: current.as_writer(), is_first, outcome: Ok(()) };
        fields.record(&mut pairs);
        pairs.outcome?;
        pairs.writer.write_char('}')
    }
}

/// Writes names and values, separated by commas.
struct Pairs<'w> {
    writer: Writer<'w>,
    is_first: bool,
    outcome: fmt::Result,
}

impl Pairs<'_> {
    fn pair(&mut self, field: &Field, value: impl FnOnce(&mut Writer<'_>) -> fmt::Result) {
        if self.outcome.is_ok() {
            self.outcome = self.name(field).and_then(|()| value(&mut self.writer));
        }
    }

    fn name(&mut self, field: &Field) -> fmt::Result {
        if !std::mem::take(&mut self.is_first) {
            self.writer.write_char(',')?;
        }
        string(&mut self.writer, field.name())?;
        self.writer.write_char(':')
    }
}

impl Visit for Pairs<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.pair(field, |writer| string(writer, &format!("{value:?}")));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.pair(field, |writer| string(writer, value));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.pair(field, |writer| write!(writer, "{value}"));
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.pair(field, |writer| write!(writer, "{value}"));
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.pair(field, |writer| write!(writer, "{value}"));
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.pair(field, |writer| if value.is_finite() { write!(writer, "{value}") } else { writer.write_str("null") });
    }
}

fn string(writer: &mut Writer<'_>, text: &str) -> fmt::Result {
    writer.write_char('"')?;
    let mut rest = text;
    while let Some(place) = rest.bytes().position(|byte| byte < b' ' || byte == b'"' || byte == b'\\') {
        writer.write_str(&rest[..place])?;
        match rest.as_bytes()[place] {
            mark @ (b'"' | b'\\') => write!(writer, "\\{}", char::from(mark))?,
            control => write!(writer, "\\u{control:04x}")?,
        }
        rest = &rest[place + 1..];
    }
    writer.write_str(rest)?;
    writer.write_char('"')
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::{Arc, Mutex};

    use serde_json::{Value, json};
    use tracing_subscriber::layer::SubscriberExt as _;

    use super::*;

    const ODD: &str = "a\"b\\c\n\u{1}\u{7f}é😀/";

    #[derive(Clone, Default)]
    struct Buffer(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Buffer {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// What is logged, line by line.
    fn logged(work: impl FnOnce()) -> Vec<Value> {
        let buffer = Buffer::default();
        let writer = buffer.clone();
        let lines = tracing_subscriber::fmt::layer().event_format(JsonLines::new()).fmt_fields(JsonPairs);
        let lines = lines.with_writer(move || writer.clone());
        tracing::subscriber::with_default(tracing_subscriber::registry().with(lines), work);
        let text = String::from_utf8(buffer.0.lock().unwrap().clone()).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("not JSON: {line}"))).collect()
    }

    #[test]
    fn a_line_of_a_request_holds_its_fields() {
        let mut lines = logged(|| {
            let _span = tracing::info_span!("http", request_id = "r").entered();
            tracing::info!(
                target: "access", path = ODD, status = 200_u16, offset = -1, good = true, ratio = 0.5, odd = f64::NAN,
                shown = %ODD, "text {}", 1
            );
        });
        let line = lines.remove(0);
        assert!(line["timestamp"].as_str().unwrap().ends_with('Z'));
        let expected = json!({
            "timestamp": line["timestamp"], "level": "INFO", "target": "access", "path": ODD, "status": 200,
            "offset": -1, "good": true, "ratio": 0.5, "odd": null, "shown": ODD, "message": "text 1"
        });
        assert_eq!(line, expected);
    }

    #[test]
    fn other_lines_hold_the_fields_of_their_spans() {
        let lines = logged(|| {
            let span = tracing::info_span!("http", request_id = ODD, late = tracing::field::Empty);
            let empty = tracing::info_span!(parent: &span, "empty", late = tracing::field::Empty);
            let _entered = empty.enter();
            tracing::info!(count = 1, "one");
            span.record("late", 2);
            empty.record("late", 3);
            tracing::warn!("two");
        });
        assert_eq!((&lines[0]["message"], &lines[0]["count"]), (&json!("one"), &json!(1)));
        assert_eq!(lines[0]["spans"], json!([{"name": "http", "request_id": ODD}, {"name": "empty"}]));
        let spans = json!([{"name": "http", "request_id": ODD, "late": 2}, {"name": "empty", "late": 3}]);
        assert_eq!((&lines[1]["level"], &lines[1]["spans"]), (&json!("WARN"), &spans));
    }
}
