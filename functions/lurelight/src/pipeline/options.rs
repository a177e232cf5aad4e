//! What may be asked of a run.

use jiff::Timestamp;
use lurelight_learn::{ThresholdRule, TrainOptions};
use lurelight_model::Family;
use lurelight_pipeline::{DriftRules, PromotionRules, RunRequest};
use lurelight_store::RunId;

use crate::failure::Failure;
use crate::home::{self, Home};
use crate::mlflow::{Beside, LIMIT_SECONDS};
use crate::version;

/// How models are made, by the pipeline or from files.
#[derive(Debug, clap::Args)]
pub struct TrainingOptions {
    /// The seed of everything random [default: 42]
    #[arg(long)]
    seed: Option<u64>,
    /// Folds of the cross-validation that searches grids [default: 3]
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u8).range(2..=20))]
    cv_folds: Option<u8>,
    /// Choose the threshold for the highest recall at this false positive rate, instead of the best F1
    #[arg(long, value_name = "RATE")]
    max_false_positive_rate: Option<f64>,
    /// Families to try, by name [default: all]; a soft vote gives no reasons, so leave it out to have some
    #[arg(long, value_name = "FAMILY,…", value_delimiter = ',')]
    families: Option<Vec<Family>>,
    /// Copies of the rows with cells masked at random that trees learn beside them, for rows with missing values
    /// [default: 16 in the blend, 0 in other families]
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u8).range(0..=64))]
    masked_copies: Option<u8>,
}

impl TrainingOptions {
    /// These, and what is not among them as in `others`.
    pub fn over(&self, others: TrainOptions) -> TrainOptions {
        TrainOptions {
            seed: self.seed.unwrap_or(others.seed),
            cv_folds: self.cv_folds.map_or(others.cv_folds, usize::from),
            threshold: self
                .max_false_positive_rate
                .map_or(others.threshold, ThresholdRule::MaxFalsePositiveRate),
            families: self.families.clone().unwrap_or(others.families),
            masked_copies: self.masked_copies.map(usize::from).or(others.masked_copies),
            ..others
        }
    }
}

/// What only a run of the pipeline can be asked.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Without FILE")]
pub struct PipelineOptions {
    /// With the records to learn from.
    #[command(flatten)]
    pub home: Home,
    /// The run's name [default: its time]; that of a run that was broken off takes it up again, as it was asked for
    #[arg(long, value_name = "NAME", conflicts_with = "files")]
    run: Option<RunId>,
    /// Why, in words; it stands in the run's reports and in the registry
    #[arg(long, value_name = "TEXT", conflicts_with = "files")]
    reason: Option<String>,
    /// Tell this MLflow server of the run [env: MLFLOW_TRACKING_URI]
    #[arg(long, value_name = "URI", conflicts_with = "files")]
    mlflow_uri: Option<String>,
    /// Wait for MLflow no longer than this; the run never fails because of it
    #[arg(long, value_name = "SECONDS", conflicts_with = "files", default_value_t = LIMIT_SECONDS)]
    mlflow_timeout: u16,
    /// New rows have drifted in a feature where the chi-squared test's p, adjusted for 30 tests, is below this
    /// [default: 0.01] …
    #[arg(long, value_name = "P", conflicts_with = "files", value_parser = share)]
    drift_max_p: Option<f64>,
    /// … and its population stability index is this at least [default: 0.1] …
    #[arg(long, value_name = "PSI", conflicts_with = "files", value_parser = not_negative)]
    drift_min_psi: Option<f64>,
    /// … on this many new rows at least [default: 500]
    #[arg(long, value_name = "ROWS", conflicts_with = "files")]
    drift_min_rows: Option<u64>,
    /// The least F1 of the first champion [default: 0.93]
    #[arg(long, value_name = "F1", conflicts_with = "files", value_parser = share)]
    promote_min_f1: Option<f64>,
    /// The least ROC-AUC of the first champion [default: 0.98]
    #[arg(long, value_name = "AUC", conflicts_with = "files", value_parser = share)]
    promote_min_auc: Option<f64>,
    /// By how much a challenger's F1 may fall short of the champion's at the lower 95 % bound [default: 0.005]
    #[arg(long, value_name = "F1", conflicts_with = "files", value_parser = share)]
    promote_max_f1_loss: Option<f64>,
    /// The greatest false positive rate of a challenger [default: 0.08]
    #[arg(long, value_name = "RATE", conflicts_with = "files", value_parser = share)]
    promote_max_false_positive_rate: Option<f64>,
}

impl PipelineOptions {
    /// The MLflow that is told of the run, if one is named.
    pub fn mlflow(&self) -> Beside {
        Beside::new(self.mlflow_uri.as_deref(), self.mlflow_timeout)
    }

    /// The name of a run that may have begun.
    pub fn run(&self) -> Option<&RunId> {
        self.run.as_ref()
    }

    /// The request: what was asked of the run when it began, where it has begun, else the defaults; and over that
    /// what is asked now. The program is this one in any case, so that no other goes on with what one began.
    pub fn request(
        &self,
        training: &TrainingOptions,
        begun: Option<RunRequest>,
    ) -> Result<RunRequest, Failure> {
        let before = match begun {
            Some(begun) => begun,
            None => self.new_request()?,
        };
        let request = RunRequest {
            program: version::program(),
            reason: self.reason.clone().unwrap_or(before.reason),
            training: training.over(before.training),
            drift: self.drift_over(before.drift),
            promotion: self.promotion_over(before.promotion),
            ..before
        };
        request.training.check().map_err(|error| Failure::Usage(error.into()))?;
        Ok(request)
    }

    fn new_request(&self) -> Result<RunRequest, Failure> {
        let at = Timestamp::now();
        let run = self.run.clone().unwrap_or_else(|| RunId::of_time(at));
        Ok(RunRequest {
            run,
            at,
            actor: home::actor(),
            reason: "lurelight train".to_owned(),
            program: version::program(),
            training: TrainOptions::default(),
            drift: DriftRules::default(),
            promotion: PromotionRules::default(),
        })
    }

    fn drift_over(&self, others: DriftRules) -> DriftRules {
        DriftRules {
            max_adjusted_p: self.drift_max_p.unwrap_or(others.max_adjusted_p),
            min_stability_index: self.drift_min_psi.unwrap_or(others.min_stability_index),
            min_rows: self.drift_min_rows.unwrap_or(others.min_rows),
        }
    }

    fn promotion_over(&self, others: PromotionRules) -> PromotionRules {
        PromotionRules {
            min_f1: self.promote_min_f1.unwrap_or(others.min_f1),
            min_roc_auc: self.promote_min_auc.unwrap_or(others.min_roc_auc),
            max_f1_loss: self.promote_max_f1_loss.unwrap_or(others.max_f1_loss),
            max_false_positive_rate: self
                .promote_max_false_positive_rate
                .unwrap_or(others.max_false_positive_rate),
        }
    }
}

fn share(text: &str) -> Result<f64, String> {
    let number: f64 = text.parse().map_err(|_| "it must be a number from 0 to 1".to_owned())?;
    if (0.0..=1.0).contains(&number) { Ok(number) } else { Err("it must be a number from 0 to 1".to_owned()) }
}

fn not_negative(text: &str) -> Result<f64, String> {
    let number: f64 = text.parse().map_err(|_| "it must be a number, 0 or greater".to_owned())?;
    if number.is_finite() && number >= 0.0 {
        Ok(number)
    } else {
        Err("it must be a number, 0 or greater".to_owned())
    }
}
