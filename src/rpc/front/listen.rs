//! The listener: TCP, TLS and the identity of whoever connects.

use std::collections::HashMap;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::time::Sleep;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tonic::transport::server::Connected;

use super::guests::{Guests, Place, tell};
use crate::domain::party::PartyNumber;
use crate::engine::{Clock, Rosters};
use crate::rpc::Caller;
use crate::rpc::withdrawn::Seat;
use crate::trust::identity::IdentityError;
use crate::trust::live::LiveTrust;
use crate::trust::tls::HandshakeFailure;

/// Handshaken connections that wait for the server to take them.
const ACCEPT_BACKLOG: usize = 64;

/// Bytes that HTTP/2 begins with (RFC 9113 §3.4). Once they have come the server itself watches
/// whether the connection lives; before, nobody else does.
const PREFACE_BYTES: usize = 24;

/// How long a connection whose party lost its place stays open, so that each of its streams can say
/// why it ends.
const FAREWELL: Duration = Duration::from_secs(1);

/// Bounds of the listener, from the configuration.
#[derive(Debug, Clone, Copy)]
pub struct ListenOptions {
    /// Connections in total; further ones wait in the kernel's backlog.
    pub max_connections: usize,
    /// Connections of one party; a further one is closed.
    pub max_connections_per_party: usize,
    /// How long a TLS handshake may take, and after it the first words of HTTP/2.
    pub handshake_timeout: Duration,
}

/// Why the bus does not listen.
#[derive(Debug, thiserror::Error)]
#[error(
    "cannot listen on {address}: {source}; free the address or change `listen` in the configuration"
)]
pub struct ListenError {
    address: SocketAddr,
    source: io::Error,
}

/// The listening socket and the tasks behind it: one accepts, one judges the open
/// connections anew.
pub struct Listener {
    address: SocketAddr,
    accepted: mpsc::Receiver<io::Result<Connection>>,
    tasks: [AbortOnDrop; 2],
}

impl Listener {
    /// Binds the address and starts accepting.
    ///
    /// # Errors
    /// [`ListenError`] if the address cannot be bound.
    pub async fn bind(
        address: SocketAddr,
        trust: Arc<LiveTrust>,
        rosters: Rosters,
        options: ListenOptions,
    ) -> Result<Self, ListenError> {
        let refused = |source| ListenError { address, source };
        let listener = TcpListener::bind(address).await.map_err(refused)?;
        let address = listener.local_addr().map_err(refused)?;
        let (sender, accepted) = mpsc::channel(ACCEPT_BACKLOG);
        let door = Arc::new(Door {
            guests: Guests::new(trust, rosters),
            options,
            total: Arc::new(Semaphore::new(options.max_connections)),
            per_party: Arc::default(),
        });
        // Judging the connections that stand holds up no new one.
        let guests = Arc::clone(&door.guests);
        let watch = tokio::spawn(async move { guests.watch().await });
        let accept = tokio::spawn(accept(listener, door, sender));
        Ok(Self { address, accepted, tasks: [accept, watch].map(AbortOnDrop) })
    }

    /// The bound address, with the port that the system chose if it was asked to.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The connections, for the server.
    pub fn into_stream(self) -> impl tokio_stream::Stream<Item = io::Result<Connection>> {
        let Self { mut accepted, tasks: ends_with_stream, .. } = self;
        futures_util::stream::poll_fn(move |cx| {
            let _ = &ends_with_stream;
            accepted.poll_recv(cx)
        })
    }
}

struct AbortOnDrop(tokio::task::JoinHandle<()>);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}

struct Door {
    guests: Arc<Guests>,
    options: ListenOptions,
    total: Arc<Semaphore>,
    per_party: Arc<Mutex<HashMap<Option<PartyNumber>, usize>>>,
}

/// Accepts until the receiver is gone. Handshakes run beside each other, so a slow one holds up
/// nobody; their number is bounded by the connections' own bound.
async fn accept(
    listener: TcpListener,
    door: Arc<Door>,
    sender: mpsc::Sender<io::Result<Connection>>,
) {
    let mut handshakes = tokio::task::JoinSet::new();
    loop {
        while handshakes.try_join_next().is_some() {}
        let Ok(permit) = Arc::clone(&door.total).acquire_owned().await else { return };
        let stream = tokio::select! {
            accepted = listener.accept() => accepted,
            () = sender.closed() => return,
        };
        let (stream, remote) = match stream {
            Ok(accepted) => accepted,
            Err(error) => {
                // Out of descriptors, or a connection reset before it was accepted.
                tracing::warn!(%error, "a connection was not accepted");
                tokio::time::sleep(Duration::from_millis(50)).await;
                continue;
            }
        };
        let (door, sender) = (Arc::clone(&door), sender.clone());
        handshakes.spawn(async move {
            if let Some(connection) = door.shake_hands(stream, remote, permit).await {
                // The server is gone when this fails; so is the connection then.
                let _ = sender.send(Ok(connection)).await;
            }
        });
    }
}

impl Door {
    async fn shake_hands(
        &self,
        stream: TcpStream,
        remote: SocketAddr,
        permit: OwnedSemaphorePermit,
    ) -> Option<Connection> {
        // Small answers must not wait for more to fill a packet.
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%remote, %error, "TCP_NODELAY was not set");
        }
        // By what is in force now; a change meanwhile is made up for when it is seated.
        let judged = self.guests.trust();
        let handshake = TlsAcceptor::from(Arc::clone(judged.0.server())).accept(stream);
        let stream = match tokio::time::timeout(self.options.handshake_timeout, handshake).await {
            Ok(Ok(stream)) => stream,
            Ok(Err(error)) => {
                let failure = HandshakeFailure::of(&error);
                tracing::info!(%remote, %failure, "a handshake failed");
                return None;
            }
            Err(_) => {
                tracing::info!(%remote, "a handshake took too long");
                return None;
            }
        };
        let chain = stream.get_ref().1.peer_certificates().unwrap_or_default();
        let chain: Vec<_> = chain.iter().map(|one| one.clone().into_owned()).collect();
        // Whatever a responder must be asked first holds up this one connection, and not for long.
        judged.0.ask(&chain, Clock::System.now()).await;
        let standing = match judged.0.judge(&chain, Clock::System.now()) {
            Ok(standing) => standing,
            Err(failure) => {
                tracing::info!(%remote, %failure, "a connection is refused after its handshake");
                return None;
            }
        };
        let (identified, seat, place) = self.guests.seat(remote, chain, judged);
        let caller = identified.map(|one| one.caller);
        let party = caller.as_ref().map_or("none", |caller| caller.id.as_str());
        tell(remote, party, &standing);
        if let Err(error) = &caller {
            tracing::info!(%remote, %error, "a certificate names no party");
        }
        // Those that name no party share one party's part, or they could take all the places.
        let Some(share) = self.share(caller.as_ref().ok().map(|caller| caller.party)) else {
            tracing::warn!(%remote, party, "too many connections of the party");
            return None;
        };
        let farewell = seat.clone().until_withdrawn();
        let leaving = Box::pin(async move {
            farewell.await;
            tokio::time::sleep(FAREWELL).await;
        });
        let peer = Peer { remote, caller, seat };
        let silence = Box::pin(tokio::time::sleep(self.options.handshake_timeout));
        let preface = Some(Preface { missing: PREFACE_BYTES, silence });
        Some(Connection {
            stream,
            peer,
            preface,
            leaving,
            _place: place,
            _permit: permit,
            _share: share,
        })
    }

    fn share(&self, party: Option<PartyNumber>) -> Option<Share> {
        let mut open = self.per_party.lock().unwrap_or_else(PoisonError::into_inner);
        let count = open.entry(party).or_default();
        if *count >= self.options.max_connections_per_party {
            return None;
        }
        *count += 1;
        Some(Share { party, open: Arc::clone(&self.per_party) })
    }
}

/// A party's connection, counted until it is dropped.
struct Share {
    party: Option<PartyNumber>,
    open: Arc<Mutex<HashMap<Option<PartyNumber>, usize>>>,
}

impl Drop for Share {
    fn drop(&mut self) {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = open.get_mut(&self.party) {
            *count -= 1;
            if *count == 0 {
                open.remove(&self.party);
            }
        }
    }
}

/// Who is at the other end of a connection.
#[derive(Debug, Clone)]
pub struct Peer {
    /// Its address, for the log.
    pub remote: SocketAddr,
    /// The party that its certificate names, or why it names none.
    pub caller: Result<Caller, IdentityError>,
    /// Whether it still stands for it.
    pub seat: Seat,
}

/// An accepted connection.
pub struct Connection {
    stream: TlsStream<TcpStream>,
    peer: Peer,
    /// None once the connection has begun to speak.
    preface: Option<Preface>,
    /// Ends when the peer has lost its seat and had time to hear of it.
    leaving: Pin<Box<dyn Future<Output = ()> + Send>>,
    _place: Place,
    _permit: OwnedSemaphorePermit,
    _share: Share,
}

/// What is to come before the server takes notice of a connection, and by when.
struct Preface {
    missing: usize,
    silence: Pin<Box<Sleep>>,
}

impl Connected for Connection {
    type ConnectInfo = Peer;
    fn connect_info(&self) -> Peer {
        self.peer.clone()
    }
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.leaving.as_mut().poll(cx).is_ready() {
            return Poll::Ready(Err(io::ErrorKind::ConnectionAborted.into()));
        }
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(cx, buffer);
        let Some(preface) = &mut self.preface else { return read };
        preface.missing = preface.missing.saturating_sub(buffer.filled().len() - before);
        if preface.missing == 0 {
            self.preface = None;
        } else if read.is_pending() && preface.silence.as_mut().poll(cx).is_ready() {
            return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
        }
        read
    }
}

impl AsyncWrite for Connection {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, bytes)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}
