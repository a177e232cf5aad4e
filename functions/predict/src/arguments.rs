//! The command line of `predict`: an address, a home, and a help that teaches.

use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::PathBuf;

use lurelight_runtime::config::parse_address;

use crate::prepare::Place;

/// What was asked for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Command {
    /// Serve.
    Serve {
        /// Where to listen, if that was named.
        address: Option<SocketAddr>,
        /// The directory or the bucket with the registry, if one was named.
        place: Option<Place>,
    },
    /// Say what this program does.
    Help,
    /// Say which version it is.
    Version,
}

/// Reads the arguments, the program's name left out.
///
/// # Errors
/// A sentence that says what is wrong with which argument.
pub(crate) fn parse(arguments: impl Iterator<Item = OsString>) -> Result<Command, String> {
    use lexopt::Arg::{Long, Short};
    let mut parser = lexopt::Parser::from_args(arguments);
    let (mut address, mut home, mut bucket) = (None, None, None);
    while let Some(argument) = parser.next().map_err(|error| error.to_string())? {
        match argument {
            Short('h') | Long("help") => return Ok(Command::Help),
            Short('V') | Long("version") => return Ok(Command::Version),
            Short('a') | Long("address") => {
                let value = parser.value().map_err(|error| error.to_string())?;
                let parsed = parse_address("--address", &value.to_string_lossy());
                address = Some(parsed.map_err(|error| error.to_string())?);
            }
            Long("home") => {
                let value = parser.value().map_err(|error| error.to_string())?;
                if value.is_empty() {
                    return Err("--home is \"\": a directory".to_owned());
                }
                home = Some(value);
            }
            Long("bucket") => {
                let value = parser.value().map_err(|error| error.to_string())?;
                if value.is_empty() {
                    return Err("--bucket is \"\": a bucket's name".to_owned());
                }
                bucket = Some(value);
            }
            other => return Err(other.unexpected().to_string()),
        }
    }
    Ok(Command::Serve { address, place: one_place(["--home", "--bucket"], home, bucket)? })
}

/// Where the registry lies: what the arguments named, else what these variables name, else the usual home. A function
/// in Lambda has none of these by itself.
///
/// # Errors
/// As [`parse`], about the variables.
pub(crate) fn find_place(
    named: Option<Place>,
    variable: impl Fn(&str) -> Option<OsString>,
    in_lambda: bool,
) -> Result<Place, String> {
    if let Some(place) = named {
        return Ok(place);
    }
    let names = ["LURELIGHT_HOME", "LURELIGHT_BUCKET"];
    let [home, bucket] = names.map(|name| variable(name).filter(|value| !value.is_empty()));
    let usual = || if in_lambda { Place::Nowhere } else { Place::Home(PathBuf::from(".lurelight")) };
    Ok(one_place(names, home, bucket)?.unwrap_or_else(usual))
}

/// The one of the two that was named, each by the name of its option or variable.
fn one_place(
    names: [&str; 2],
    home: Option<OsString>,
    bucket: Option<OsString>,
) -> Result<Option<Place>, String> {
    let [home_name, bucket_name] = names;
    match (home, bucket) {
        (Some(_), Some(_)) => Err(format!(
            "both {home_name} and {bucket_name} are given, and there is one registry: name the directory or the \
             bucket that it lies in"
        )),
        (Some(home), None) => Ok(Some(Place::Home(home.into()))),
        (None, Some(bucket)) => {
            let name = bucket.to_string_lossy().into_owned();
            if is_bucket_name(&name) {
                return Ok(Some(Place::Bucket(name)));
            }
            Err(format!(
                "{bucket_name} is {name:?}: the name of a bucket alone, of 3 to 63 small letters, digits, dots and \
                 hyphens, such as lurelight-dev"
            ))
        }
        (None, None) => Ok(None),
    }
}

/// What S3 takes for a bucket's name, its rarer rules left out.
fn is_bucket_name(name: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    (3..=63).contains(&name.len())
        && name.bytes().all(|byte| plain(byte) || byte == b'.' || byte == b'-')
        && name.bytes().next().is_some_and(plain)
        && name.bytes().last().is_some_and(plain)
}

pub(crate) const HELP: &str = "\
Serves Lurelight's page and prediction API. The champion of the registry answers, a new one
without a restart; the model that is compiled in answers while there is none, and where none can
be loaded. Every answer says which model it is from.

Usage: predict [--address ADDRESS] [--home DIR | --bucket NAME]
       cargo run --release -- [--address ADDRESS] [--home DIR | --bucket NAME]

Options:
  -a, --address ADDRESS  where to listen: 127.0.0.1:9001, 0.0.0.0:80, :9001, or a port
                         alone; port 0 takes any free one [default: 127.0.0.1:9000]
      --home DIR         the directory whose registry names the champion
                         [default: .lurelight; on Lambda none]
      --bucket NAME      the bucket of S3 whose registry names the champion; region and
                         credentials are those of every AWS tool (AWS_REGION, AWS_PROFILE, …)
  -V, --version          print the version
  -h, --help             print this help

Environment:
  LURELIGHT_ADDRESS            the same as --address, which wins
  LURELIGHT_HOME               the same as --home, which wins, as does --bucket
  LURELIGHT_BUCKET             the same as --bucket, which wins, as does --home
  LURELIGHT_CHAMPION_SECONDS   how often to look for a new champion, beside a request;
                               0 for each request [default: 5]
  LURELIGHT_CHAMPION_WAIT_MILLISECONDS
                               how long a request waits for that look; the last good model
                               answers where it takes longer [default: 200]
  LURELIGHT_CHAMPION_START_MILLISECONDS
                               how long the start waits for the first look [default: 3000]
  LURELIGHT_PREDICTION_ACCESS  open, or token where one is needed: one of PREDICTION_TOKENS, or
                               of the secret prediction-tokens below LURELIGHT_SECRETS_PREFIX
                               [default: open]
  LURELIGHT_BASE_PATH          path in front of every link, behind a proxy: /lurelight
  LURELIGHT_BODY_LIMIT_BYTES   most bytes of one upload [default: 67108864]
  LURELIGHT_BODY_IDLE_SECONDS  longest pause in an upload [default: 10]
  LURELIGHT_BODY_TOTAL_SECONDS longest upload [default: 120]
  LURELIGHT_HANDLER_SECONDS    longest work on one request [default: 60]
  LURELIGHT_ANSWER_LIMIT_BYTES an answer that would be larger carries its first rows only
                               [default: none; 5500000 on Lambda]
  LURELIGHT_LOG                what to log, as in warn or info,lurelight_web=debug
  LURELIGHT_METRICS            on: a line of metrics a request on standard output, as on
                               Lambda, in CloudWatch's embedded metric format

Try:
  curl -F file=@sites.csv http://127.0.0.1:9000/predict -H 'accept: application/json'
  curl --data-binary @sites.csv -H 'content-type: text/csv' -H 'accept: text/csv' \\
       'http://127.0.0.1:9000/predict?threshold=0.8'

On AWS Lambda (where AWS_LAMBDA_RUNTIME_API is set) the same program answers API Gateway
events instead of listening. Training and everything else is in the command `lurelight`:
  cargo run --release -p lurelight -- --help
";

#[cfg(test)]
mod tests {
    use super::*;

    fn read(arguments: &[&str]) -> Result<Command, String> {
        parse(arguments.iter().map(OsString::from))
    }

    #[test]
    fn arguments_are_read() {
        let serve = |address: Option<([u8; 4], u16)>, place: Option<Place>| {
            Ok(Command::Serve { address: address.map(SocketAddr::from), place })
        };
        assert_eq!(read(&[]), serve(None, None));
        assert_eq!(read(&["-a", "9001"]), serve(Some(([127, 0, 0, 1], 9001)), None));
        assert_eq!(read(&["--address=0.0.0.0:80"]), serve(Some(([0, 0, 0, 0], 80)), None));
        assert_eq!(read(&["--home", "there"]), serve(None, Some(Place::Home("there".into()))));
        assert_eq!(read(&["--bucket", "lure.dev-1"]), serve(None, Some(Place::Bucket("lure.dev-1".into()))));
        assert!(read(&["--home="]).unwrap_err().contains("a directory"));
        assert!(read(&["--bucket="]).unwrap_err().contains("a bucket's name"));
        for name in ["s3://lurelight", "Lurelight", "a/b", "ab", "-ab", "ab."] {
            let error = read(&["--bucket", name]).unwrap_err();
            assert!(error.contains("--bucket") && error.contains(name) && error.contains("alone"), "{error}");
        }
        let error = read(&["--bucket", "lurelight-dev", "--home", "there"]).unwrap_err();
        assert!(error.contains("both --home and --bucket"), "{error}");
        assert_eq!(read(&["--help"]), Ok(Command::Help));
        assert!(read(&["--address", "there"]).unwrap_err().contains("\"there\""));
        assert!(read(&["--port", "1"]).unwrap_err().contains("--port"));
        assert!(read(&["sites.csv"]).unwrap_err().contains("sites.csv"));
    }

    #[test]
    fn what_is_named_nearest_is_the_registry() {
        let find = |named: Option<Place>, home: &str, bucket: &str, in_lambda| {
            let variable = |name: &str| Some(if name == "LURELIGHT_HOME" { home } else { bucket }.into());
            find_place(named, variable, in_lambda)
        };
        let home = |path: &str| Place::Home(path.into());
        let bucket = Place::Bucket("in-the-cloud".into());
        assert_eq!(find(None, "", "", false), Ok(home(".lurelight")));
        assert_eq!(find(None, "", "", true), Ok(Place::Nowhere));
        assert_eq!(find(None, "there", "", true), Ok(home("there")));
        assert_eq!(find(None, "", "in-the-cloud", true), Ok(bucket.clone()));
        assert_eq!(find(Some(home("here")), "", "in-the-cloud", false), Ok(home("here")));
        assert_eq!(find(Some(bucket.clone()), "there", "", false), Ok(bucket));
        let error = find(None, "there", "in-the-cloud", false).unwrap_err();
        assert!(error.contains("both LURELIGHT_HOME and LURELIGHT_BUCKET"), "{error}");
        assert!(find(None, "", "s3://x", true).unwrap_err().contains("LURELIGHT_BUCKET is \"s3://x\""));
    }
}
