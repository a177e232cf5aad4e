//! The command line of `admin`: an address, a home, and a help that teaches.

use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::PathBuf;

use lurelight_runtime::config::parse_address;

/// What was asked for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Command {
    /// Serve.
    Serve {
        /// Where to listen, if that was named.
        address: Option<SocketAddr>,
        /// The directory with runs and registry, if that was named.
        home: Option<PathBuf>,
    },
    /// Say what this program does.
    Help,
    /// Say which version it is.
    Version,
}

/// Reads the arguments, the program's name left out.
///
/// # Errors
///
/// A sentence that says what is wrong with which argument.
pub(crate) fn parse(arguments: impl Iterator<Item = OsString>) -> Result<Command, String> {
    use lexopt::Arg::{Long, Short};
    let mut parser = lexopt::Parser::from_args(arguments);
    let (mut address, mut home) = (None, None);
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
                home = Some(value.into());
            }
            other => return Err(other.unexpected().to_string()),
        }
    }
    Ok(Command::Serve { address, home })
}

pub(crate) const HELP: &str = "\
Serves the pages and the API of administration: start training, see runs stage by stage, promote
a version or roll back. Everything needs a token of administration. On one machine `lurelight
serve` serves these pages and those of prediction together, and trains in its own process.

Usage: admin [--address ADDRESS] [--home DIR]

Options:
  -a, --address ADDRESS  where to listen: 127.0.0.1:9001, 0.0.0.0:80, :9001, or a port
                         alone; port 0 takes any free one [default: 127.0.0.1:9000]
      --home DIR         the directory with runs and registry [default: .lurelight; on
                         Lambda none]
  -V, --version          print the version
  -h, --help             print this help

Environment:
  LURELIGHT_ADDRESS            the same as --address, which wins
  LURELIGHT_HOME               the same as --home, which wins
  LURELIGHT_BUCKET             the bucket with runs and registry, in place of a home
  LURELIGHT_STATE_MACHINE_ARN  what runs the pipeline; without it runs cannot be started here
  LURELIGHT_SECRETS_PREFIX     where Secrets Manager has the secrets below, as in lurelight/dev;
                               without it they are variables
  LURELIGHT_ADMINISTRATION_ACCESS
                               token, or open where nobody needs one: on a loopback address
                               alone, and never on Lambda [default: token]
  LURELIGHT_BASE_PATH          path in front of every link, behind a proxy: /lurelight
  LURELIGHT_LOG                what to log, as in warn or info,lurelight_web=debug

Secrets, by their names in Secrets Manager and in the environment:
  administration-tokens  ADMINISTRATION_TOKENS  one token, or several separated by white space
  prediction-tokens      PREDICTION_TOKENS      the same for those who may only predict
  session-key            SESSION_KEY            signs sessions; made anew at each start where
                                                there is none, except on Lambda

Try:
  ADMINISTRATION_TOKENS=$(openssl rand -hex 32) admin
  curl -H 'authorization: Bearer TOKEN' http://127.0.0.1:9000/runs
";

#[cfg(test)]
mod tests {
    use super::*;

    fn read(arguments: &[&str]) -> Result<Command, String> {
        parse(arguments.iter().map(OsString::from))
    }

    #[test]
    fn arguments_are_read() {
        assert_eq!(read(&[]), Ok(Command::Serve { address: None, home: None }));
        let expected =
            Command::Serve { address: Some(([127, 0, 0, 1], 9001).into()), home: Some("there".into()) };
        assert_eq!(read(&["-a", "9001", "--home", "there"]), Ok(expected));
        assert_eq!(read(&["--help"]), Ok(Command::Help));
        assert!(read(&["--home="]).unwrap_err().contains("a directory"));
        assert!(read(&["--address", "there"]).unwrap_err().contains("\"there\""));
        assert!(read(&["--port", "1"]).unwrap_err().contains("--port"));
    }
}
