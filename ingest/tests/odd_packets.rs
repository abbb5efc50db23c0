//! Packets no encoder should send, from a server written byte by byte: they cost a group, not the feed.

mod harness;

use harness::{Pull, config, registered, status, supervisor, until};
use media::SourceState;
use tokio::{
    io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader},
    net::{TcpListener, TcpStream},
};

/// x264's parameters of a picture of 320x180.
const SPS: &[u8] = &[
    0x67, 0x64, 0x00, 0x0d, 0xac, 0xd9, 0x41, 0x41, 0x9f, 0x9e, 0x10, 0x00, 0x00, 0x03, 0x00, 0x10,
    0x00, 0x00, 0x03, 0x03, 0x20, 0xf1, 0x42, 0x99, 0x60,
];
const PPS: &[u8] = &[0x68, 0xeb, 0xe3, 0xcb, 0x22, 0xc0];
const KEY: &[u8] = &[0x65, 0x88, 0x84, 0x00, 0x21];
const DELTA: &[u8] = &[0x41, 0x9a, 0x24, 0x6c];
/// The middle of a picture cut into fragments (FU-A without its start).
const MIDDLE: &[u8] = &[0x7c, 0x01, 0x55, 0x55];

/// Its start and its end.
const START: &[u8] = &[0x7c, 0x81, 0x55, 0x55];
const END: &[u8] = &[0x7c, 0x41, 0x55, 0x55];

/// Marker, time in pictures, payload.
type Packet = (bool, u32, &'static [u8]);

/// Answers one client, sends what is given, then a good group for ever.
async fn serve(socket: TcpStream, odd: &[Packet]) -> std::io::Result<()> {
    let (read, mut write) = socket.into_split();
    let mut lines = BufReader::new(read).lines();
    let (mut method, mut cseq) = (String::new(), String::new());
    while let Some(line) = lines.next_line().await? {
        if let Some(n) = line.strip_prefix("CSeq: ") {
            cseq = n.to_owned();
        } else if line.ends_with("RTSP/1.0") {
            method = line.split(' ').next().unwrap_or_default().to_owned();
        }
        if !line.is_empty() {
            continue;
        }
        let sdp = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=x\r\nt=0 0\r\nm=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\na=control:v\r\n";
        let rest = match method.as_str() {
            "DESCRIBE" => format!(
                "Content-Type: application/sdp\r\nContent-Length: {}\r\n\r\n{sdp}",
                sdp.len()
            ),
            "SETUP" => {
                "Session: 1;timeout=60\r\nTransport: RTP/AVP/TCP;unicast;interleaved=0-1\r\n\r\n"
                    .into()
            }
            _ => "Session: 1\r\n\r\n".into(),
        };
        write
            .write_all(format!("RTSP/1.0 200 OK\r\nCSeq: {cseq}\r\n{rest}").as_bytes())
            .await?;
        if method == "PLAY" {
            break;
        }
    }
    let mut sequence = 0u16;
    let mut packet = |(mark, at, payload): Packet| {
        sequence += 1;
        let mut out = vec![b'$', 0];
        out.extend(((12 + payload.len()) as u16).to_be_bytes());
        out.extend([0x80, 96 | u8::from(mark) << 7]);
        out.extend(sequence.to_be_bytes());
        out.extend((at * 3600).to_be_bytes());
        out.extend([0, 0, 0, 7]);
        out.extend(payload);
        out
    };
    let group: &[Packet] = &[
        (false, 0, SPS),
        (false, 0, PPS),
        (true, 0, KEY),
        (true, 1, DELTA),
    ];
    for (mark, at, payload) in group.iter().chain(odd) {
        write.write_all(&packet((*mark, *at, payload))).await?;
    }
    for at in (10..60_000).step_by(2) {
        for (mark, more, payload) in group {
            write
                .write_all(&packet((*mark, at + more, payload)))
                .await?;
        }
        tokio::time::sleep(std::time::Duration::from_millis(80)).await;
    }
    Ok(())
}

/// Pulls a camera that sends these packets in its first session; returns how many sessions it took.
async fn pull_through(odd: &'static [Packet]) -> u64 {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("rtsp://{}/a", listener.local_addr().expect("bound"));
    let server = tokio::spawn(async move {
        let mut odd = odd;
        while let Ok((socket, _)) = listener.accept().await {
            let odd = std::mem::take(&mut odd);
            tokio::spawn(async move {
                let _ = serve(socket, odd).await;
            });
        }
    });
    let ingest = supervisor(config(), Vec::new());
    ingest.upsert(registered(1, &url));
    let mut pull = Pull::of(&ingest, 1);
    let first = pull.video().await;
    assert_eq!(
        (first.tracks.video.width, first.tracks.video.height),
        (320, 180)
    );
    let later = pull
        .until_frame(|f| f.key && f.group > first.group + 5)
        .await;
    assert!(!later.damaged);
    until("live", || {
        (status(&ingest, 1).state == SourceState::Live).then_some(())
    })
    .await;
    server.abort();
    status(&ingest, 1).attempts
}

#[tokio::test]
async fn a_fragment_without_its_start_costs_no_session() {
    assert_eq!(
        pull_through(&[(false, 2, MIDDLE), (false, 2, MIDDLE), (true, 3, DELTA)]).await,
        1
    );
    // An empty packet, a type that does not exist, a forbidden bit.
    assert_eq!(
        pull_through(&[(true, 2, &[]), (true, 2, &[0x1f, 1]), (true, 2, &[0xff, 1])]).await,
        1
    );
}

#[tokio::test]
async fn what_one_packet_breaks_and_ends_at_once_costs_no_session() {
    // A picture ended by the next one's time, which begins with a fragment from the middle.
    assert_eq!(
        pull_through(&[(false, 2, DELTA), (false, 3, MIDDLE), (true, 4, DELTA)]).await,
        1
    );
    // A fragment that time leaves behind.
    assert_eq!(
        pull_through(&[(false, 2, START), (true, 3, DELTA)]).await,
        1
    );
}

#[tokio::test]
async fn a_mark_on_every_packet_ends_no_fragment() {
    assert_eq!(
        pull_through(&[(true, 2, START), (true, 2, MIDDLE), (true, 2, END)]).await,
        1
    );
}
