//! The requests of one connection and their answers (RFC 2326), and what they set up. Takes
//! requests, gives bytes; the sockets are [`super::connection`]'s, but for a pair of UDP ports.

use std::{
    net::IpAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed},
    },
};

use super::{
    auth::Challenge,
    camera::{Camera, Profile, Seat},
    fault::{Faults, RefuseAt},
    feed::{Cursor, Feed, What},
    rtsp::{Request, Response, Transport, transports},
    sdp,
    sender::{Track, Way, udp_pair},
};
use crate::clip::{CLOCK_HZ, Clip};

/// What a connection has come to. One session a connection, as cameras have it.
#[derive(Debug)]
pub(crate) struct Session {
    local: IpAddr,
    peer: IpAddr,
    challenge: Challenge,
    id: String,
    camera: Option<(Arc<Camera>, Profile)>,
    seat: Option<Seat>,
    pub(crate) tracks: Vec<Track>,
    pub(crate) play: Option<Play>,
}

/// A session that plays.
#[derive(Debug)]
pub(crate) struct Play {
    pub(crate) cursor: Cursor,
    /// The tick of the first that is sent: what faults count from.
    pub(crate) from_90k: i64,
    _count: Playing,
}

#[derive(Debug)]
struct Playing(Arc<Camera>, Profile);

impl Playing {
    fn new(camera: Arc<Camera>, profile: Profile) -> Self {
        counter(&camera, profile).fetch_add(1, Relaxed);
        Self(camera, profile)
    }
}

impl Drop for Playing {
    fn drop(&mut self) {
        counter(&self.0, self.1).fetch_sub(1, Relaxed);
    }
}

fn counter(camera: &Camera, profile: Profile) -> &AtomicUsize {
    match profile {
        Profile::Main => &camera.counts.main,
        Profile::Sub => &camera.counts.sub,
    }
}

impl Session {
    pub(crate) fn new(local: IpAddr, peer: IpAddr) -> Self {
        Self {
            local,
            peer,
            challenge: Challenge::new(),
            id: format!("{:08}", rand::random_range(10_000_000..99_999_999u32)),
            camera: None,
            seat: None,
            tracks: Vec::new(),
            play: None,
        }
    }

    pub(crate) fn camera(&self) -> Option<&Arc<Camera>> {
        self.camera.as_ref().map(|(c, _)| c)
    }

    pub(crate) fn profile(&self) -> Option<(&Arc<Camera>, Profile)> {
        self.camera.as_ref().map(|(c, p)| (c, *p))
    }

    /// Whom a request is to; the driver looks the name up, and [`Session::bind`]s the camera.
    pub(crate) fn name(request: &Request) -> (&str, Option<Profile>, Option<u8>) {
        let mut parts = request.path().split('/');
        let name = parts.next().unwrap_or("");
        let profile = match parts.next() {
            Some("main") => Some(Profile::Main),
            Some("sub") => Some(Profile::Sub),
            _ => None,
        };
        (
            name,
            profile,
            parts
                .next()
                .and_then(|t| t.strip_prefix("trackID="))
                .and_then(|t| t.parse().ok()),
        )
    }

    /// Ties the session to a camera, until it has set something up.
    pub(crate) fn bind(&mut self, camera: Arc<Camera>, profile: Profile) {
        if self.tracks.is_empty() {
            self.camera = Some((camera, profile));
        }
    }

    /// Answers a request. `clip` is what the profile shows, where the driver has waited for it.
    pub(crate) fn answer(&mut self, request: &Request, clip: Option<&Clip>) -> Vec<u8> {
        let method = request.method.as_str();
        if method == "OPTIONS" {
            let methods =
                "OPTIONS, DESCRIBE, SETUP, PLAY, PAUSE, GET_PARAMETER, SET_PARAMETER, TEARDOWN";
            return Response::new(200, request).header("Public", methods).end();
        }
        let Some((camera, profile)) = self.camera.clone() else {
            return Response::new(404, request).end();
        };
        let faults = camera.faults();
        if let Some(refusal) = self.refuse(&camera, &faults, request) {
            return refusal;
        }
        match method {
            "DESCRIBE" => self.describe(&faults, request, clip),
            "SETUP" => self.setup(&camera, &faults, request, clip),
            "PLAY" => self.play(&camera, profile, &faults, request),
            "PAUSE" => {
                self.play = None;
                self.ok(request).end()
            }
            "GET_PARAMETER" | "SET_PARAMETER" => self.ok(request).end(),
            "TEARDOWN" => {
                self.play = None;
                self.tracks.clear();
                self.seat = None;
                Response::new(200, request).end()
            }
            _ => Response::new(405, request).end(),
        }
    }

    fn refuse(&self, camera: &Camera, faults: &Faults, request: &Request) -> Option<Vec<u8>> {
        let at = match request.method.as_str() {
            "DESCRIBE" => RefuseAt::Describe,
            "SETUP" => RefuseAt::Setup,
            "PLAY" => RefuseAt::Play,
            _ => return None,
        };
        let count = |n: &AtomicU64| n.fetch_add(1, Relaxed);
        if at == RefuseAt::Describe {
            count(&camera.counts.describes);
        }
        let config = &camera.config;
        let full = config.limit_status == 401
            && at == RefuseAt::Describe
            && self.seat.is_none()
            && camera.full();
        let forced = faults
            .refuse
            .filter(|_| faults.refuse_at == at)
            .or(full.then_some(401));
        let passes = self
            .challenge
            .passes(config.auth, &config.user, &config.password, request);
        match forced {
            // The challenge comes as ever: a client cannot tell from it that the password is right.
            Some(401) => {}
            Some(status) if passes => {
                count(&camera.counts.refused);
                return Some(Response::new(status, request).end());
            }
            _ if passes => return None,
            _ => {}
        }
        count(&camera.counts.unauthorized);
        Some(
            self.challenge
                .ask(config.auth, Response::new(401, request))
                .end(),
        )
    }

    fn describe(&self, faults: &Faults, request: &Request, clip: Option<&Clip>) -> Vec<u8> {
        let Some(clip) = clip else {
            return Response::new(503, request).header("Retry-After", 2).end();
        };
        let base = format!("{}/", request.uri.trim_end_matches('/'));
        let text = sdp::describe(clip, &faults.sdp, self.local);
        Response::new(200, request)
            .header("Content-Base", base)
            .body("application/sdp", &text)
    }

    fn setup(
        &mut self,
        camera: &Arc<Camera>,
        faults: &Faults,
        request: &Request,
        clip: Option<&Clip>,
    ) -> Vec<u8> {
        let (_, _, number) = Self::name(request);
        let Some(clip) = clip else {
            return Response::new(503, request).end();
        };
        let number = number.unwrap_or(sdp::VIDEO);
        let rate = match number {
            sdp::VIDEO => CLOCK_HZ,
            sdp::AUDIO if clip.audio().is_some() => clip.audio().map_or(8_000, |a| a.rate),
            sdp::METADATA if faults.sdp.metadata_track => CLOCK_HZ,
            sdp::BACK_CHANNEL if faults.sdp.back_channel => 8_000,
            _ => return Response::new(404, request).end(),
        };
        if self.play.is_some() || self.tracks.iter().any(|t| t.number == number) {
            return Response::new(455, request).end();
        }
        let offered = transports(request.header("Transport").unwrap_or(""));
        let wanted = offered.iter().find(|t| match t {
            Transport::Interleaved { .. } => !faults.refuse_tcp,
            Transport::Udp { .. } => !faults.refuse_udp,
        });
        let Some(wanted) = wanted else {
            return Response::new(461, request).end();
        };
        if self.seat.is_none() {
            self.seat = camera.seat();
            if self.seat.is_none() {
                camera.counts.refused.fetch_add(1, Relaxed);
                let status = if camera.config.limit_status == 401 {
                    401
                } else {
                    453
                };
                return Response::new(status, request).end();
            }
        }
        let (way, transport) = match *wanted {
            Transport::Interleaved { rtp, rtcp } => (
                Way::Interleaved { rtp, rtcp },
                format!("RTP/AVP/TCP;unicast;interleaved={rtp}-{rtcp}"),
            ),
            Transport::Udp { rtp, rtcp } => match udp_pair(self.local) {
                Err(_) => return Response::new(453, request).end(),
                Ok((a, b)) => {
                    let port = |s: &std::net::UdpSocket| s.local_addr().map_or(0, |a| a.port());
                    let text = format!(
                        "RTP/AVP;unicast;client_port={rtp}-{rtcp};server_port={}-{}",
                        port(&a),
                        port(&b)
                    );
                    let (to_rtp, to_rtcp) = ((self.peer, rtp).into(), (self.peer, rtcp).into());
                    (
                        Way::Udp {
                            rtp: a,
                            rtcp: b,
                            to_rtp,
                            to_rtcp,
                        },
                        text,
                    )
                }
            },
        };
        let track = Track::new(number, way, rate);
        let transport = format!("{transport};ssrc={:08X};mode=\"PLAY\"", track.ssrc);
        self.tracks.push(track);
        self.ok(request).header("Transport", transport).end()
    }

    fn play(
        &mut self,
        camera: &Arc<Camera>,
        profile: Profile,
        faults: &Faults,
        request: &Request,
    ) -> Vec<u8> {
        let feed = camera.feed(profile);
        let Some(mut cursor) = feed
            .and_then(Feed::cursor)
            .filter(|_| !self.tracks.is_empty())
        else {
            return Response::new(455, request).end();
        };
        if self.play.is_some() {
            return self.ok(request).end(); // PLAY while playing changes nothing (RFC 2326, 10.5)
        }
        if camera.config.start_at_key {
            cursor.skip_to_key();
        }
        let from_90k = cursor.peek().at_90k;
        if let Some(seconds) = faults.wrap_after_s {
            let jump = camera.jump_ms.load(Relaxed);
            self.tracks
                .iter_mut()
                .for_each(|t| t.wrap_after(seconds, from_90k, jump));
        }
        camera.counts.plays.fetch_add(1, Relaxed);
        let info = self.rtp_info(camera, &cursor, request);
        self.play = Some(Play {
            cursor,
            from_90k,
            _count: Playing::new(camera.clone(), profile),
        });
        self.ok(request)
            .header("Range", "npt=now-")
            .header("RTP-Info", info)
            .end()
    }

    fn rtp_info(&self, camera: &Camera, cursor: &Cursor, request: &Request) -> String {
        let base = request.uri.trim_end_matches('/');
        let jump = camera.jump_ms.load(Relaxed);
        let media = self.tracks.iter().filter(|t| t.number <= sdp::AUDIO);
        let info = media.filter_map(|track| {
            let mut cursor = cursor.clone();
            // Sound comes within a few pictures, if at all.
            let ticks = (0..100).find_map(|_| {
                let what = cursor.peek().what;
                cursor.advance();
                match what {
                    What::Picture { pts_90k, .. } if track.number == sdp::VIDEO => Some(pts_90k),
                    What::Sound { sample, .. } if track.number == sdp::AUDIO => Some(sample),
                    _ => None,
                }
            })?;
            let (number, sequence) = (track.number, track.sequence);
            Some(format!(
                "url={base}/trackID={number};seq={sequence};rtptime={}",
                track.timestamp(ticks, jump)
            ))
        });
        info.collect::<Vec<_>>().join(",")
    }

    fn ok(&self, request: &Request) -> Response {
        let timeout = self
            .camera()
            .map_or(60, |c| c.config.session_timeout.as_secs().max(1));
        Response::new(200, request).header("Session", format_args!("{};timeout={timeout}", self.id))
    }
}
