//! TCP across the rough network. Both ends of a connection are real ones: what waits in here is not read from the sender.

use std::{sync::Arc, time::Instant};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{
        TcpListener, TcpSocket, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::mpsc,
    task::JoinSet,
    time::{Instant as TokioInstant, sleep_until},
};

use super::{Shared, line::Line};

/// Read at once at most.
const PIECE: usize = 4096;
/// The system's own buffer before the network, so that the queue in here is what is asked for.
const SYSTEM_BUFFER: u32 = 32 * 1024;
/// Connections at once; more are closed.
const MAX_CONNECTIONS: usize = 512;

pub(super) async fn serve(shared: Arc<Shared>, listener: TcpListener) {
    let mut tasks = JoinSet::new();
    let mut number = 1 << 32;
    loop {
        let Ok((client, _)) = listener.accept().await else {
            continue;
        };
        while tasks.try_join_next().is_some() {}
        if tasks.len() >= MAX_CONNECTIONS {
            continue;
        }
        tasks.spawn(connection(Arc::clone(&shared), client, number));
        number += 2;
    }
}

async fn connection(shared: Arc<Shared>, client: TcpStream, number: u64) {
    let gateway = async {
        let socket = if shared.target.is_ipv6() {
            TcpSocket::new_v6()?
        } else {
            TcpSocket::new_v4()?
        };
        socket.set_recv_buffer_size(SYSTEM_BUFFER)?;
        let stream = socket.connect(shared.target).await?;
        stream.set_nodelay(true)?;
        client.set_nodelay(true)?;
        std::io::Result::Ok(stream)
    };
    let Ok(gateway) = gateway.await else { return };
    let (client_out, client_in) = client.into_split();
    let (gateway_out, gateway_in) = gateway.into_split();
    tokio::join!(
        way(&shared, client_out, gateway_in, number),
        way(&shared, gateway_out, client_in, number + 1),
    );
}

/// One direction, until its end or an error; then the other side is told so.
async fn way(shared: &Shared, mut from: OwnedReadHalf, mut to: OwnedWriteHalf, number: u64) {
    let queue = shared.conditions.borrow().queue;
    let (pieces, mut arriving) = mpsc::channel::<(Instant, Vec<u8>)>((queue / PIECE).max(1));
    let mut conditions = shared.conditions.subscribe();
    let read = async move {
        let mut line = Line::new(shared.seed, number);
        let mut bytes = vec![0; PIECE];
        loop {
            // What cannot pass is not read, and the sender notices by and by.
            if conditions.wait_for(|c| !c.black_out).await.is_err() {
                return;
            }
            let Ok(len @ 1..) = from.read(&mut bytes).await else {
                return;
            };
            let now = TokioInstant::now().into_std();
            let at = line.piece(now, len, &conditions.borrow_and_update());
            if pieces.send((at, bytes[..len].to_vec())).await.is_err() {
                return;
            }
        }
    };
    let write = async {
        while let Some((at, piece)) = arriving.recv().await {
            sleep_until(TokioInstant::from_std(at)).await;
            if to.write_all(&piece).await.is_err() {
                break;
            }
        }
        // The reader would wait for room for ever.
        arriving.close();
        let _ = to.shutdown().await;
    };
    tokio::join!(read, write);
}
