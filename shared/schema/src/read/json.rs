//! Rows as JSON objects: one text, or one object a line.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt;
use std::ops::Range;

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::header::{self, Column, Role};
use super::source::count_line_ends;
use super::table::{Draft, Judged, Table};
use super::{Limit, Limits, ReadError};

/// A string, borrowed from the text where it has no escapes.
#[derive(Deserialize)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

/// The members of one object, in their order.
pub(super) struct Object<'a>(Vec<(Cow<'a, str>, &'a RawValue)>);

impl<'de: 'a, 'a> Deserialize<'de> for Object<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Object<'a>, D::Error> {
        struct Members;
        impl<'de> Visitor<'de> for Members {
            type Value = Object<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a row: an object with the features as keys")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Object<'de>, A::Error> {
                let mut members = Vec::new();
                while let Some((Text(key), value)) = map.next_entry()? {
                    members.push((key, value));
                }
                Ok(Object(members))
            }
        }
        deserializer.deserialize_map(Members)
    }
}

impl<'a> Object<'a> {
    pub(super) fn parse(text: &'a str) -> Result<Object<'a>, serde_json::Error> {
        serde_json::from_str(text)
    }

    pub(super) fn keys(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|(key, _)| &**key)
    }

    /// The member that holds the rows of `{"rows": […]}` or `{"data": […]}`.
    pub(super) fn rows(&self) -> Option<&'a str> {
        let rows = |(key, value): &&(Cow<'_, str>, &RawValue)| {
            matches!(&**key, "rows" | "data") && value.get().starts_with('[')
        };
        self.0.iter().find(rows).map(|(_, value)| value.get())
    }
}

/// Where `part`, a slice of `text`, stands in it.
pub(super) fn place(text: &str, part: &str) -> Range<usize> {
    let start = (part.as_ptr() as usize).wrapping_sub(text.as_ptr() as usize);
    start..start + part.len()
}

/// Where the elements of an array stand in the text that it is a slice of; at most `max` and one more.
pub(super) struct Elements(pub(super) Vec<(u32, u32)>);

impl Elements {
    pub(super) fn parse(text: &str, array: &str, max: u64) -> Result<Elements, serde_json::Error> {
        struct Places<'t>(&'t str, u64);
        impl<'de> Visitor<'de> for Places<'_> {
            type Value = Elements;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an array of rows")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Elements, A::Error> {
                let mut places = Vec::new();
                while let Some(value) = seq.next_element::<&RawValue>()? {
                    let Range { start, end } = place(self.0, value.get());
                    if places.len() as u64 <= self.1 {
                        places.push((start as u32, end as u32));
                    }
                }
                Ok(Elements(places))
            }
        }
        let mut json = serde_json::Deserializer::from_str(array);
        let elements = json.deserialize_seq(Places(text, max))?;
        json.end()?;
        Ok(elements)
    }
}

/// What is wrong with a JSON text, without the place.
pub(super) fn reason(error: &serde_json::Error) -> String {
    let message = error.to_string();
    let message = message.rsplit_once(" at line ").map_or(&*message, |(reason, _)| reason);
    if error.is_eof() { format!("the JSON text is cut off ({message})") } else { message.to_owned() }
}

/// What each key is, learnt as keys are seen.
#[derive(Debug, Default)]
pub(super) struct Keys {
    known: HashMap<String, Key>,
}

#[derive(Clone, Copy, Debug)]
struct Key {
    role: Role,
    /// Its column; `None` for a key that came too late to have one.
    column: Option<usize>,
}

impl Keys {
    /// Adds the keys of one more row to the columns.
    pub(super) fn collect(
        &mut self,
        object: &Object<'_>,
        names: &mut Vec<String>,
        limits: &Limits,
        line: u64,
    ) -> Result<(), ReadError> {
        for key in object.keys() {
            if !self.known.contains_key(key) {
                self.check_count(limits, line)?;
                let column = Some(names.len());
                self.known.insert(key.to_owned(), Key { role: Role::Carried, column });
                names.push(key.to_owned());
            }
        }
        Ok(())
    }

    /// Takes over the roles of the columns, in which alone previous predictions are known.
    pub(super) fn set_roles(&mut self, columns: &[Column]) {
        for key in self.known.values_mut() {
            if let Some(column) = key.column.and_then(|at| columns.get(at)) {
                key.role = column.role;
            }
        }
    }

    fn check_count(&self, limits: &Limits, line: u64) -> Result<(), ReadError> {
        if self.known.len() < limits.columns {
            return Ok(());
        }
        let value = limits.columns as u64;
        Err(ReadError::Limit { limit: Limit::Columns, value, line, open_quote: false })
    }

    fn get(&mut self, name: &str, limits: &Limits, line: u64) -> Result<Key, ReadError> {
        if let Some(key) = self.known.get(name) {
            return Ok(*key);
        }
        self.check_count(limits, line)?;
        let key = Key { role: header::role(name), column: None };
        self.known.insert(name.to_owned(), key);
        Ok(key)
    }
}

/// Reads one row, whose text begins at byte `at` (from 0) of its `line`. `places` becomes where in the
/// text the value of each column stands.
pub(super) fn judge(
    text: &str,
    line: u64,
    at: usize,
    keys: &mut Keys,
    places: &mut Vec<Option<Range<usize>>>,
    table: &mut Table,
) -> Result<Option<Judged>, ReadError> {
    places.clear();
    places.resize(table.columns.len(), None);
    let object = match Object::parse(text) {
        Ok(object) => object,
        Err(error) => {
            let (line, column) = (line + error.line().saturating_sub(1) as u64, error.column());
            let column = if error.line() > 1 { column } else { at + column };
            table.bad_row(line, format!("{} (column {column} of the line)", reason(&error)));
            return Ok(None);
        }
    };
    let mut draft = Draft::new();
    let mut seen: Vec<Role> = Vec::with_capacity(object.0.len());
    for (name, value) in &object.0 {
        let (key, raw) = (keys.get(name, &table.limits, line)?, value.get());
        let range = place(text, raw);
        if raw.len() > table.limits.cell_bytes {
            let value = table.limits.cell_bytes as u64;
            return Err(ReadError::Limit { limit: Limit::CellBytes, value, line, open_quote: false });
        }
        let bad_place = || value_place(text, range.start, line, at);
        if matches!(key.role, Role::Feature(_) | Role::Label) {
            if seen.contains(&key.role) {
                let reason = "the row has this feature twice, under two keys".to_owned();
                draft.refuse(name, raw.as_bytes(), reason, &bad_place);
            }
            seen.push(key.role);
        }
        add(&mut draft, name, key.role, raw, table, &bad_place);
        match key.column {
            Some(column) => places[column] = Some(range),
            None if key.role == Role::Carried => table.tally.late_key(name, line),
            None => {}
        }
    }
    Ok(table.judge(draft, line))
}

fn add(
    draft: &mut Draft,
    name: &str,
    role: Role,
    raw: &str,
    table: &Table,
    place: &dyn Fn() -> (u64, String),
) {
    let label = table.label_use();
    let coded = matches!(role, Role::Feature(_) | Role::Label);
    match raw.as_bytes().first() {
        Some(b'"') => match serde_json::from_str::<Text<'_>>(raw) {
            Ok(Text(text)) => draft.add(name, role, text.as_bytes(), label, place),
            Err(error) => draft.refuse(name, raw.as_bytes(), reason(&error), place),
        },
        Some(b'{' | b'[') if coded => {
            let reason = "is an object or an array where a code (-1, 0, 1, null) should stand".to_owned();
            draft.refuse(name, raw.as_bytes(), reason, place);
        }
        _ => draft.add(name, role, raw.as_bytes(), label, place),
    }
}

/// The line of a value, and words on where in the line it stands.
fn value_place(text: &str, start: usize, line: u64, at: usize) -> (u64, String) {
    let before = &text.as_bytes()[..start];
    let column = match before.iter().rposition(|byte| matches!(byte, b'\n' | b'\r')) {
        Some(line_end) => start - line_end,
        None => at + start + 1,
    };
    (line + count_line_ends(before), format!(" (column {column} of the line)"))
}

/// A value as a cell: a string's text, nothing for null, else the JSON text itself.
pub(super) fn cell(raw: &str) -> Cow<'_, str> {
    match raw.as_bytes().first() {
        Some(b'"') => serde_json::from_str::<Text<'_>>(raw).map_or(Cow::Borrowed(raw), |Text(text)| text),
        _ if raw == "null" => Cow::Borrowed(""),
        _ => Cow::Borrowed(raw),
    }
}
