//! A way to a server that can be cut, torn, closed for a while, or go dead as a mobile network does.

use std::{
    io::Result,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::broadcast,
    task::JoinHandle,
};

/// As much is carried at once.
const PIECE: usize = 16 * 1_024;

/// What becomes of the connections that there are.
#[derive(Clone, Copy, Debug)]
enum Fate {
    /// They end.
    Cut,
    /// They end in the middle of what the server says next.
    Torn,
    /// They stay, and carry nothing any more; neither side is told.
    Dead,
}

/// The way. It ends when this is dropped, with all that it carries.
#[derive(Debug)]
pub struct Wire {
    address: SocketAddr,
    shared: Arc<Shared>,
    accepting: JoinHandle<()>,
}

#[derive(Debug)]
struct Shared {
    target: String,
    fates: broadcast::Sender<Fate>,
    closed: AtomicBool,
    carried: AtomicUsize,
    turned_away: AtomicUsize,
}

impl Wire {
    /// A way to `target`, which is `host:port`.
    pub async fn to(target: &str) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared {
            target: target.to_owned(),
            fates: broadcast::Sender::new(8),
            closed: AtomicBool::new(false),
            carried: AtomicUsize::new(0),
            turned_away: AtomicUsize::new(0),
        });
        let accepting = tokio::spawn(accept(listener, Arc::clone(&shared)));
        Ok(Self { address, shared, accepting })
    }

    /// Where it begins.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Ends every connection that there is.
    pub fn cut(&self) {
        self.meets(Fate::Cut);
    }

    /// Ends every connection that there is in the middle of what the server says next.
    pub fn tear(&self) {
        self.meets(Fate::Torn);
    }

    /// Carries nothing any more over the connections that there are, and tells nobody.
    pub fn go_dead(&self) {
        self.meets(Fate::Dead);
    }

    /// Ends every connection that there is and turns away whoever comes, until it is opened.
    pub fn close(&self) {
        self.shared.closed.store(true, Ordering::SeqCst);
        self.cut();
    }

    /// Carries again, after it was closed.
    pub fn open(&self) {
        self.shared.closed.store(false, Ordering::SeqCst);
    }

    /// Whether it turns away whoever comes.
    pub fn is_closed(&self) -> bool {
        self.shared.closed.load(Ordering::SeqCst)
    }

    /// How many connections it has begun to carry.
    pub fn carried(&self) -> usize {
        self.shared.carried.load(Ordering::SeqCst)
    }

    /// How many it has turned away.
    pub fn turned_away(&self) -> usize {
        self.shared.turned_away.load(Ordering::SeqCst)
    }

    fn meets(&self, fate: Fate) {
        // Where there is no connection, nothing becomes of it.
        let _ = self.shared.fates.send(fate);
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        self.cut();
        self.accepting.abort();
    }
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    while let Ok((client, _)) = listener.accept().await {
        let fates = shared.fates.subscribe();
        if shared.closed.load(Ordering::SeqCst) {
            shared.turned_away.fetch_add(1, Ordering::SeqCst);
            continue;
        }
        shared.carried.fetch_add(1, Ordering::SeqCst);
        tokio::spawn(carry(client, shared.target.clone(), fates));
    }
}

/// Carries one connection until either side has had enough or its fate comes.
async fn carry(
    mut client: TcpStream,
    target: String,
    mut fates: broadcast::Receiver<Fate>,
) -> Result<()> {
    let mut server = TcpStream::connect(target).await?;
    let (mut said, mut asked) = (vec![0; PIECE], vec![0; PIECE]);
    let (mut torn, mut dead) = (false, false);
    loop {
        tokio::select! {
            biased;
            fate = fates.recv() => match fate {
                Ok(Fate::Torn) => torn = true,
                Ok(Fate::Dead) => dead = true,
                Ok(Fate::Cut) | Err(_) => return Ok(()),
            },
            read = server.read(&mut said), if !dead => {
                let size = if torn { read? / 2 } else { read? };
                client.write_all(&said[..size]).await?;
                if size == 0 || torn {
                    return Ok(());
                }
            }
            read = client.read(&mut asked), if !dead => match read? {
                0 => return Ok(()),
                size => server.write_all(&asked[..size]).await?,
            },
        }
    }
}
