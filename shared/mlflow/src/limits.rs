//! MLflow's limits, as its server checks them, and requests that keep them.

use serde_json::{Value, json};

/// Metrics, parameters and tags of one request, together.
const BATCH: usize = 1000;
/// Parameters of one request, and as many tags.
const BATCH_NAMES: usize = 100;
/// Bytes of one request; MLflow takes 1,000,000, and the rest of the request needs some.
const BATCH_BYTES: usize = 900_000;
/// Characters of a name.
const NAME: usize = 250;
/// Characters of a parameter's value.
const PARAMETER: usize = 6000;
/// Characters of a tag's value.
const TAG: usize = 8000;

/// What is logged of one run.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Entries {
    pub(crate) metrics: Vec<Value>,
    pub(crate) parameters: Vec<Value>,
    pub(crate) tags: Vec<Value>,
}

impl Entries {
    /// A figure; one that is not finite is left out, because JSON cannot say it.
    pub(crate) fn metric(&mut self, name: &str, value: f64, step: u64, timestamp: i64) {
        if value.is_finite() {
            let key = name_of(name);
            self.metrics.push(json!({"key": key, "value": value, "timestamp": timestamp, "step": step}));
        }
    }

    pub(crate) fn parameter(&mut self, name: &str, value: &str) {
        self.parameters.push(json!({"key": name_of(name), "value": cut(value, PARAMETER)}));
    }

    pub(crate) fn tag(&mut self, name: &str, value: &str) {
        self.tags.push(tag(name, value));
    }

    /// The bodies of `runs/log-batch`, in their order, none of them above a limit.
    pub(crate) fn batches(&self, run: &str) -> Vec<Value> {
        let mut batches = Vec::new();
        let mut batch = Batch::default();
        let kinds = [(&self.parameters, 0), (&self.tags, 1), (&self.metrics, 2)];
        for (entries, kind) in kinds {
            for entry in entries {
                let bytes = entry.to_string().len() + 1;
                if !batch.takes(kind, bytes) {
                    batches.push(std::mem::take(&mut batch).body(run));
                }
                batch.add(kind, entry, bytes);
            }
        }
        if batch.bytes > 0 {
            batches.push(batch.body(run));
        }
        batches
    }
}

#[derive(Default)]
struct Batch {
    /// Parameters, tags, metrics.
    entries: [Vec<Value>; 3],
    bytes: usize,
}

impl Batch {
    fn takes(&self, kind: usize, bytes: usize) -> bool {
        let all: usize = self.entries.iter().map(Vec::len).sum();
        let most = if kind < 2 { BATCH_NAMES } else { BATCH };
        all < BATCH && self.entries[kind].len() < most && self.bytes + bytes <= BATCH_BYTES
    }

    fn add(&mut self, kind: usize, entry: &Value, bytes: usize) {
        self.entries[kind].push(entry.clone());
        self.bytes += bytes;
    }

    fn body(self, run: &str) -> Value {
        let [parameters, tags, metrics] = self.entries;
        json!({"run_id": run, "params": parameters, "tags": tags, "metrics": metrics})
    }
}

pub(crate) fn tag(name: &str, value: &str) -> Value {
    json!({"key": name_of(name), "value": cut(value, TAG)})
}

/// A name with the characters that MLflow lets it have.
fn name_of(name: &str) -> String {
    let allowed = |letter: char| letter.is_ascii_alphanumeric() || "/_.- ".contains(letter);
    name.chars().take(NAME).map(|letter| if allowed(letter) { letter } else { '_' }).collect()
}

/// At most so many characters; where some were cut off, the last one is an ellipsis.
pub(crate) fn cut(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        None => text.to_owned(),
        Some(_) => text.chars().take(most - 1).chain(['…']).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entries(metrics: usize, parameters: usize, tags: usize, value: &str) -> Entries {
        let mut entries = Entries::default();
        for i in 0..metrics {
            entries.metric("m", i as f64, i as u64, 1);
        }
        for i in 0..parameters {
            entries.parameter(&format!("p{i}"), value);
        }
        for i in 0..tags {
            entries.tag(&format!("t{i}"), value);
        }
        entries
    }

    #[test]
    fn no_batch_is_above_a_limit_and_nothing_is_lost() {
        let long = "\u{1F3A3}".repeat(10_000);
        for (metrics, parameters, tags, value) in [
            (0, 0, 0, ""),
            (1, 1, 1, "v"),
            (1000, 0, 0, "v"),
            (1001, 100, 100, "v"),
            (900, 101, 99, "v"),
            (5000, 250, 350, "v"),
            (10, 200, 200, &long),
        ] {
            let entries = entries(metrics, parameters, tags, value);
            let batches = entries.batches("r");
            let mut seen = [Vec::new(), Vec::new(), Vec::new()];
            for batch in &batches {
                let count = |name| batch[name].as_array().unwrap().len();
                let (m, p, t) = (count("metrics"), count("params"), count("tags"));
                assert!(m <= 1000 && p <= 100 && t <= 100, "{m} {p} {t}");
                assert!((1..=1000).contains(&(m + p + t)));
                assert!(batch.to_string().len() <= 1_000_000);
                for (seen, name) in seen.iter_mut().zip(["metrics", "params", "tags"]) {
                    seen.extend(batch[name].as_array().unwrap().clone());
                }
            }
            assert_eq!(seen, [entries.metrics, entries.parameters, entries.tags]);
            assert_eq!(batches.is_empty(), metrics + parameters + tags == 0);
        }
    }

    #[test]
    fn values_are_cut_at_a_character() {
        assert_eq!(cut("äöü", 3), "äöü");
        assert_eq!(cut("äöüß", 3), "äö…");
        let entries = entries(0, 1, 1, &"ä".repeat(9000));
        let length = |entry: &Value| entry["value"].as_str().unwrap().chars().count();
        assert_eq!((length(&entries.parameters[0]), length(&entries.tags[0])), (6000, 8000));
    }

    #[test]
    fn names_have_the_characters_that_they_may() {
        assert_eq!(name_of("decision/f1 low-5.x_y"), "decision/f1 low-5.x_y");
        assert_eq!(name_of("a\u{e4}:b\n"), "a__b_");
        assert_eq!(name_of(&"n".repeat(300)).len(), 250);
    }

    #[test]
    fn what_is_no_number_is_left_out() {
        let mut entries = Entries::default();
        for value in [f64::NAN, f64::INFINITY, 0.5] {
            entries.metric("m", value, 0, 1);
        }
        assert_eq!(entries.metrics.len(), 1);
    }
}
