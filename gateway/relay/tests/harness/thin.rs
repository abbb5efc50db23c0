//! A thin line for UDP: what comes down it goes at a rate, what does not fit into its queue is lost.

use std::{
    net::{Ipv4Addr, SocketAddr},
    time::Duration,
};

use tokio::{
    net::UdpSocket,
    sync::mpsc,
    task::JoinSet,
    time::{Instant, sleep_until},
};

/// Packets that wait.
const QUEUE: usize = 24;

/// A running one, for one client. Ends when dropped.
pub struct Thin {
    pub address: SocketAddr,
    _tasks: JoinSet<()>,
}

impl Thin {
    /// Before `target`, so many bytes a second down.
    pub async fn before(target: SocketAddr, bytes_a_second: f64) -> Self {
        let outer = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let inner = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        inner.connect(target).await.unwrap();
        let address = outer.local_addr().unwrap();
        let (queue, mut due) = mpsc::channel::<(Vec<u8>, SocketAddr)>(QUEUE);
        let (outer, inner) = (std::sync::Arc::new(outer), inner);
        let down = std::sync::Arc::clone(&outer);
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let mut free = Instant::now();
            while let Some((packet, to)) = due.recv().await {
                free = free.max(Instant::now())
                    + Duration::from_secs_f64(packet.len() as f64 / bytes_a_second);
                sleep_until(free).await;
                let _ = down.send_to(&packet, to).await;
            }
        });
        tasks.spawn(async move {
            let (mut client, mut up, mut back) = (None, [0; 2048], [0; 2048]);
            loop {
                tokio::select! {
                    Ok((n, from)) = outer.recv_from(&mut up) => {
                        client = Some(from);
                        let _ = inner.send(&up[..n]).await;
                    }
                    Ok(n) = inner.recv(&mut back) => {
                        if let Some(to) = client {
                            let _ = queue.try_send((back[..n].to_vec(), to));
                        }
                    }
                }
            }
        });
        Self {
            address,
            _tasks: tasks,
        }
    }
}
