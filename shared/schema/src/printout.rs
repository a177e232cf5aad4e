//! The schema written down: for people, as JSON Schema, and as YAML.
//!
//! All three are made from the same table as the reader, so they cannot disagree with it.

use std::fmt::Write as _;

use serde_json::{Value, json};

use crate::{Code, FEATURE_COUNT, Feature, LABEL_COLUMN, Label, fingerprint};

/// What UCI's label column says of each of its codes.
const LABEL_CODES: [(i8, Label); 2] = [(-1, Label::Phishing), (1, Label::Legitimate)];

/// The schema as a table for people: each feature with its codes, what they mean, where it is observed and
/// how else it is spelled.
#[must_use]
pub fn table() -> String {
    let mut text = format!(
        "{:>2}  {:<28} {:<8} {:>4}  {}\n",
        "no", "feature", "observed", "code", "what the code says of the site"
    );
    for feature in Feature::ALL {
        let mut first = format!("{:>2}  {:<28} {:<8}", feature.index() + 1, feature, feature.observed_at());
        for code in feature.codes().iter() {
            let meaning = feature.meaning(code).unwrap_or_default();
            line(&mut text, &format!("{first:<40} {code:>4}  {meaning}"));
            first.clear();
        }
        if !feature.aliases().is_empty() {
            line(&mut text, &format!("    also {}", feature.aliases().join(", ")));
        }
    }
    for (i, (code, label)) in LABEL_CODES.into_iter().enumerate() {
        let first = if i == 0 { format!("    {LABEL_COLUMN:<28} label") } else { String::new() };
        line(&mut text, &format!("{first:<40} {code:>4}  {label}"));
    }
    text + "    also class\n\n\
         Spellings that differ only by case, blanks or punctuation are the same. Columns may stand in any\n\
         order, among others. A missing value is an empty cell, na, NaN, null or ?. Codes that are not listed\n\
         for a feature are read, and a warning says that the training data never has them.\n"
}

fn line(text: &mut String, line: &str) {
    text.push_str(line.trim_end());
    text.push('\n');
}

/// The schema as JSON Schema, draft 2020-12: one row as an object, or an array of such rows.
///
/// It describes the plain way to write rows; the reader takes other spellings of names and values, too.
#[must_use]
pub fn json_schema() -> String {
    let mut properties = serde_json::Map::new();
    for feature in Feature::ALL {
        properties.insert(feature.name().to_owned(), feature_schema(feature));
    }
    let label = LABEL_CODES.map(|(code, label)| json!({ "const": code, "description": label.as_str() }));
    properties.insert(
        LABEL_COLUMN.to_owned(),
        json!({ "description": "The label, which training needs and prediction does not.", "oneOf": label }),
    );
    let names = Feature::ALL.map(Feature::name);
    let schema = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": format!("urn:lurelight:schema:{}", fingerprint()),
        "title": "Rows of Lurelight",
        "description": "One row or an array of rows; each row is one site with its 30 coded features.",
        "anyOf": [{ "$ref": "#/$defs/row" }, { "$ref": "#/$defs/rows" }],
        "$defs": {
            "row": {
                "title": "Row",
                "description": "One site. Further members are carried along.",
                "type": "object",
                "properties": properties,
                "required": names,
            },
            "rows": {
                "title": "Rows",
                "type": "array",
                "minItems": 1,
                "items": { "$ref": "#/$defs/row" },
            },
        },
    });
    format!("{schema:#}\n")
}

fn feature_schema(feature: Feature) -> Value {
    let code = |code: Code| {
        let unseen = "the training data never has this code here: read, with a warning";
        json!({ "const": code.value(), "description": feature.meaning(code).unwrap_or(unseen) })
    };
    let mut codes: Vec<Value> = Code::VALUES.into_iter().map(code).collect();
    codes.push(json!({ "type": "null", "description": "missing" }));
    json!({
        "oneOf": codes,
        "x-observed-at": feature.observed_at().as_str(),
        "x-aliases": feature.aliases(),
    })
}

/// The schema as YAML: `columns`, a list of the 30 features, and `label`.
#[must_use]
pub fn yaml() -> String {
    let mut text = format!(
        "# The schema of Lurelight: {FEATURE_COUNT} coded features and a label.\n\
         fingerprint: \"{}\"\nmissing: {}\ncolumns:\n",
        fingerprint(),
        json!(["", "na", "NaN", "null", "?"]),
    );
    for feature in Feature::ALL {
        // Writing to a String does not fail. A JSON string is a YAML string, too.
        let _infallible = write!(
            text,
            "  - name: {}\n    index: {}\n    observed_at: {}\n    aliases: {}\n    codes:\n",
            json!(feature.name()),
            feature.index(),
            json!(feature.observed_at().as_str()),
            json!(feature.aliases()),
        );
        for code in feature.codes().iter() {
            let _infallible = writeln!(text, "      {code}: {}", json!(feature.meaning(code)));
        }
    }
    let _infallible =
        writeln!(text, "label:\n  name: {LABEL_COLUMN}\n  aliases: {}\n  codes:", json!(["class"]));
    for (code, label) in LABEL_CODES {
        let _infallible = writeln!(text, "    {code}: {label}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_has_every_name_and_spelling() {
        let table = table();
        for feature in Feature::ALL {
            assert!(table.contains(&format!("{:>2}  {feature} ", feature.index() + 1)), "{feature}");
            assert!(feature.aliases().iter().all(|alias| table.contains(alias)), "{feature}");
        }
        assert!(table.lines().all(|line| line.len() <= 110 && line.trim_end() == line));
        let first: Vec<&str> = table.lines().take(4).collect();
        assert_eq!(
            first,
            [
                "no  feature                      observed code  what the code says of the site",
                " 1  having_IP_Address            URL        -1  the host is an IP address",
                "                                            1  the host is a name",
                "    also having_IPhaving_IP_Address, UsingIP",
            ]
        );
    }

    #[test]
    fn the_json_schema_has_every_feature_with_its_codes() {
        let schema: Value = serde_json::from_str(&json_schema()).unwrap();
        let row = &schema["$defs"]["row"];
        assert_eq!(row["required"].as_array().unwrap().len(), FEATURE_COUNT);
        for feature in Feature::ALL {
            let codes = &row["properties"][feature.name()]["oneOf"];
            assert_eq!(codes[0]["const"], -1);
            assert_eq!(codes[2]["const"], 1);
            assert_eq!(codes[3]["type"], "null");
        }
        assert_eq!(row["properties"]["Result"]["oneOf"][0]["description"], "phishing");
    }

    #[test]
    fn the_yaml_has_every_feature_in_order() {
        let yaml = yaml();
        let names: Vec<&str> = yaml
            .lines()
            .filter_map(|line| line.strip_prefix("  - name: "))
            .map(|name| name.trim_matches('"'))
            .collect();
        assert_eq!(names, Feature::ALL.map(Feature::name));
        assert!(yaml.contains("      -1: \"the host is an IP address\"\n      1: \"the host is a name\"\n"));
        assert!(yaml.ends_with("  codes:\n    -1: phishing\n    1: legitimate\n"));
    }
}
