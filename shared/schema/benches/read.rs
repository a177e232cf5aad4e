//! CSV to packed rows, beside the `csv` crate reading byte records and parsing the same cells.
//!
//! `cargo bench -p lurelight-schema --bench read` prints rows per second of both, for files that differ in
//! what stands in their cells, and the ratio; the runs alternate in one process, and the median of each
//! counts. An argument is another number of rows.

#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a benchmark prints, and stops when it fails")]

use std::hint::black_box;
use std::time::Instant;

use lurelight_schema::read::{Format, LabelUse, ReadOptions, Reader};
use lurelight_schema::{Code, FEATURE_COUNT, Feature, FeatureVector, Label};

const ROUNDS: usize = 5;

fn main() {
    let rows = std::env::args().skip(1).find_map(|argument| argument.parse().ok()).unwrap_or(1_000_000);
    println!("{rows} rows, median of {ROUNDS} alternating rounds, million rows/s");
    println!("{:<44} {:>6} {:>6} {:>6}", "", "here", "csv", "ratio");
    let plain = |code: &'static str, _: u64| code;
    compare("plain codes and a label", &file(rows, "", plain));
    compare("an address carried in front", &file(rows, "https://example.org/some/path?with=query", plain));
    let holes = |code: &'static str, noise: u64| if noise.is_multiple_of(20) { "" } else { code };
    compare("5 % of the cells empty", &file(rows, "", holes));
    let floats = |code: &'static str, _: u64| match code {
        "1" => "1.0",
        "-1" => "-1.0",
        _ => "0.0",
    };
    compare("floats, as pandas writes columns with holes", &file(rows, "", floats));
    let quotes = |code: &'static str, _: u64| match code {
        "1" => "\"1\"",
        "-1" => "\"-1\"",
        _ => "\"0\"",
    };
    compare("every cell quoted", &file(rows, "", quotes));
    compare("a carried cell with doubled quotes", &file(rows, "\"say \"\"hi\"\" again\"", plain));
}

/// A file with random codes; `cell` writes one, given random bits.
fn file(rows: usize, carried: &str, cell: impl Fn(&'static str, u64) -> &'static str) -> Vec<u8> {
    let names: Vec<&str> = Feature::ALL.iter().map(|feature| feature.name()).collect();
    let carries = !carried.is_empty();
    let mut text = if carries { "address,".to_owned() } else { String::new() };
    text += &names.join(",");
    text += ",Result\n";
    let mut state = 42_u64;
    let mut random = || {
        // Knuth's MMIX generator; its high bits are random enough here.
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        state >> 33
    };
    for _ in 0..rows {
        if carries {
            text += carried;
            text.push(',');
        }
        for feature in Feature::ALL {
            let codes: Vec<&str> =
                feature.codes().iter().map(|code| ["-1", "0", "1", ""][code as usize]).collect();
            text += cell(codes[random() as usize % codes.len()], random());
            text.push(',');
        }
        text += if random() % 2 == 0 { "-1\n" } else { "1\n" };
    }
    text.into_bytes()
}

fn compare(what: &str, file: &[u8]) {
    let (mut here, mut peer) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        here.push(timed(read_here, file));
        peer.push(timed(read_with_csv, file));
    }
    assert_eq!(here[0].1, peer[0].1, "the readers disagree on {what}");
    let (here, peer) = (median(here), median(peer));
    println!("{what:<44} {:>6.2} {:>6.2} {:>6.2}", here, peer, here / peer);
}

/// Million rows a second; the checksums keep both readers honest.
fn timed(read: fn(&[u8]) -> (u64, u64), file: &[u8]) -> (f64, (u64, u64)) {
    let start = Instant::now();
    let (rows, sum) = read(black_box(file));
    (rows as f64 / start.elapsed().as_secs_f64() / 1e6, (rows, sum))
}

fn median(mut runs: Vec<(f64, (u64, u64))>) -> f64 {
    runs.sort_by(|a, b| a.0.total_cmp(&b.0));
    runs[runs.len() / 2].0
}

fn read_here(file: &[u8]) -> (u64, u64) {
    let options = ReadOptions::new(LabelUse::Required);
    let mut reader = Reader::new(file, Format::Csv, options).unwrap();
    let (mut rows, mut sum) = (0, 0_u64);
    while let Some(row) = reader.next_row().unwrap() {
        rows += 1;
        sum = sum.wrapping_add(row.vector.bits() ^ row.label.unwrap() as u64);
    }
    assert_eq!(reader.finish().unwrap().error_count, 0);
    (rows, sum)
}

fn read_with_csv(file: &[u8]) -> (u64, u64) {
    let mut reader = csv::ReaderBuilder::new().buffer_capacity(1 << 17).from_reader(file);
    let skip = reader.byte_headers().unwrap().len() - FEATURE_COUNT - 1;
    let mut record = csv::ByteRecord::new();
    let (mut rows, mut sum) = (0, 0_u64);
    while reader.read_byte_record(&mut record).unwrap() {
        let mut vector = FeatureVector::MISSING;
        let mut cells = record.iter().skip(skip);
        for (feature, cell) in Feature::ALL.into_iter().zip(&mut cells) {
            vector = vector.with(feature, Code::parse(cell).unwrap());
        }
        let label = Label::parse(cells.next().unwrap()).unwrap();
        rows += 1;
        sum = sum.wrapping_add(vector.bits() ^ label as u64);
    }
    (rows, sum)
}
