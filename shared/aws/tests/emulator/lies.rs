//! A proxy in front of a server that lies about its answers.
#![allow(dead_code, reason = "each test program uses a part of it")]

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// What is done to an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lie {
    /// The server does what it is asked, and the connection breaks before the answer.
    AnswerLost,
    /// A long body breaks off in its middle.
    BodyCut,
    /// A long body stops in its middle, and the connection stays.
    BodyStalled,
    /// A byte of a body is another one.
    BodyChanged,
    /// 503 SlowDown in place of the request; ThrottlingException of services that speak JSON.
    SlowDown,
    /// 409 ConditionalRequestConflict in place of the request.
    Busy,
    /// 403 AccessDenied in place of the request; AccessDeniedException of services that speak JSON.
    Denied,
    /// Nothing at all.
    Silence,
}

/// One request a connection: the clients are told to close it.
pub struct Proxy {
    pub address: SocketAddr,
    lie: Arc<Mutex<Lie>>,
    left: Arc<AtomicUsize>,
    about: Arc<Mutex<String>>,
    heads: Arc<Mutex<Vec<String>>>,
    accepting: JoinHandle<()>,
}

impl Proxy {
    pub async fn before(server: SocketAddr) -> Proxy {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (lie, left) = (Arc::new(Mutex::new(Lie::SlowDown)), Arc::new(AtomicUsize::new(0)));
        let (about, heads): (Arc<Mutex<String>>, Arc<Mutex<Vec<String>>>) = Default::default();
        let told = Told {
            lie: Arc::clone(&lie),
            left: Arc::clone(&left),
            about: Arc::clone(&about),
            heads: Arc::clone(&heads),
        };
        let accepting = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let told = told.clone();
                tokio::spawn(async move {
                    // A broken connection is what clients get for it.
                    let _broken = serve(client, server, &told).await;
                });
            }
        });
        Proxy { address, lie, left, about, heads, accepting }
    }

    /// What was asked so far: method, path and header of each request, in small letters.
    pub fn heads(&self) -> Vec<String> {
        self.heads.lock().unwrap().clone()
    }

    /// Tells this lie about the next answers to which it can be told.
    pub fn lie(&self, lie: Lie, times: usize) {
        self.lie_about("", lie, times);
    }

    /// The same about requests alone whose head, in small letters, holds this text.
    pub fn lie_about(&self, about: &str, lie: Lie, times: usize) {
        about.clone_into(&mut self.about.lock().unwrap());
        *self.lie.lock().unwrap() = lie;
        self.left.store(times, Ordering::SeqCst);
    }

    pub fn lies_left(&self) -> usize {
        self.left.load(Ordering::SeqCst)
    }

    /// Nobody listens any more.
    pub fn stop(&self) {
        self.accepting.abort();
    }
}

/// What a connection is told of what its proxy was told.
#[derive(Clone)]
struct Told {
    lie: Arc<Mutex<Lie>>,
    left: Arc<AtomicUsize>,
    about: Arc<Mutex<String>>,
    heads: Arc<Mutex<Vec<String>>>,
}

async fn serve(mut client: TcpStream, server: SocketAddr, told: &Told) -> std::io::Result<()> {
    let (head, body) = message(&mut client, true).await?;
    let asked = String::from_utf8_lossy(&head).to_ascii_lowercase();
    // Such services name the action in a header, S3 in method and path.
    let speaks_json = asked.contains("\nx-amz-target:");
    let is_about = asked.contains(&*told.about.lock().unwrap());
    told.heads.lock().unwrap().push(asked);
    let lie = *told.lie.lock().unwrap();
    let tell = || {
        let less = |left: usize| left.checked_sub(1);
        is_about && told.left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, less).is_ok()
    };
    let in_place = match (lie, speaks_json) {
        (Lie::SlowDown, false) => Some(("503 Slow Down", "SlowDown")),
        (Lie::SlowDown, true) => Some(("400 Bad Request", "ThrottlingException")),
        (Lie::Busy, _) => Some(("409 Conflict", "ConditionalRequestConflict")),
        (Lie::Denied, false) => Some(("403 Forbidden", "AccessDenied")),
        (Lie::Denied, true) => Some(("400 Bad Request", "AccessDeniedException")),
        _ => None,
    };
    if let Some((status, code)) = in_place
        && tell()
    {
        let (kind, body) = if speaks_json {
            ("x-amz-json-1.1", format!("{{\"__type\":\"{code}\",\"message\":\"said the proxy\"}}"))
        } else {
            ("xml", format!("<Error><Code>{code}</Code><Message>said the proxy</Message></Error>"))
        };
        let length = body.len();
        let answer = format!(
            "HTTP/1.1 {status}\r\ncontent-type: application/{kind}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}"
        );
        return client.write_all(answer.as_bytes()).await;
    }
    if lie == Lie::Silence && tell() {
        // Until the client hangs up.
        return client.read_u8().await.map(drop);
    }
    let mut upstream = TcpStream::connect(server).await?;
    upstream.write_all(&closing(&head)).await?;
    upstream.write_all(&body).await?;
    let is_head = head.starts_with(b"HEAD");
    let (head, mut body) = message(&mut upstream, !is_head).await?;
    match lie {
        Lie::AnswerLost if tell() => return Ok(()),
        Lie::BodyCut if body.len() > 1_000 && tell() => body.truncate(body.len() / 2),
        Lie::BodyStalled if body.len() > 1_000 && tell() => {
            client.write_all(&closing(&head)).await?;
            client.write_all(&body[..body.len() / 2]).await?;
            // Until the client hangs up.
            return client.read_u8().await.map(drop);
        }
        Lie::BodyChanged if !body.is_empty() && tell() => {
            let middle = body.len() / 2;
            body[middle] ^= 1;
        }
        _ => {}
    }
    client.write_all(&closing(&head)).await?;
    client.write_all(&body).await?;
    client.shutdown().await
}

/// A message's head with its blank line, and its body of the length that it announces, or to the end.
async fn message(stream: &mut TcpStream, has_body: bool) -> std::io::Result<(Vec<u8>, Vec<u8>)> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await?);
    }
    let text = String::from_utf8_lossy(&head).to_ascii_lowercase();
    let value = |name: &str| {
        text.lines().find_map(|line| line.strip_prefix(name)).map(|value| value.trim().to_owned())
    };
    if value("expect:").is_some() {
        stream.write_all(b"HTTP/1.1 100 Continue\r\n\r\n").await?;
    }
    let mut body = Vec::new();
    if has_body {
        match value("content-length:").and_then(|length| length.parse().ok()) {
            Some(length) => {
                body.resize(length, 0);
                stream.read_exact(&mut body).await?;
            }
            None if value("transfer-encoding:").is_some() => chunks(stream, &mut body).await?,
            None => {}
        }
    }
    Ok((head, body))
}

/// A chunked body as it is on the wire.
async fn chunks(stream: &mut TcpStream, body: &mut Vec<u8>) -> std::io::Result<()> {
    while !body.ends_with(b"0\r\n\r\n") {
        body.push(stream.read_u8().await?);
    }
    Ok(())
}

/// The head, with the word that this connection ends after the message.
fn closing(head: &[u8]) -> Vec<u8> {
    let text = String::from_utf8_lossy(head);
    let kept = text.split("\r\n").filter(|line| {
        let line = line.to_ascii_lowercase();
        !line.is_empty() && !line.starts_with("connection:") && !line.starts_with("expect:")
    });
    let mut lines: Vec<&str> = kept.collect();
    lines.push("connection: close");
    (lines.join("\r\n") + "\r\n\r\n").into_bytes()
}
