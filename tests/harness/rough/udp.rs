//! UDP across the rough network: a flow a client address, each with a socket of its own towards the gateway.

use std::{
    cmp::Reverse,
    collections::{BinaryHeap, HashMap},
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Instant,
};

use tokio::{
    net::UdpSocket,
    sync::mpsc,
    task::JoinSet,
    time::{Instant as TokioInstant, sleep_until},
};

use super::{
    Shared,
    line::{Fate, Line},
    widen,
};

/// Client addresses at once; more are not served.
const MAX_FLOWS: usize = 512;
/// Packets between the port and a flow.
const QUEUE: usize = 1024;
/// The longest datagram.
const MAX_PACKET: usize = 65_536;

pub(super) async fn serve(shared: Arc<Shared>, socket: UdpSocket) {
    if widen(&socket).is_err() {
        return;
    }
    let socket = Arc::new(socket);
    let mut flows: HashMap<SocketAddr, mpsc::Sender<Vec<u8>>> = HashMap::new();
    let mut tasks = JoinSet::new();
    let mut bytes = vec![0; MAX_PACKET];
    let number = AtomicU64::new(0);
    loop {
        // An error here tells of an earlier datagram whose addressee is gone.
        let Ok((len, from)) = socket.recv_from(&mut bytes).await else {
            continue;
        };
        if !flows.contains_key(&from) && flows.len() < MAX_FLOWS {
            let (packets, received) = mpsc::channel(QUEUE);
            let number = number.fetch_add(2, Ordering::Relaxed);
            let (shared, socket) = (Arc::clone(&shared), Arc::clone(&socket));
            tasks.spawn(async move {
                // Ends with the network: a flow has no end of its own.
                let _ = flow(shared, socket, from, received, number).await;
            });
            flows.insert(from, packets);
        }
        let passed = flows
            .get(&from)
            .is_some_and(|flow| flow.try_send(bytes[..len].to_vec()).is_ok());
        if !passed {
            shared.counts().overflowed += 1;
        }
    }
}

/// Packets on their way, the next to arrive first.
#[derive(Default)]
struct OnTheWay {
    heap: BinaryHeap<Reverse<(Instant, u64, Vec<u8>)>>,
    number: u64,
}

impl OnTheWay {
    fn push(&mut self, at: Instant, packet: Vec<u8>) {
        self.number += 1;
        self.heap.push(Reverse((at, self.number, packet)));
    }

    fn next(&self) -> Option<Instant> {
        self.heap.peek().map(|Reverse((at, ..))| *at)
    }

    fn due(&mut self, now: Instant) -> Option<Vec<u8>> {
        if self.next()? > now {
            return None;
        }
        self.heap.pop().map(|Reverse((.., packet))| packet)
    }
}

async fn flow(
    shared: Arc<Shared>,
    client: Arc<UdpSocket>,
    from: SocketAddr,
    mut received: mpsc::Receiver<Vec<u8>>,
    number: u64,
) -> anyhow::Result<()> {
    let gateway = UdpSocket::bind("0.0.0.0:0").await?;
    widen(&gateway)?;
    gateway.connect(shared.target).await?;
    let mut lines = [0, 1].map(|way| Line::new(shared.seed, number + way));
    let mut ways = [OnTheWay::default(), OnTheWay::default()];
    let mut bytes = vec![0; MAX_PACKET];
    loop {
        let next = ways.iter().filter_map(OnTheWay::next).min();
        let time = async {
            match next {
                Some(at) => sleep_until(TokioInstant::from_std(at)).await,
                None => std::future::pending().await,
            }
        };
        let (way, packet) = tokio::select! {
            packet = received.recv() => match packet {
                Some(packet) => (0, Some(packet)),
                None => return Ok(()),
            },
            len = gateway.recv(&mut bytes) => (1, len.ok().map(|len| bytes[..len].to_vec())),
            () = time => (0, None),
        };
        let now = TokioInstant::now().into_std();
        if let Some(packet) = packet {
            let conditions = *shared.conditions.borrow();
            let fate = lines[way].packet(now, packet.len(), &conditions);
            let mut counts = shared.counts();
            match fate {
                Fate::At(at) => {
                    counts.carried += 1;
                    ways[way].push(at, packet);
                }
                Fate::Lost => counts.lost += 1,
                Fate::Overflowed => counts.overflowed += 1,
                Fate::Blocked => counts.blocked += 1,
            }
        }
        while let Some(packet) = ways[0].due(now) {
            let _ = gateway.send(&packet).await;
        }
        while let Some(packet) = ways[1].due(now) {
            let _ = client.send_to(&packet, from).await;
        }
    }
}
