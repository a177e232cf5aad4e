//! Checking parameters before anything is fitted.

/// A parameter outside its range.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("{name} is {value}, and it must be {range}")]
pub struct ParamError {
    /// The parameter.
    pub name: &'static str,
    /// What it is.
    pub value: f64,
    /// What it may be, in words.
    pub range: String,
}

/// Checks that a parameter is a number not below `least`.
pub(crate) fn check_at_least(name: &'static str, value: f64, least: f64) -> Result<(), ParamError> {
    if value >= least && value.is_finite() {
        return Ok(());
    }
    Err(ParamError { name, value, range: format!("at least {least}") })
}

/// Checks that a parameter is not above `most`.
pub(crate) fn check_at_most(name: &'static str, value: f64, most: f64) -> Result<(), ParamError> {
    if value <= most {
        return Ok(());
    }
    Err(ParamError { name, value, range: format!("at most {most}") })
}

/// Checks that a parameter is above 0 and not above `most`.
pub(crate) fn check_share(name: &'static str, value: f64, most: f64) -> Result<(), ParamError> {
    if value > 0.0 && value <= most {
        return Ok(());
    }
    Err(ParamError { name, value, range: format!("above 0 and at most {most}") })
}
