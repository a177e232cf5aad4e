//! The command line of `predict`: an address, a home, and a help that teaches.

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
        /// The directory with the registry, if that was named.
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
Serves Lurelight's page and prediction API. The champion of the home's registry answers, a new
one without a restart; the model that is compiled in answers while there is none, and where none
can be loaded. Every answer says which model it is from.

Usage: predict [--address ADDRESS] [--home DIR]
       cargo run --release -- [--address ADDRESS] [--home DIR]

Options:
  -a, --address ADDRESS  where to listen: 127.0.0.1:9001, 0.0.0.0:80, :9001, or a port
                         alone; port 0 takes any free one [default: 127.0.0.1:9000]
      --home DIR         the directory whose registry names the champion
                         [default: .lurelight; on Lambda none]
  -V, --version          print the version
  -h, --help             print this help

Environment:
  LURELIGHT_ADDRESS            the same as --address, which wins
  LURELIGHT_HOME               the same as --home, which wins
  LURELIGHT_CHAMPION_SECONDS   how often to look for a new champion, beside a request;
                               0 for each request [default: 5]
  LURELIGHT_CHAMPION_WAIT_MILLISECONDS
                               how long a request waits for that look; the last good model
                               answers where it takes longer [default: 200]
  LURELIGHT_BASE_PATH          path in front of every link, behind a proxy: /lurelight
  LURELIGHT_BODY_LIMIT_BYTES   most bytes of one upload [default: 67108864]
  LURELIGHT_BODY_IDLE_SECONDS  longest pause in an upload [default: 10]
  LURELIGHT_BODY_TOTAL_SECONDS longest upload [default: 120]
  LURELIGHT_HANDLER_SECONDS    longest work on one request [default: 60]
  LURELIGHT_ANSWER_LIMIT_BYTES an answer that would be larger carries its first rows only
                               [default: none; 5500000 on Lambda]
  LURELIGHT_LOG                what to log, as in warn or info,lurelight_web=debug

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
        let serve = |address: Option<([u8; 4], u16)>, home: Option<&str>| {
            Ok(Command::Serve { address: address.map(SocketAddr::from), home: home.map(PathBuf::from) })
        };
        assert_eq!(read(&[]), serve(None, None));
        assert_eq!(read(&["-a", "9001"]), serve(Some(([127, 0, 0, 1], 9001)), None));
        assert_eq!(read(&["--address=0.0.0.0:80"]), serve(Some(([0, 0, 0, 0], 80)), None));
        assert_eq!(read(&["--home", "there"]), serve(None, Some("there")));
        assert!(read(&["--home="]).unwrap_err().contains("a directory"));
        assert_eq!(read(&["--help"]), Ok(Command::Help));
        assert!(read(&["--address", "there"]).unwrap_err().contains("\"there\""));
        assert!(read(&["--port", "1"]).unwrap_err().contains("--port"));
        assert!(read(&["sites.csv"]).unwrap_err().contains("sites.csv"));
    }
}
