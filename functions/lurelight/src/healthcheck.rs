//! `lurelight healthcheck`.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context as _, anyhow, bail};
use bytes::Bytes;
use http_body_util::{BodyExt as _, Empty, Limited};
use hyper::StatusCode;
use hyper::client::conn::http1;
use hyper::header::{ACCEPT, HOST};
use hyper_util::rt::TokioIo;
use lurelight_runtime::Config;
use serde::Deserialize;
use tokio::net::TcpStream;

use crate::failure::Failure;
use crate::home::block_on;
use crate::output;

/// What is read of an answer at most.
const ANSWER_BYTES: usize = 64 * 1024;

/// Ask a running `lurelight serve` or `predict` whether it can answer: for containers, which have no other program.
///
/// Asks GET /healthz once, below LURELIGHT_BASE_PATH where that is set. Prints the model that answers and ends with 0,
/// or says why not and ends with 1.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Where it listens; 0.0.0.0 is asked at 127.0.0.1 [default: $LURELIGHT_ADDRESS, else 127.0.0.1:9000]
    #[arg(long, value_name = "ADDRESS")]
    address: Option<SocketAddr>,
    /// How long it may take to answer
    #[arg(long, value_name = "SECONDS", default_value_t = 4, value_parser = clap::value_parser!(u64).range(1..=600))]
    timeout: u64,
}

#[derive(Deserialize)]
struct Health {
    model: Model,
}

#[derive(Deserialize)]
struct Model {
    version: String,
    source: String,
}

/// Asks once.
pub fn run(args: &Args) -> Result<(), Failure> {
    let config = Config::from_env().context("a variable cannot be used")?;
    let address = args.address.unwrap_or(config.address);
    let url = format!("{}healthz", config.url_at(address));
    block_on(async {
        let asked = tokio::time::timeout(Duration::from_secs(args.timeout), ask(&url));
        let health = match asked.await {
            Ok(answered) => answered.map_err(|error| anyhow!("{url} is not healthy: {error:#}"))?,
            Err(_) => return Err(anyhow!("{url} gave no answer in {} s", args.timeout).into()),
        };
        output::print(&format!("healthy (model {}: {})\n", health.model.version, health.model.source))?;
        Ok(())
    })
}

async fn ask(url: &str) -> anyhow::Result<Health> {
    let uri: hyper::Uri = url.parse()?;
    let authority = uri.authority().context("no address")?.as_str();
    let stream = TcpStream::connect(authority).await.context(
        "nobody answers there; start `lurelight serve`, or name its address with --address or LURELIGHT_ADDRESS",
    )?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    let connection = tokio::spawn(connection);
    let path = uri.path_and_query().map_or("/", hyper::http::uri::PathAndQuery::as_str);
    let request = hyper::Request::get(path).header(HOST, authority).header(ACCEPT, "application/json");
    let answer = sender.send_request(request.body(Empty::<Bytes>::new())?).await?;
    let status = answer.status();
    let body = Limited::new(answer.into_body(), ANSWER_BYTES).collect().await;
    connection.abort();
    if status != StatusCode::OK {
        bail!("it answers {status}");
    }
    let body = body.map_err(|error| anyhow!("its answer breaks off: {error}"))?.to_bytes();
    serde_json::from_slice(&body).context("what answers there is not Lurelight")
}
