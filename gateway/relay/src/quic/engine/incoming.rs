//! Who wants to connect, and has been told nothing yet.

use std::{future::poll_fn, net::SocketAddr, sync::Arc, task::Poll};

use quinn_proto::{ConnectionError, Transmit};

use super::{
    Shared,
    connection::{Connection, Inner},
    now, park,
};

/// One that is dropped is passed over in silence.
pub(in super::super) struct Incoming {
    /// None once it was answered.
    incoming: Option<quinn_proto::Incoming>,
    peer: SocketAddr,
    shared: Arc<Shared>,
}

impl Incoming {
    pub(super) fn new(incoming: quinn_proto::Incoming, shared: Arc<Shared>) -> Self {
        Self {
            peer: incoming.remote_address(),
            incoming: Some(incoming),
            shared,
        }
    }

    pub(in super::super) fn remote_address(&self) -> SocketAddr {
        self.peer
    }

    /// Whether it has shown that it is where it says.
    pub(in super::super) fn remote_address_validated(&self) -> bool {
        self.incoming
            .as_ref()
            .is_some_and(|i| i.remote_address_validated())
    }

    /// Shakes hands.
    ///
    /// # Errors
    /// What is wrong with it, or that it has gone meanwhile.
    pub(in super::super) async fn accept(mut self) -> Result<Connection, ConnectionError> {
        let Some(incoming) = self.incoming.take() else {
            return Err(ConnectionError::LocallyClosed);
        };
        let connection = {
            let mut answer = Vec::new();
            let mut core = self.shared.core();
            match core.endpoint.accept(incoming, now(), &mut answer, None) {
                Ok((handle, connection)) => {
                    let inner = Inner::new(handle, connection, Arc::clone(&self.shared));
                    core.connections.insert(handle, Arc::clone(&inner));
                    let closed = core.closed.clone();
                    drop(core);
                    match closed {
                        Some((code, reason)) => inner.close(code, reason),
                        None => inner.touch(),
                    }
                    Connection::new(inner)
                }
                Err(error) => {
                    drop(core);
                    self.respond(error.response, &answer);
                    return Err(error.cause);
                }
            }
        };
        poll_fn(|cx| {
            let mut state = connection.inner().lock();
            if let Some(error) = &state.error {
                return Poll::Ready(Err(error.clone()));
            }
            if state.connected {
                return Poll::Ready(Ok(()));
            }
            park(&mut state.waiting, cx);
            Poll::Pending
        })
        .await?;
        Ok(connection)
    }

    pub(in super::super) fn refuse(mut self) {
        if let Some(incoming) = self.incoming.take() {
            let mut answer = Vec::new();
            let transmit = self.shared.core().endpoint.refuse(incoming, &mut answer);
            self.respond(Some(transmit), &answer);
        }
    }

    /// Asks it to come again and so to prove its address.
    pub(in super::super) fn retry(mut self) {
        if let Some(incoming) = self.incoming.take() {
            let mut answer = Vec::new();
            let asked = self.shared.core().endpoint.retry(incoming, &mut answer);
            match asked {
                Ok(transmit) => self.respond(Some(transmit), &answer),
                Err(error) => self.incoming = Some(error.into_incoming()),
            }
        }
    }

    fn respond(&self, transmit: Option<Transmit>, answer: &[u8]) {
        if let Some(transmit) = transmit {
            self.shared.respond(&transmit, answer);
        }
    }
}

impl Drop for Incoming {
    fn drop(&mut self) {
        if let Some(incoming) = self.incoming.take() {
            self.shared.core().endpoint.ignore(incoming);
        }
    }
}

impl Shared {
    /// Sends an answer that belongs to no connection, if there is room: whoever does not get it asks again.
    pub(super) fn respond(&self, transmit: &Transmit, answer: &[u8]) {
        if let Some(answer) = answer.get(..transmit.size) {
            let _ = self.socket.send(transmit, answer);
        }
    }
}
