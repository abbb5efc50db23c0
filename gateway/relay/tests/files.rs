//! Answers whose bodies stand in files, sent by the system: byte for byte what the files hold, in their place, whatever the reader's pace.

use std::{convert::Infallible, fs::File, io::Write, sync::Arc, time::Duration};

use bytes::Bytes;
use futures_util::stream;
use http_body_util::StreamBody;
use hyper::{Request, Response, body::Frame, body::Incoming, service::service_fn};
use hyper_util::rt::{TokioExecutor, TokioIo};
use relay::plain::{Lane, MOST, Part, Plain};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

/// A file of this many bytes, none of which is what its neighbours are.
fn film(bytes: usize) -> (tempfile::NamedTempFile, Vec<u8>) {
    let content: Vec<u8> = (0..bytes as u32)
        .map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8)
        .collect();
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(&content).unwrap();
    (file, content)
}

fn part(file: &Arc<File>, offset: usize, len: usize) -> Part {
    Part {
        file: Arc::clone(file) as _,
        offset: offset as u64,
        len: len as u64,
    }
}

/// A body of bytes and parts of a file by turns, and what must arrive.
fn body(lane: &Lane, file: &Arc<File>, content: &[u8]) -> (Vec<Piece>, Vec<u8>) {
    let mut wanted = Vec::new();
    let mut pieces = Vec::new();
    let mut at = 0;
    for (n, len) in [1, 70_000, 300, MOST - 10, 5_000, 1 << 20]
        .into_iter()
        .enumerate()
    {
        let said = Bytes::from(format!("piece {n} of {len};"));
        wanted.extend_from_slice(&said);
        pieces.push(Piece::Bytes(said));
        let parts = vec![part(file, at, len / 3 + 1), part(file, at + 7, len)];
        let parts: Vec<Part> = match len {
            1 => vec![part(file, at, 1)],
            n if n > MOST / 2 => vec![part(file, at, n)],
            _ => parts,
        };
        for part in &parts {
            let from = part.offset as usize;
            wanted.extend_from_slice(&content[from..from + part.len as usize]);
        }
        pieces.push(Piece::Files(lane.clone(), parts));
        at += len / 2;
    }
    (pieces, wanted)
}

enum Piece {
    Bytes(Bytes),
    Files(Lane, Vec<Part>),
}

/// Serves such a body to every request of one connection.
async fn serve(stream: TcpStream, file: Arc<File>, content: Arc<Vec<u8>>) {
    let plain = Plain::new(stream, 128 * 1024);
    let lane = plain.lane();
    let service = service_fn(move |_: Request<Incoming>| {
        let (pieces, wanted) = body(&lane, &file, &content);
        async move {
            let frames = stream::iter(pieces.into_iter().map(|piece| {
                Ok::<_, Infallible>(Frame::data(match piece {
                    Piece::Bytes(bytes) => bytes,
                    Piece::Files(lane, parts) => lane.stand_in(parts).unwrap(),
                }))
            }));
            let mut response = Response::new(StreamBody::new(frames));
            let length = wanted.len().into();
            response.headers_mut().insert("content-length", length);
            Ok::<_, Infallible>(response)
        }
    });
    let _ = hyper_util::server::conn::auto::Builder::new(TokioExecutor::new())
        .serve_connection_with_upgrades(TokioIo::new(plain), service)
        .await;
}

/// A connection to a server of a film, and what each answer's body must be.
async fn connect() -> (TcpStream, Vec<u8>, tempfile::NamedTempFile) {
    let (kept, content) = film(4 << 20);
    let file = Arc::new(kept.reopen().unwrap());
    let (_, wanted) = body(&Lane::default(), &file, &content);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        serve(stream, file, Arc::new(content)).await;
    });
    (TcpStream::connect(address).await.unwrap(), wanted, kept)
}

async fn head(stream: &mut TcpStream) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.unwrap());
    }
    String::from_utf8(head).unwrap()
}

const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nHost: gateway\r\n\r\n";

#[tokio::test(flavor = "multi_thread")]
async fn what_stands_in_files_arrives_in_its_place_also_when_requests_come_together() {
    let (mut stream, wanted, _file) = connect().await;
    stream.write_all(&REQUEST.repeat(3)).await.unwrap();
    for answer in 0..3 {
        let head = head(&mut stream).await;
        assert!(head.contains(&format!("content-length: {}", wanted.len())));
        let mut got = vec![0; wanted.len()];
        stream.read_exact(&mut got).await.unwrap();
        let differs = got.iter().zip(&wanted).position(|(a, b)| a != b);
        assert_eq!(differs, None, "of answer {answer}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_who_stops_now_and_then_gets_the_same() {
    let (mut stream, wanted, _file) = connect().await;
    // Not less than two packets of the loopback's: it waits for whole ones.
    socket2::SockRef::from(&stream)
        .set_recv_buffer_size(256 * 1024)
        .unwrap();
    // More than the system takes for a reader who does not read.
    stream.write_all(&REQUEST.repeat(4)).await.unwrap();
    for answer in 0..4 {
        // Long enough for the server's side to fill; whether it did changes nothing of what must arrive.
        tokio::time::sleep(Duration::from_millis(50)).await;
        head(&mut stream).await;
        let mut got = vec![0; wanted.len()];
        for piece in got.chunks_mut(600_000) {
            tokio::time::sleep(Duration::from_millis(5)).await;
            stream.read_exact(piece).await.unwrap();
        }
        assert!(got == wanted, "of answer {answer}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_is_shorter_than_it_should_be_ends_the_connection() {
    let (mut stream, wanted, file) = connect().await;
    file.as_file().set_len(100_000).unwrap();
    stream.write_all(REQUEST).await.unwrap();
    head(&mut stream).await;
    let mut got = Vec::new();
    let _ = stream.read_to_end(&mut got).await;
    assert!(got.len() < wanted.len() && wanted.starts_with(&got));
}

#[test]
fn a_slice_stands_for_no_more_than_it_can() {
    let (kept, _) = film(1000);
    let file = Arc::new(kept.reopen().unwrap());
    let lane = Lane::default();
    assert!(lane.stand_in(Vec::new()).is_err());
    assert!(lane.stand_in(vec![part(&file, 0, MOST + 1)]).is_err());
    assert_eq!(
        lane.stand_in(vec![part(&file, 0, MOST)]).unwrap().len(),
        MOST
    );
}
