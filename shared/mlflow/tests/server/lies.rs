//! A proxy in front of a server that lies about its answers.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{JoinHandle, spawn};

/// What is done with a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// The server answers it.
    Passes,
    /// The server does what it is asked, and the connection breaks before the answer.
    AnswerLost,
    /// The same, and it breaks in the middle of the answer.
    AnswerCut,
    /// This answer in place of the server's: status line and head, body.
    Answered(&'static str, &'static str),
    /// Nothing at all.
    Silence,
}

type Rule = Box<dyn FnMut(usize, &str) -> Fate + Send>;

/// One request a connection: the clients are told to close it.
pub struct Proxy {
    pub address: SocketAddr,
    rule: Arc<Mutex<(usize, Rule)>>,
    stopped: Arc<AtomicBool>,
    accepting: Option<JoinHandle<()>>,
}

impl Proxy {
    pub fn before(server: SocketAddr) -> Proxy {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let rule: Arc<Mutex<(usize, Rule)>> = Arc::new(Mutex::new((0, Box::new(|_, _| Fate::Passes))));
        let stopped = Arc::new(AtomicBool::new(false));
        let (told, ended) = (Arc::clone(&rule), Arc::clone(&stopped));
        let accepting = spawn(move || {
            while let Ok((client, _)) = listener.accept() {
                if ended.load(Ordering::SeqCst) {
                    return;
                }
                let told = Arc::clone(&told);
                spawn(move || {
                    // A broken connection is what clients get for it.
                    let _broken = serve(client, server, &told);
                });
            }
        });
        Proxy { address, rule, stopped, accepting: Some(accepting) }
    }

    /// From now on the fate of each request is decided by its number, from 0, and its head.
    pub fn rule(&self, rule: impl FnMut(usize, &str) -> Fate + Send + 'static) {
        *self.rule.lock().unwrap() = (0, Box::new(rule));
    }

    /// How many requests came since the rule was made.
    pub fn requests(&self) -> usize {
        self.rule.lock().unwrap().0
    }

    pub fn uri(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Nobody listens any more.
    pub fn stop(&mut self) {
        self.stopped.store(true, Ordering::SeqCst);
        let _woken = TcpStream::connect(self.address);
        if let Some(accepting) = self.accepting.take() {
            accepting.join().unwrap();
        }
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.stop();
    }
}

fn serve(mut client: TcpStream, server: SocketAddr, rule: &Mutex<(usize, Rule)>) -> std::io::Result<()> {
    let (head, body) = message(&mut client)?;
    let fate = {
        let (count, rule) = &mut *rule.lock().unwrap();
        let fate = rule(*count, &head);
        *count += 1;
        fate
    };
    match fate {
        Fate::Answered(head, body) => {
            let length = body.len();
            return write!(
                client,
                "HTTP/1.1 {head}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}"
            );
        }
        // Until the client hangs up.
        Fate::Silence => return client.read(&mut [0]).map(drop),
        Fate::Passes | Fate::AnswerLost | Fate::AnswerCut => {}
    }
    let mut upstream = TcpStream::connect(server)?;
    let lines = head.split("\r\n").filter(|line| !line.to_ascii_lowercase().starts_with("connection:"));
    let head = lines.filter(|line| !line.is_empty()).collect::<Vec<_>>().join("\r\n");
    write!(upstream, "{head}\r\nconnection: close\r\n\r\n")?;
    upstream.write_all(&body)?;
    let mut answer = Vec::new();
    upstream.read_to_end(&mut answer)?;
    match fate {
        Fate::Passes => client.write_all(&answer)?,
        // The head announces more than comes.
        Fate::AnswerCut => client.write_all(&answer[..answer.len().saturating_sub(3)])?,
        _ => {}
    }
    Ok(())
}

/// A request's head, and its body of the length that it announces.
fn message(stream: &mut TcpStream) -> std::io::Result<(String, Vec<u8>)> {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte)?;
        head.extend(byte);
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    let length = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse().ok())?
    });
    let mut body = vec![0; length.unwrap_or(0)];
    stream.read_exact(&mut body)?;
    Ok((head, body))
}
