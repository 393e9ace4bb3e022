//! Both ends of a connection, byte by byte.

use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};

/// Nothing on this machine takes so long: whoever waits longer waits for what never comes.
const FOREVER: Duration = Duration::from_secs(20);

/// A server that the test plays.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    listener: TcpListener,
}

impl Server {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        Server { address: listener.local_addr().expect("an address"), listener }
    }

    /// The next connection that somebody makes.
    pub(crate) async fn accept(&mut self) -> Wire {
        let accepted = tokio::time::timeout(FOREVER, self.listener.accept()).await.expect("nobody connects");
        Wire::new(accepted.expect("a connection").0)
    }

    /// Whether nobody has connected since the last one; for after an answer, which says that all is over.
    pub(crate) fn is_alone(&self) -> bool {
        let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
        self.listener.poll_accept(&mut cx).is_pending()
    }
}

/// A server that does not run: whoever connects is refused, and nobody else can have its address.
pub(crate) struct Gone {
    pub(crate) address: SocketAddr,
    socket: TcpSocket,
}

impl Gone {
    /// One that never ran.
    pub(crate) fn new() -> Self {
        Gone::at(([127, 0, 0, 1], 0).into())
    }

    /// One that ran here until now.
    pub(crate) fn at(address: SocketAddr) -> Self {
        let socket = TcpSocket::new_v4().expect("a socket");
        socket.set_reuseaddr(true).expect("a socket");
        socket.bind(address).expect("a free port");
        Gone { address: socket.local_addr().expect("an address"), socket }
    }

    /// Runs from now on.
    pub(crate) fn start(self) -> Server {
        Server { address: self.address, listener: self.socket.listen(1024).expect("nobody else listens") }
    }
}

/// One end of a connection.
pub(crate) struct Wire {
    stream: TcpStream,
    /// What came and was not looked at yet.
    came: Vec<u8>,
}

/// The head of a message.
#[derive(Debug)]
pub(crate) struct Head {
    /// The request's or status line.
    pub(crate) line: String,
    /// Names in lower case, in the order in which they came.
    pub(crate) fields: Vec<(String, String)>,
}

impl Head {
    /// The values of all fields of this name.
    pub(crate) fn values(&self, name: &str) -> Vec<&str> {
        self.fields.iter().filter(|(field, _)| field == name).map(|(_, value)| value.as_str()).collect()
    }

    /// Whether there is a field of this name.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.fields.iter().any(|(field, _)| field == name)
    }

    /// The status, of an answer.
    pub(crate) fn status(&self) -> &str {
        self.line.split(' ').nth(1).unwrap_or_default()
    }
}

impl Wire {
    pub(crate) fn new(stream: TcpStream) -> Self {
        stream.set_nodelay(true).expect("a socket");
        Wire { stream, came: Vec::new() }
    }

    pub(crate) async fn to(address: SocketAddr) -> Self {
        Wire::new(TcpStream::connect(address).await.expect("somebody listens"))
    }

    pub(crate) async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.stream.write_all(bytes.as_ref()).await.expect("the other end reads");
    }

    /// Sends what the other end may have refused before it read all.
    pub(crate) async fn try_send(&mut self, bytes: impl AsRef<[u8]>) {
        _ = self.stream.write_all(bytes.as_ref()).await;
    }

    /// Sends until nobody takes any more, everything else having run in between; how many bytes were taken.
    pub(crate) async fn fill(&mut self) -> u64 {
        let piece = vec![b'x'; 64 * 1024];
        let (mut taken, mut refusals) = (0, 0);
        while refusals < 20_000 && taken < 1 << 30 {
            match self.stream.try_write(&piece) {
                Ok(length) => (taken, refusals) = (taken + length as u64, 0),
                Err(_) => refusals += 1,
            }
            tokio::task::yield_now().await;
        }
        taken
    }

    /// Says that nothing more will be sent, and goes on reading.
    pub(crate) async fn end(&mut self) {
        self.stream.shutdown().await.expect("the connection is open");
    }

    /// The next head, up to and without its empty line.
    pub(crate) async fn head(&mut self) -> Head {
        let head = self.head_or_end().await;
        head.unwrap_or_else(|| panic!("the connection ended in a head: {:?}", String::from_utf8_lossy(&self.came)))
    }

    /// The next head, or none if the connection ends before it.
    pub(crate) async fn head_or_end(&mut self) -> Option<Head> {
        let end = loop {
            if let Some(end) = self.came.windows(4).position(|four| four == b"\r\n\r\n") {
                break end;
            }
            if !self.more().await {
                return None;
            }
        };
        // One byte, one character: values may be no text in any other reading.
        let head: String = self.came.drain(..end + 4).map(char::from).collect();
        let mut lines = head.trim_end().split("\r\n");
        let line = lines.next().unwrap_or_default().to_owned();
        let field = |line: &str| {
            let (name, value) = line.split_once(':').expect("a field with a colon");
            (name.to_ascii_lowercase(), value.trim().to_owned())
        };
        Some(Head { line, fields: lines.map(field).collect() })
    }

    /// So many bytes of text.
    pub(crate) async fn exactly(&mut self, length: usize) -> String {
        while self.came.len() < length {
            let more = self.more().await;
            assert!(more, "the connection ended after {:?}", String::from_utf8_lossy(&self.came));
        }
        String::from_utf8(self.came.drain(..length).collect()).expect("text")
    }

    /// All there is until the other end closes, or breaks off.
    pub(crate) async fn rest(&mut self) -> String {
        while self.more().await {}
        String::from_utf8(std::mem::take(&mut self.came)).expect("text")
    }

    /// Reads some more; false at the end.
    async fn more(&mut self) -> bool {
        let read = tokio::time::timeout(FOREVER, self.stream.read_buf(&mut self.came)).await;
        let read = read.unwrap_or_else(|_| panic!("nothing comes after {:?}", String::from_utf8_lossy(&self.came)));
        // A reset is an end, too.
        read.is_ok_and(|read| read > 0)
    }
}
