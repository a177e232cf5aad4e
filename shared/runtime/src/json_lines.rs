//! Log lines as flat JSON objects: level, target, message, the event's fields, and the fields of the spans around it,
//! so that `requestId` and `run` stand at the top of each line.

use std::fmt;
use std::io::Write;

use serde_json::{Map, Value};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::Context;
use tracing_subscriber::registry::LookupSpan;

/// A layer that writes each event as a line of JSON. CloudWatch stamps lines itself, so they tell no time.
pub(crate) struct JsonLines<W>(pub(crate) W);

/// The fields of a span, or of an event.
#[derive(Default)]
struct Fields(Map<String, Value>);

impl Fields {
    fn put(&mut self, field: &Field, value: impl Into<Value>) {
        // Raw identifiers, as the field `r#type`, keep their mark in a name.
        self.0.insert(field.name().trim_start_matches("r#").to_owned(), value.into());
    }
}

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.put(field, format!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.put(field, value);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.put(field, value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.put(field, value);
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.put(field, value);
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.put(field, value);
    }
}

impl<S, W> Layer<S> for JsonLines<W>
where
    S: Subscriber + for<'span> LookupSpan<'span>,
    W: for<'writer> MakeWriter<'writer> + 'static,
{
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        if let Some(span) = context.span(id) {
            let mut fields = Fields::default();
            attributes.record(&mut fields);
            span.extensions_mut().insert(fields);
        }
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        if let Some(span) = context.span(id)
            && let Some(fields) = span.extensions_mut().get_mut::<Fields>()
        {
            values.record(fields);
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let metadata = event.metadata();
        let mut fields = Fields::default();
        event.record(&mut fields);
        let mut line = Map::new();
        line.insert("level".to_owned(), metadata.level().as_str().into());
        line.insert("target".to_owned(), metadata.target().into());
        if let Some(message) = fields.0.shift_remove("message") {
            line.insert("message".to_owned(), message);
        }
        // The nearest wins: the event itself, then the spans from the innermost on.
        add(&mut line, &fields.0);
        for span in context.event_scope(event).into_iter().flatten() {
            if let Some(fields) = span.extensions().get::<Fields>() {
                add(&mut line, &fields.0);
            }
        }
        let text = Value::Object(line).to_string() + "\n";
        // In one write, so that lines of other threads stay beside it. Whoever closed the output wants no log.
        let _closed = self.0.make_writer_for(metadata).write_all(text.as_bytes());
    }
}

fn add(line: &mut Map<String, Value>, fields: &Map<String, Value>) {
    for (name, value) in fields {
        if !line.contains_key(name) {
            line.insert(name.clone(), value.clone());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::{Arc, Mutex};

    use serde_json::json;
    use tracing_subscriber::layer::SubscriberExt;

    use super::*;

    #[derive(Clone, Default)]
    struct Kept(Arc<Mutex<Vec<u8>>>);

    impl Write for Kept {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn lines_of(work: impl FnOnce()) -> Vec<Value> {
        let kept = Kept::default();
        let writer = kept.clone();
        let subscriber = tracing_subscriber::registry().with(JsonLines(move || writer.clone()));
        tracing::subscriber::with_default(subscriber, work);
        let bytes = kept.0.lock().unwrap().clone();
        String::from_utf8(bytes).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    #[test]
    fn fields_of_the_spans_around_stand_at_the_top() {
        let lines = lines_of(|| {
            let outer = tracing::info_span!("invocation", requestId = "r-1", run = tracing::field::Empty);
            let _outside = outer.enter();
            tracing::warn!(rows = 3, share = 0.5, good = true, debt = -1, path = %"/a\n\"b\"", "first");
            outer.record("run", "nightly");
            let inner = tracing::info_span!("stage", stage = "fit", requestId = "r-2");
            inner.in_scope(|| tracing::error!(stage = ?Some("own"), "second"));
        });
        let target = module_path!();
        assert_eq!(
            lines,
            [
                json!({
                    "level": "WARN", "target": target, "message": "first", "rows": 3, "share": 0.5, "good": true,
                    "debt": -1, "path": "/a\n\"b\"", "requestId": "r-1"
                }),
                json!({
                    "level": "ERROR", "target": target, "message": "second", "stage": "Some(\"own\")",
                    "requestId": "r-2", "run": "nightly"
                }),
            ]
        );
    }

    #[test]
    fn no_event_writes_the_level_or_the_target_of_another() {
        let lines = lines_of(|| tracing::info!(level = "none", target = "nobody", "who"));
        assert_eq!(lines, [json!({"level": "INFO", "target": module_path!(), "message": "who"})]);
    }
}
