//! The command line of `predict`: one address and a help that teaches.

use std::ffi::OsString;
use std::net::SocketAddr;

use lurelight_runtime::config::parse_address;

/// What was asked for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Command {
    /// Serve, on this address if one was named.
    Serve(Option<SocketAddr>),
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
    let mut address = None;
    while let Some(argument) = parser.next().map_err(|error| error.to_string())? {
        match argument {
            Short('h') | Long("help") => return Ok(Command::Help),
            Short('V') | Long("version") => return Ok(Command::Version),
            Short('a') | Long("address") => {
                let value = parser.value().map_err(|error| error.to_string())?;
                let parsed = parse_address("--address", &value.to_string_lossy());
                address = Some(parsed.map_err(|error| error.to_string())?);
            }
            other => return Err(other.unexpected().to_string()),
        }
    }
    Ok(Command::Serve(address))
}

pub(crate) const HELP: &str = "\
Serves Lurelight's page and prediction API with the model that is compiled in.

Usage: predict [--address ADDRESS]
       cargo run --release -- [--address ADDRESS]

Options:
  -a, --address ADDRESS  where to listen: 127.0.0.1:9001, 0.0.0.0:80, :9001, or a port
                         alone; port 0 takes any free one [default: 127.0.0.1:9000]
  -V, --version          print the version
  -h, --help             print this help

Environment:
  LURELIGHT_ADDRESS            the same as --address, which wins
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
        assert_eq!(read(&[]), Ok(Command::Serve(None)));
        assert_eq!(read(&["-a", "9001"]), Ok(Command::Serve(Some(([127, 0, 0, 1], 9001).into()))));
        assert_eq!(read(&["--address=0.0.0.0:80"]), Ok(Command::Serve(Some(([0, 0, 0, 0], 80).into()))));
        assert_eq!(read(&["--help"]), Ok(Command::Help));
        assert!(read(&["--address", "there"]).unwrap_err().contains("\"there\""));
        assert!(read(&["--port", "1"]).unwrap_err().contains("--port"));
        assert!(read(&["sites.csv"]).unwrap_err().contains("sites.csv"));
    }
}
