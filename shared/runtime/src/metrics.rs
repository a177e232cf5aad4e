//! Metrics for CloudWatch in its embedded metric format: one line of JSON a request on standard output, from which
//! CloudWatch takes the numbers, and in which Logs Insights finds them again beside the request's id.
//!
//! ```
//! use lurelight_runtime::metrics::{Metrics, Unit};
//!
//! let mut metrics = Metrics::default();
//! metrics.set("Rows", Unit::Count, 11_055);
//! metrics.property("run", "nightly-42");
//! metrics.emit(); // nothing outside Lambda, unless LURELIGHT_METRICS says so
//! ```

use std::convert::Infallible;
use std::io::Write;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use serde_json::{Map, Number, Value, json};

use crate::in_lambda;

/// The namespace of all metrics of all functions.
pub const NAMESPACE: &str = "Lurelight";
/// The one dimension: the name of the function in Lambda, elsewhere that of the program.
pub const DIMENSION: &str = "FunctionName";

/// What a number counts, by CloudWatch's names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Things.
    Count,
    /// Time.
    Milliseconds,
    /// Nothing: a number that only names something, as the number of a version.
    None,
}

impl Unit {
    fn name(self) -> &'static str {
        match self {
            Unit::Count => "Count",
            Unit::Milliseconds => "Milliseconds",
            Unit::None => "None",
        }
    }
}

/// The measurements of one request or one invocation.
#[derive(Clone, Debug, Default)]
pub struct Metrics {
    measured: Vec<(&'static str, Unit, Number)>,
    properties: Vec<(&'static str, String)>,
}

impl Metrics {
    /// Notes a number. The later one counts where a name is given twice.
    pub fn set(&mut self, name: &'static str, unit: Unit, value: u64) {
        self.set_number(name, unit, value.into());
    }

    /// Notes a time, in milliseconds with their fraction.
    pub fn set_duration(&mut self, name: &'static str, duration: Duration) {
        // A time has no value that JSON cannot write.
        if let Some(ms) = Number::from_f64(duration.as_secs_f64() * 1e3) {
            self.set_number(name, Unit::Milliseconds, ms);
        }
    }

    fn set_number(&mut self, name: &'static str, unit: Unit, value: Number) {
        self.measured.retain(|(known, ..)| *known != name);
        self.measured.push((name, unit, value));
    }

    /// Adds a text to find the line by, as the name of a run. It is no dimension and costs no metric.
    pub fn property(&mut self, name: &'static str, text: impl Into<String>) {
        self.properties.retain(|(known, _)| *known != name);
        self.properties.push((name, text.into()));
    }

    /// Writes the line to standard output in Lambda, or where `LURELIGHT_METRICS` is `on`; otherwise nothing.
    pub fn emit(&self) {
        if self.measured.is_empty() || !wanted() {
            return;
        }
        let line = self.line(&function_name(), SystemTime::now()) + "\n";
        // In one write, so that lines of other threads stay beside it. Whoever closed the output wants no metrics.
        let _closed = std::io::stdout().write_all(line.as_bytes());
    }

    /// The line for a function of this name, without its end.
    #[must_use]
    pub fn line(&self, function: &str, at: SystemTime) -> String {
        let ms = at.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis());
        let metrics: Vec<Value> =
            self.measured.iter().map(|(name, unit, _)| json!({"Name": name, "Unit": unit.name()})).collect();
        let mut line = Map::new();
        line.insert(
            "_aws".to_owned(),
            json!({
                "Timestamp": u64::try_from(ms).unwrap_or(u64::MAX),
                "CloudWatchMetrics": [
                    {"Namespace": NAMESPACE, "Dimensions": [[DIMENSION]], "Metrics": metrics},
                ],
            }),
        );
        line.insert(DIMENSION.to_owned(), function.into());
        for (name, text) in &self.properties {
            line.insert((*name).to_owned(), text.as_str().into());
        }
        for (name, _, value) in &self.measured {
            line.insert((*name).to_owned(), Value::Number(value.clone()));
        }
        Value::Object(line).to_string()
    }
}

/// The measurements of the request at hand, to which whoever works on it may add; [`serve`](crate::serve) and
/// [`invoke`](crate::invoke()) emit them when it is answered. Clones share all. As an extractor of axum it never fails.
#[derive(Clone, Debug, Default)]
pub struct Measured(Arc<Mutex<Metrics>>);

impl Measured {
    /// Notes a number; see [`Metrics::set`].
    pub fn set(&self, name: &'static str, unit: Unit, value: u64) {
        self.lock().set(name, unit, value);
    }

    /// Notes a time; see [`Metrics::set_duration`].
    pub fn set_duration(&self, name: &'static str, duration: Duration) {
        self.lock().set_duration(name, duration);
    }

    /// Adds a text; see [`Metrics::property`].
    pub fn property(&self, name: &'static str, text: impl Into<String>) {
        self.lock().property(name, text);
    }

    pub(crate) fn emit(&self) {
        let metrics = self.lock().clone();
        metrics.emit();
    }

    fn lock(&self) -> MutexGuard<'_, Metrics> {
        // Entries are each whole, also where a thread died between two.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<S: Sync> FromRequestParts<S> for Measured {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Measured, Infallible> {
        Ok(parts.extensions.get::<Measured>().cloned().unwrap_or_default())
    }
}

/// Whether this is the first request or invocation of this process. It is so once.
pub(crate) fn is_cold_start() -> bool {
    static COLD: AtomicBool = AtomicBool::new(true);
    COLD.swap(false, Ordering::Relaxed)
}

fn wanted() -> bool {
    in_lambda() || std::env::var_os("LURELIGHT_METRICS").is_some_and(|value| value == "on")
}

fn function_name() -> String {
    let program = || {
        let path = std::env::current_exe().ok()?;
        Some(path.file_stem()?.to_string_lossy().into_owned())
    };
    let named = std::env::var("AWS_LAMBDA_FUNCTION_NAME").ok().filter(|name| !name.is_empty());
    named.or_else(program).unwrap_or_else(|| "unknown".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reads a line as CloudWatch does, by the specification of its embedded metric format: what it would pass over
    /// is an error here.
    fn read(line: &str) -> Result<Vec<(String, String, f64)>, String> {
        let root: Value = serde_json::from_str(line).map_err(|error| error.to_string())?;
        let root = root.as_object().ok_or("no object")?;
        let aws = root.get("_aws").and_then(Value::as_object).ok_or("no _aws")?;
        let timestamp =
            aws.get("Timestamp").and_then(Value::as_u64).ok_or("no Timestamp in whole milliseconds")?;
        if timestamp < 1_000_000_000_000 {
            return Err(format!("{timestamp} is in seconds"));
        }
        let directives =
            aws.get("CloudWatchMetrics").and_then(Value::as_array).ok_or("no CloudWatchMetrics")?;
        let mut found = Vec::new();
        for directive in directives {
            let namespace = directive["Namespace"].as_str().ok_or("no Namespace")?;
            if namespace.is_empty() || namespace.len() > 1024 || namespace.starts_with("AWS/") {
                return Err(format!("namespace {namespace}"));
            }
            let sets = directive["Dimensions"].as_array().ok_or("no Dimensions")?;
            for dimension in sets.iter().flat_map(|set| set.as_array().into_iter().flatten()) {
                let name = dimension.as_str().ok_or("a dimension is a name")?;
                let value = root
                    .get(name)
                    .and_then(Value::as_str)
                    .ok_or("a dimension's value is a text at the root")?;
                if value.is_empty() || value.len() > 1024 || !value.is_ascii() {
                    return Err(format!("dimension {name} is {value:?}"));
                }
            }
            let metrics = directive["Metrics"].as_array().ok_or("no Metrics")?;
            if metrics.is_empty() || metrics.len() > 100 {
                return Err(format!("{} metrics", metrics.len()));
            }
            for metric in metrics {
                let name = metric["Name"].as_str().ok_or("no Name")?;
                let unit = metric["Unit"].as_str().ok_or("no Unit")?;
                if !["Count", "Milliseconds", "None"].contains(&unit) {
                    return Err(format!("unit {unit}"));
                }
                let value =
                    root.get(name).and_then(Value::as_f64).ok_or_else(|| format!("{name} has no number"))?;
                found.push((name.to_owned(), unit.to_owned(), value));
            }
        }
        Ok(found)
    }

    fn noon() -> SystemTime {
        UNIX_EPOCH + Duration::from_millis(1_790_000_000_123)
    }

    #[test]
    fn a_line_is_of_the_embedded_metric_format() {
        let mut metrics = Metrics::default();
        metrics.set("Rows", Unit::Count, 1);
        metrics.set("RegistryVersion", Unit::None, 3);
        metrics.set_duration("Latency", Duration::from_micros(1_500));
        metrics.set("Rows", Unit::Count, 11_055);
        metrics.property("run", "a \"run\"\nof two lines");
        let line = metrics.line("lurelight-dev-predict", noon());
        assert!(!line.contains('\n'), "{line}");
        let owned = |name: &str, unit: &str, value| (name.to_owned(), unit.to_owned(), value);
        assert_eq!(
            read(&line).unwrap(),
            [
                owned("RegistryVersion", "None", 3.0),
                owned("Latency", "Milliseconds", 1.5),
                owned("Rows", "Count", 11_055.0)
            ]
        );
        let value: Value = serde_json::from_str(&line).unwrap();
        assert_eq!(value["_aws"]["Timestamp"], 1_790_000_000_123_u64);
        assert_eq!(value["_aws"]["CloudWatchMetrics"][0]["Namespace"], "Lurelight");
        assert_eq!(value["_aws"]["CloudWatchMetrics"][0]["Dimensions"], json!([["FunctionName"]]));
        assert_eq!(value["FunctionName"], "lurelight-dev-predict");
        assert_eq!(value["run"], "a \"run\"\nof two lines");
    }

    #[test]
    fn the_reader_of_these_tests_is_strict() {
        let mut metrics = Metrics::default();
        metrics.set("Rows", Unit::Count, 1);
        let line = metrics.line("f", noon());
        read(&line).unwrap();
        for (from, to) in [
            ("\"Rows\":1", "\"Rows\":\"1\""),
            ("\"Rows\":1", "\"Other\":1"),
            ("\"Unit\":\"Count\"", "\"Unit\":\"count\""),
            ("\"FunctionName\":\"f\"", "\"FunctionName\":\"\""),
            ("\"FunctionName\":\"f\"", "\"Name\":\"f\""),
            ("[[\"FunctionName\"]]", "{}"),
            ("1790000000123", "1790000000"),
            ("\"Lurelight\"", "\"AWS/Lambda\""),
        ] {
            assert!(line.contains(from), "{line}");
            read(&line.replacen(from, to, 1)).expect_err(to);
        }
    }

    #[test]
    fn what_handlers_measure_is_shared() {
        let measured = Measured::default();
        measured.clone().set("Rows", Unit::Count, 5);
        assert_eq!(read(&measured.lock().line("f", noon())).unwrap()[0].2, 5.0);
    }
}
