//! Measuring everybody on the same bootstrap draws.

use lurelight_model::{Figures, Metrics, ReliabilityBin};
use rand::RngExt;
use rayon::prelude::*;

use super::contestants::{Contestants, Pooled, Tested};
use super::results::{
    ContestantResult, Inflation, METRICS, PooledFigures, ProtocolAssessment, SeedResult, array, figures,
    mean_of, spread,
};
use crate::division::{Division, Protocol};
use crate::evaluate::{BOOTSTRAP_DRAWS, ece_null_p95, interval, round_figures, rounded};
use crate::metrics::{Ranking, Scored, mean};
use crate::random::stream;
use crate::train::{Progress, Stage};
use crate::{Dataset, DistinctRow};

/// Measures everything. `pooled` has a list a protocol, with a list a seed, with one a contestant.
pub(super) fn measure(
    data: &Dataset,
    contestants: &Contestants<'_>,
    pooled: &[Vec<Vec<Pooled>>],
    shares: &[f64],
    progress: &dyn Progress,
) -> (Vec<ProtocolAssessment>, Vec<Inflation>) {
    let options = contestants.options;
    let names = contestants.named();
    let rankings: usize = pooled.iter().flatten().map(Vec::len).sum();
    progress.begin(Stage::Intervals, BOOTSTRAP_DRAWS + rankings as u64);
    let draws: Vec<Vec<[f64; METRICS]>> = (0..BOOTSTRAP_DRAWS)
        .into_par_iter()
        .map(|draw| {
            let drawn = draw_all(data, pooled, names.len(), options.training.seed, draw);
            progress.advance();
            drawn
        })
        .collect();
    let at = |protocol: usize, contestant: usize| protocol * names.len() + contestant;
    let mut protocols = Vec::with_capacity(pooled.len());
    for (p, by_seed) in pooled.iter().enumerate() {
        let result = |c: usize| {
            let seeds: Vec<SeedResult> = options
                .seeds
                .iter()
                .zip(by_seed)
                .map(|(seed, all)| {
                    let result = seed_result(*seed, &all[c]);
                    progress.advance();
                    result
                })
                .collect();
            let values = mean_of(&seeds);
            let metric = |m: usize| interval(values[m], draws.iter().map(|draw| draw[at(p, c)][m]));
            ContestantResult {
                contestant: names[c].name.clone(),
                metrics: Metrics { figures: figures(metric), ece: metric(METRICS - 1) },
                spread: spread(&seeds),
                ece_null_p95: rounded(seeds.iter().map(|s| s.ece_null_p95).sum::<f64>() / seeds.len() as f64),
                reliability: by_seed.first().map(|all| reliability(&all[c])).unwrap_or_default(),
                by_seed: seeds,
            }
        };
        let tested = |seed: &Vec<Pooled>| seed.first().map_or(0, |first| rows(&first.tested));
        protocols.push(ProtocolAssessment {
            protocol: options.protocols[p],
            rounds: options.protocols[p].rounds(options.folds),
            tested_rows: by_seed.iter().map(tested).collect(),
            seen_share: shares[p],
            ceiling: ceiling(data, by_seed),
            results: (0..names.len()).map(result).collect(),
        });
    }
    let place = |wanted| options.protocols.iter().position(|protocol| *protocol == wanted);
    let inflation = match (place(Protocol::RandomKFold), place(Protocol::GroupedKFold)) {
        (Some(random), Some(grouped)) => {
            let of = |c: usize| {
                let values = [random, grouped].map(|p| mean_of(&protocols[p].results[c].by_seed));
                let metric = |m: usize| {
                    let drawn = draws.iter().map(|draw| draw[at(random, c)][m] - draw[at(grouped, c)][m]);
                    interval(values[0][m] - values[1][m], drawn)
                };
                Inflation {
                    contestant: names[c].name.clone(),
                    metrics: Metrics { figures: figures(metric), ece: metric(METRICS - 1) },
                }
            };
            (0..names.len()).map(of).collect()
        }
        _ => Vec::new(),
    };
    (protocols, inflation)
}

/// Every protocol's and contestant's metrics in one draw of as many vectors as there are, with replacement: means over
/// the seeds.
fn draw_all(
    data: &Dataset,
    pooled: &[Vec<Vec<Pooled>>],
    contestants: usize,
    seed: u64,
    draw: u64,
) -> Vec<[f64; METRICS]> {
    let mut rng = stream(seed, &[0x6173_7365_7373, draw]);
    let mut counts = vec![0.0; data.len()];
    for _ in 0..data.len() {
        counts[rng.random_range(0..data.len())] += 1.0;
    }
    let mut all = Vec::with_capacity(pooled.len() * contestants);
    for by_seed in pooled {
        for contestant in 0..contestants {
            let mut sums = [0.0; METRICS];
            for seed in by_seed {
                let Pooled { ranking, vectors, .. } = &seed[contestant];
                let measured = ranking.measure_weighted(0.5, |place| counts[vectors[place]]);
                for (sum, value) in sums.iter_mut().zip(array(&measured.figures, measured.ece)) {
                    *sum += value / by_seed.len() as f64;
                }
            }
            all.push(sums);
        }
    }
    all
}

fn seed_result(seed: u64, pooled: &Pooled) -> SeedResult {
    let measured = pooled.ranking.measure(0.5);
    SeedResult {
        seed,
        pooled: PooledFigures { figures: round_figures(&measured.figures), ece: rounded(measured.ece) },
        fold_means: round_figures(&pooled.fold_means),
        ece_null_p95: rounded(ece_null_p95(&pooled.tested.scored, &pooled.ranking, seed)),
    }
}

fn reliability(pooled: &Pooled) -> Vec<ReliabilityBin> {
    let bins = pooled.ranking.measure(0.5).bins.into_iter().filter(|bin| bin.rows > 0);
    bins.map(|bin| ReliabilityBin {
        predicted: rounded(bin.predicted),
        observed: rounded(bin.observed),
        ..bin
    })
    .collect()
}

fn rows(tested: &Tested) -> u64 {
    tested.scored.iter().map(|scored| u64::from(scored.phishing) + u64::from(scored.legitimate)).sum()
}

/// The best that anybody could do on the tested rows, as the mean over the seeds.
fn ceiling(data: &Dataset, by_seed: &[Vec<Pooled>]) -> Figures {
    let of = |seed: &Vec<Pooled>| {
        let tested = seed.first().map(|first| &first.tested);
        let row = |(place, scored): (&usize, &Scored)| DistinctRow {
            vector: data.rows()[*place].vector,
            phishing: scored.phishing,
            legitimate: scored.legitimate,
        };
        let rows = tested.map(|tested| tested.vectors.iter().zip(&tested.scored).map(row).collect());
        let tested = Dataset::from_rows(rows.unwrap_or_default());
        Ranking::new(&best_possible(data, &tested)).measure(0.5).figures
    };
    round_figures(&mean(&by_seed.iter().map(of).collect::<Vec<_>>()))
}

/// Rows tested by the share of phishing that all rows of their vector have: nobody who sees only the features can do
/// better on all rows.
pub(super) fn best_possible(data: &Dataset, tested: &Dataset) -> Vec<Scored> {
    let share = |row: &DistinctRow| {
        let all = data.rows().binary_search_by_key(&row.vector, |known| known.vector);
        all.map_or(0.5, |place| f64::from(data.rows()[place].phishing) / f64::from(data.rows()[place].rows()))
    };
    tested.rows().iter().map(|row| Scored::new(row, share(row))).collect()
}

/// The share of the tested rows whose vector was fitted on as well.
pub(super) fn seen_share(data: &Dataset, divisions: &[(u64, Division)]) -> f64 {
    let (mut seen, mut all) = (0, 0);
    for (_, division) in divisions {
        for round in 0..division.rounds() {
            let (train, test) = division.parts(data, round);
            let known = |row: &DistinctRow| {
                train.rows().binary_search_by_key(&row.vector, |known| known.vector).is_ok()
            };
            seen += test.filter(known).row_count();
            all += test.row_count();
        }
    }
    rounded(seen as f64 / all.max(1) as f64)
}
