//! What the benchmarks share: their arguments, their rows, and processor time.

use std::time::Instant;

use lurelight_learn::synthetic::Statistics;
use lurelight_schema::Record;
use lurelight_schema::read::{Format, LabelUse, ReadOptions, read_records};

/// What the arguments ask for.
pub struct Asked {
    json: bool,
    rounds: usize,
    names: Vec<String>,
    /// Of everything random.
    pub seed: u64,
    /// Where models are written, instead of measuring.
    pub write: Option<std::path::PathBuf>,
}

/// The lines of a table, printed as they are measured.
pub struct Lines {
    asked: Asked,
    measured: Vec<(String, f64)>,
}

impl Asked {
    pub fn from_arguments() -> Asked {
        let mut asked = Asked { json: false, rounds: 5, names: Vec::new(), seed: 42, write: None };
        let mut arguments = std::env::args().skip(1);
        while let Some(argument) = arguments.next() {
            match argument.as_str() {
                // What cargo adds.
                "--bench" => {}
                "--json" => asked.json = true,
                "--rounds" => asked.rounds = arguments.next().unwrap().parse().unwrap(),
                "--seed" => asked.seed = arguments.next().unwrap().parse().unwrap(),
                "--write" => asked.write = arguments.next().map(Into::into),
                name => asked.names.push(name.to_owned()),
            }
        }
        asked
    }

    pub fn lines(self) -> Lines {
        Lines { asked: self, measured: Vec::new() }
    }
}

impl Lines {
    /// Measures one piece of work, if it was asked for: the least of the rounds, after one that does not count. Other
    /// programs on the machine only ever add to a round.
    pub fn measure(&mut self, name: &str, mut work: impl FnMut()) -> Option<f64> {
        if !self.asked.names.is_empty() && !self.asked.names.iter().any(|part| name.contains(part.as_str())) {
            return None;
        }
        let start = Instant::now();
        work();
        // The system counts processor time in steps of some milliseconds.
        let times = (0.1 / start.elapsed().as_secs_f64()).clamp(1.0, 1e5) as usize;
        let rounds = (0..self.asked.rounds).map(|_| {
            let (processor, start) = (processor_seconds(), Instant::now());
            (0..times).for_each(|_| work());
            let waited = start.elapsed().as_secs_f64();
            let took = processor_seconds().zip(processor).map_or(waited, |(after, before)| after - before);
            took / times as f64
        });
        let least = rounds.fold(f64::INFINITY, f64::min);
        println!("{name:<56} {:>9.3} ms", least * 1e3);
        self.measured.push((name.to_owned(), least));
        Some(least)
    }

    pub fn end(self) {
        if self.asked.json {
            let of: serde_json::Map<_, _> =
                self.measured.into_iter().map(|(name, seconds)| (name, seconds.into())).collect();
            println!("{}", serde_json::Value::from(of));
        }
    }
}

/// Seconds that all threads of this process have run, where the system tells.
fn processor_seconds() -> Option<f64> {
    let mut nanoseconds = 0.0;
    for task in std::fs::read_dir("/proc/self/task").ok()? {
        let of = std::fs::read_to_string(task.ok()?.path().join("schedstat")).ok()?;
        nanoseconds += of.split_whitespace().next()?.parse::<f64>().ok()?;
    }
    Some(nanoseconds * 1e-9)
}

/// The rows of `LURELIGHT_UCI_DATA`, or as many synthetic ones.
pub fn records() -> Vec<Record> {
    let Some(path) = std::env::var("LURELIGHT_UCI_DATA").ok().filter(|path| !path.is_empty()) else {
        return Statistics::built_in().unwrap().generate(1).take(11_055).collect();
    };
    let format = Format::from_file_name(&path).unwrap();
    let file = std::fs::File::open(&path).unwrap();
    read_records(file, format, ReadOptions::new(LabelUse::Required)).unwrap().0
}
