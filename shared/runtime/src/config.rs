//! Configuration from the environment.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use lurelight_web::{BasePath, Limits, Pages};

use crate::{Error, in_lambda};

/// Where Lurelight listens unless told otherwise: this machine alone, as the seed did.
pub const DEFAULT_ADDRESS: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 9000);

/// A Lambda answer may take 6,291,456 bytes of JSON; headers and a margin are left free.
const LAMBDA_ANSWER_BYTES: usize = 5_500_000;
/// A Lambda request cannot be larger than this, whatever the limit says.
const LAMBDA_BODY_BYTES: usize = 6_291_456;

/// How to serve.
#[derive(Clone, Debug)]
pub struct Config {
    /// Address to listen on outside Lambda. `LURELIGHT_ADDRESS`, default `127.0.0.1:9000`.
    pub address: SocketAddr,
    /// The path in front of every link, where a proxy mounts the application below one. In Lambda it is
    /// derived from each request unless this says otherwise. `LURELIGHT_BASE_PATH`
    pub base_path: Option<BasePath>,
    /// Limits on requests and answers: `LURELIGHT_BODY_LIMIT_BYTES` (default 64 MiB, in Lambda its own
    /// 6 MiB), `LURELIGHT_BODY_IDLE_SECONDS` (10), `LURELIGHT_BODY_TOTAL_SECONDS` (120),
    /// `LURELIGHT_HANDLER_SECONDS` (60), `LURELIGHT_ANSWER_LIMIT_BYTES` (none, in Lambda 5,500,000; 0 for none).
    pub limits: Limits,
    /// Which pages lie below the base path, for the navigation between them. In Lambda all of them, since they are
    /// deployed together; elsewhere those of prediction, unless a program sets this.
    pub pages: Pages,
}

impl Config {
    /// Reads the variables of this process.
    ///
    /// # Errors
    /// Names the first variable that cannot be understood, and says what it may hold.
    pub fn from_env() -> Result<Self, Error> {
        Self::read(|name| std::env::var(name).ok(), in_lambda())
    }

    /// Where somebody on this machine finds a server that listens on `address`: `http://127.0.0.1:9000/`, with the base
    /// path if there is one.
    #[must_use]
    pub fn url_at(&self, address: SocketAddr) -> String {
        let mut reachable = address;
        if reachable.ip().is_unspecified() {
            reachable.set_ip(Ipv4Addr::LOCALHOST.into());
        }
        format!("http://{reachable}{}/", self.base_path.clone().unwrap_or_default())
    }

    /// Reads variables through `variable`, for Lambda or not.
    fn read(variable: impl Fn(&str) -> Option<String>, in_lambda: bool) -> Result<Self, Error> {
        let get = |name: &'static str| variable(name).filter(|value| !value.is_empty());
        let number = |name: &'static str| {
            get(name)
                .map(|value| value.parse::<usize>().map_err(|_| wrong(name, &value, "a whole number")))
                .transpose()
        };
        let seconds = |name: &'static str, default| {
            number(name).map(|value| value.map_or(default, |seconds| Duration::from_secs(seconds as u64)))
        };
        let fallback = Limits {
            body_bytes: if in_lambda { LAMBDA_BODY_BYTES } else { Limits::default().body_bytes },
            answer_bytes: in_lambda.then_some(LAMBDA_ANSWER_BYTES),
            ..Limits::default()
        };
        let limits = Limits {
            body_bytes: number("LURELIGHT_BODY_LIMIT_BYTES")?.unwrap_or(fallback.body_bytes),
            body_idle: seconds("LURELIGHT_BODY_IDLE_SECONDS", fallback.body_idle)?,
            body_total: seconds("LURELIGHT_BODY_TOTAL_SECONDS", fallback.body_total)?,
            handler: seconds("LURELIGHT_HANDLER_SECONDS", fallback.handler)?,
            answer_bytes: number("LURELIGHT_ANSWER_LIMIT_BYTES")?
                .map_or(fallback.answer_bytes, |bytes| (bytes > 0).then_some(bytes)),
        };
        let address = match get("LURELIGHT_ADDRESS") {
            Some(value) => parse_address("LURELIGHT_ADDRESS", &value)?,
            None => DEFAULT_ADDRESS,
        };
        let base_path = get("LURELIGHT_BASE_PATH")
            .map(|value| {
                BasePath::parse(&value)
                    .ok_or_else(|| wrong("LURELIGHT_BASE_PATH", &value, "a path such as /security/lurelight"))
            })
            .transpose()?;
        let pages = if in_lambda { Pages::ALL } else { Pages::PREDICTION };
        Ok(Self { address, base_path, limits, pages })
    }
}

/// Reads an address as people write it: `127.0.0.1:9001`, `[::1]:9001`, `localhost:9001`, `:9001` or `9001`.
///
/// # Errors
/// Names `source` (a flag or a variable) and says what it may hold.
pub fn parse_address(source: &'static str, text: &str) -> Result<SocketAddr, Error> {
    let port_alone = text.strip_prefix("localhost:").or_else(|| text.strip_prefix(':')).unwrap_or(text);
    if let Ok(port) = port_alone.parse::<u16>() {
        return Ok(SocketAddr::from((Ipv4Addr::LOCALHOST, port)));
    }
    text.parse().map_err(|_| wrong(source, text, "an address and a port are needed, such as 127.0.0.1:9001"))
}

fn wrong(variable: &'static str, value: &str, expected: &'static str) -> Error {
    Error::Variable { variable, value: value.to_owned(), expected }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(variables: &[(&str, &str)], in_lambda: bool) -> Result<Config, Error> {
        let find =
            |name: &str| variables.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned());
        Config::read(find, in_lambda)
    }

    #[test]
    fn defaults_differ_in_lambda() {
        let local = read(&[], false).unwrap();
        assert_eq!(local.address.to_string(), "127.0.0.1:9000");
        assert_eq!((local.limits.body_bytes, local.limits.answer_bytes), (64 << 20, None));
        let lambda = read(&[], true).unwrap();
        assert_eq!((lambda.limits.body_bytes, lambda.limits.answer_bytes), (6_291_456, Some(5_500_000)));
    }

    #[test]
    fn variables_override() {
        let config = read(
            &[
                ("LURELIGHT_ADDRESS", "0.0.0.0:80"),
                ("LURELIGHT_BASE_PATH", "prod/"),
                ("LURELIGHT_ANSWER_LIMIT_BYTES", "0"),
                ("LURELIGHT_BODY_IDLE_SECONDS", "1"),
            ],
            true,
        )
        .unwrap();
        assert_eq!(config.address.to_string(), "0.0.0.0:80");
        assert_eq!(config.url_at(config.address), "http://127.0.0.1:80/prod/");
        assert_eq!(config.base_path.unwrap().as_str(), "/prod");
        assert_eq!(config.limits.answer_bytes, None);
        assert_eq!(config.limits.body_idle, Duration::from_secs(1));
    }

    #[test]
    fn errors_name_the_variable() {
        let error = read(&[("LURELIGHT_HANDLER_SECONDS", "soon")], false).unwrap_err();
        assert_eq!(error.to_string(), "LURELIGHT_HANDLER_SECONDS is \"soon\": a whole number");
        let error = read(&[("LURELIGHT_ADDRESS", "here")], false).unwrap_err();
        assert!(error.to_string().starts_with("LURELIGHT_ADDRESS is \"here\""));
    }

    #[test]
    fn addresses_as_people_write_them() {
        for (text, expected) in [
            ("9001", "127.0.0.1:9001"),
            (":9001", "127.0.0.1:9001"),
            ("localhost:9001", "127.0.0.1:9001"),
            ("[::1]:9001", "[::1]:9001"),
        ] {
            assert_eq!(parse_address("--address", text).unwrap().to_string(), expected);
        }
    }
}
