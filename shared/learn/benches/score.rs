//! What it costs to score distinct rows and to load a model, in seconds of processor time.
//!
//! `cargo bench -p lurelight-learn --bench score` fits a forest of 256 trees, boosted trees as the own grid has them and the blend on
//! the rows of `LURELIGHT_UCI_DATA` (or as many synthetic ones), and scores each distinct one of them, and as many
//! synthetic ones. `--write FOLDER` writes the three models there instead. Other arguments as for the bench `fit`; rates are in its printout, seconds a run in its `--json`.

#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a benchmark prints, and stops when it fails")]

mod measured;

use std::hint::black_box;

use lurelight_learn::synthetic::Statistics;
use lurelight_learn::{BlendParams, Dataset, Estimator, RandomForestParams, grid};
use lurelight_model::{Artifact, Calibration, Family, Member, Model, ModelParts};
use lurelight_schema::{CodeSet, FEATURE_COUNT, FeatureVector};
use measured::Asked;

fn main() {
    let asked = Asked::from_arguments();
    let data = Dataset::new(&measured::records());
    let synthetic: Vec<_> = Statistics::built_in().unwrap().generate(2).take(20_000).collect();
    let synthetic = Dataset::new(&synthetic);
    let (seed, write) = (asked.seed, asked.write.clone());
    let mut lines = asked.lines();
    let forest = RandomForestParams { n_estimators: 256, ..Default::default() };
    let boosted = grid(Family::GradientBoosting)
        .into_iter()
        .max_by_key(|point| point.n_estimators())
        .unwrap()
        .with_n_estimators(256);
    let blend = Estimator::Blend(BlendParams::default());
    let forest = Estimator::RandomForest(forest);
    for (name, estimator) in [("random forest", forest), ("boosted trees", boosted), ("blend", blend)] {
        let model = model(estimator.fit(&data, seed).unwrap());
        if let Some(folder) = &write {
            let file = folder.join(name.replace(' ', "-")).with_extension("lure");
            std::fs::write(file, Artifact::new(model).unwrap().to_bytes()).unwrap();
            continue;
        }
        for (of, data) in [("known", &data), ("synthetic", &synthetic)] {
            let rows: Vec<FeatureVector> = data.rows().iter().map(|row| row.vector).collect();
            let work = || drop(black_box(model.probabilities(&rows)));
            if let Some(seconds) = lines.measure(&format!("{name}: {} distinct {of} rows", rows.len()), work)
            {
                println!("{:>56} {:>9.0} rows/s", "", rows.len() as f64 / seconds);
            }
        }
        let bytes: &'static [u8] = Artifact::new(model).unwrap().to_bytes().leak();
        let load = || drop(black_box(Artifact::from_bytes(black_box(bytes)).unwrap()));
        if lines.measure(&format!("{name}: loading"), load).is_some() {
            println!("{:>56} {:>9} bytes", "", bytes.len());
        }
    }
    lines.end();
}

fn model(member: Member) -> Model {
    let parts = ModelParts {
        known_codes: [CodeSet::ALL; FEATURE_COUNT],
        members: vec![member],
        calibration: Calibration::None,
        threshold: 0.5,
    };
    Model::new(parts).unwrap()
}
