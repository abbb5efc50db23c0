//! What can be wrong between a camera's file and its picture, in the words that a user reads.

use serde::{Serialize, Serializer};

use super::Step;

macro_rules! causes {
    ($($(#[$doc:meta])* $name:ident = $code:literal at $step:ident,
        zh $zh:literal, $zh_do:literal, en $en:literal, $en_do:literal;)*) => {
        /// Why a camera does not start, or does not show what it should.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Cause { $($(#[$doc])* $name,)* }
        impl Cause {
            /// Every cause there is, in the order in which they are met.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];
            /// For programs; kebab-case.
            pub fn as_str(self) -> &'static str { match self { $(Self::$name => $code,)* } }
            /// The step that finds it, as a rule.
            pub fn step(self) -> Step { match self { $(Self::$name => Step::$step,)* } }
            /// What is wrong, in Chinese; and what to do.
            pub fn zh(self) -> Words { match self { $(Self::$name => Words { what: $zh, todo: $zh_do },)* } }
            /// The same in English.
            pub fn en(self) -> Words { match self { $(Self::$name => Words { what: $en, todo: $en_do },)* } }
        }
    };
}

/// What a user reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Words {
    /// What is wrong.
    pub what: &'static str,
    /// What to do about it.
    pub todo: &'static str,
}

causes! {
    /// Out of service in the register.
    Disabled = "disabled" at File,
        zh "该摄像机在档案中已停用。", "需要使用时，在档案中恢复启用。",
        en "The camera is out of service in the register.", "Put it into service in its file if it is to be used.";
    /// Its file has no address of this stream.
    NoStream = "no-stream" at File,
        zh "档案中没有填写该码流的地址。", "在档案中补上码流地址（RTSP）。",
        en "Its file has no address for this stream.", "Enter the stream's RTSP address in the camera's file.";
    /// The host name has no address.
    NameNotResolved = "name-not-resolved" at Name,
        zh "主机名解析不到地址。", "检查档案中的主机名有无写错；确认域名服务器可用，或改填 IP 地址。",
        en "The host name has no address.", "Check the name in the camera's file, and the name server; or enter the IP address instead.";
    /// No route to it.
    NoRoute = "no-route" at Route,
        zh "没有到该地址的路由。", "检查 IP 地址和网段是否正确；检查村、镇线路和交换机是否在线。",
        en "There is no route to its address.", "Check the address and its network; see whether the line and the switches of the village or town are up.";
    /// Nothing answers at the address.
    NoAnswer = "no-answer" at Route,
        zh "该地址没有任何应答：设备断电、断线，或被防火墙丢弃。", "确认设备通电、网线接好；请网络管理员查看沿途防火墙。",
        en "Nothing answers at its address: it is off, cut off, or a firewall drops what is sent.", "See that it has power and its cable is in; ask the network's administrator about firewalls on the way.";
    /// The host answers, the port does not.
    PortSilent = "port-silent" at Port,
        zh "主机在线，但 RTSP 端口没有应答，多半被防火墙拦截。", "在防火墙上放行该端口；核对档案中的端口号（一般为 554）。",
        en "The host is there, but the RTSP port does not answer: most likely a firewall.", "Open the port in the firewall; check the port in the camera's file (usually 554).";
    /// The port is closed.
    Refused = "refused" at Port,
        zh "主机在线，但拒绝连接 RTSP 端口。", "核对端口号（一般为 554）；确认设备已开启 RTSP 服务；刚上电的设备请等待启动完成。",
        en "The host is there and refuses connections to the RTSP port.", "Check the port (usually 554) and that the camera's RTSP service is on; after a power cut wait until it has started.";
    /// TLS does not come about.
    Tls = "tls" at Rtsp,
        zh "TLS 握手失败：设备证书不受信任，或不支持加密。", "把设备证书加入 camera_authorities 指定的文件；或把地址改为 rtsp://。",
        en "TLS fails: its certificate is not trusted, or it speaks none.", "Put its certificate into the file that camera_authorities names; or change the address to rtsp://.";
    /// Something else answers at the port.
    NotRtsp = "not-rtsp" at Rtsp,
        zh "端口有应答，但不是 RTSP 服务。", "核对端口号：这可能是网页端口（80、8080）或其他设备。",
        en "Something answers at the port, and it is no RTSP server.", "Check the port: this may be the web page's (80, 8080), or another device.";
    /// It takes the connection and says nothing.
    RtspSilent = "rtsp-silent" at Rtsp,
        zh "已连上端口，但设备不应答 RTSP 请求，多半已死机。", "重启设备；仍无改善则升级固件。",
        en "It takes the connection and answers no RTSP request: most likely it hangs.", "Restart the camera; if that does not help, update its firmware.";
    /// It closes the connection at once.
    RtspClosed = "rtsp-closed" at Rtsp,
        zh "设备接受连接后立即断开。", "检查设备的访问白名单（IP 过滤）和连接数；必要时重启设备。",
        en "It takes the connection and closes it at once.", "Check the camera's list of allowed addresses and its connections; restart it if need be.";
    /// Wrong user or password.
    WrongPassword = "wrong-password" at Authentication,
        zh "用户名或密码不正确。", "在档案中更正用户名和密码；连续试错可能使设备锁定账号，请等待解锁。",
        en "The user name or the password is wrong.", "Correct them in the camera's file; it may have locked the account after several tries: wait until it is unlocked.";
    /// It asks for a password and none is on file.
    NoCredentials = "no-credentials" at Authentication,
        zh "设备要求登录，但档案中没有用户名和密码。", "在档案中填写设备的用户名和密码。",
        en "It asks for a user name and password, and its file has none.", "Enter the camera's user name and password in its file.";
    /// 403.
    NotAllowed = "not-allowed" at Authentication,
        zh "账号已登录，但设备不允许它取流。", "在设备上给该账号开通预览（取流）权限。",
        en "It knows the account and does not allow it to watch.", "Give the account the right to view (live) on the camera.";
    /// All its connections are in use.
    CameraBusy = "camera-busy" at Authentication,
        zh "设备的连接数已用完。", "关闭直接连接设备的其他客户端或录像机；在设备上调大最大连接数。",
        en "All of its connections are in use.", "Close other programs or recorders that connect to it directly; raise its limit of connections.";
    /// 404.
    NotFound = "not-found" at Description,
        zh "设备上没有这一路码流（404）。", "核对码流地址中的路径和通道号；以厂家手册为准。",
        en "It has no such stream (404).", "Check the path and channel in the stream's address against the maker's manual.";
    /// Any other RTSP error.
    RtspError = "rtsp-error" at Description,
        zh "设备返回 RTSP 错误。", "按错误码查厂家手册；重启设备或升级固件后再试。",
        en "It answers with an RTSP error.", "Look the status up in the maker's manual; restart the camera or update its firmware, and try again.";
    /// The description cannot be read.
    BadDescription = "bad-description" at Description,
        zh "设备给出的码流描述（SDP）无法读取。", "升级设备固件；把诊断报告发给厂家。",
        en "Its description of the stream (SDP) cannot be read.", "Update its firmware; send this report to the maker.";
    /// No video in it.
    NoVideo = "no-video" at Description,
        zh "码流里没有视频，只有声音或数据。", "核对通道号；在设备上开启该通道的视频。",
        en "The stream holds no video, only sound or data.", "Check the channel; switch the channel's video on in the camera.";
    /// A codec that is not carried.
    Codec = "codec-unsupported" at Codec,
        zh "设备的视频编码不受支持。", "在设备上把编码改为 H.264 或 H.265。",
        en "Its video codec is not carried.", "Set the camera to H.264 or H.265.";
    /// No room on a link.
    LinkBudget = "link-budget" at Budget,
        zh "途经链路的视频带宽已用完。", "到“链路”页查看占用；关闭不必要的画面，或调整该链路的视频份额。",
        en "A link on the way has no room left for video.", "See on the page 'Links' what holds it; close what is not needed, or raise the link's share for video.";
    /// A link that carries no video at all.
    LinkClosed = "link-closed" at Budget,
        zh "途经链路此时不允许传视频（份额为零）。", "到“链路”页查看该链路的时段设置。",
        en "A link on the way carries no video now (its share is zero).", "See the link's schedule on the page 'Links'.";
    /// Neither TCP nor UDP.
    Transport = "transport-refused" at Setup,
        zh "设备不接受 TCP，也不接受 UDP 传输。", "在设备上开启 RTP over TCP；档案中的传输方式设为“自动”。",
        en "It accepts neither TCP nor UDP.", "Allow RTP over TCP in the camera; set the transport in its file to 'auto'.";
    /// SETUP or PLAY does not succeed.
    Setup = "setup-failed" at Setup,
        zh "设备描述了码流，但没有开始播放。", "重启设备；减少同时取流的客户端后再试。",
        en "It describes the stream and does not begin to play it.", "Restart the camera; try again with fewer clients on it.";
    /// It plays, and nothing arrives.
    NoPackets = "no-packets" at Packet,
        zh "设备已开始播放，但收不到任何数据。", "检查途中是否拦截数据（UDP 时改用 TCP）；确认该通道接有镜头；重启设备。",
        en "It plays, and nothing arrives.", "See whether something on the way blocks the data (with UDP use TCP), and that the channel has a lens; restart it.";
    /// The connection ends.
    Cut = "cut" at Packet,
        zh "播放中连接被断开。", "检查线路是否稳定；检查设备是否反复重启（供电不足）。",
        en "The connection ends while it plays.", "See whether the line is stable, and whether the camera restarts again and again (too little power).";
    /// The bytes make no sense.
    Framing = "framing-lost" at Packet,
        zh "收到的数据无法解析。", "升级设备固件；把诊断报告发给厂家。",
        en "What arrives cannot be taken apart.", "Update its firmware; send this report to the maker.";
    /// No key frame.
    NoKeyFrame = "no-key-frame" at KeyFrame,
        zh "有数据，但一直没有关键帧，无法出图。", "在设备上把关键帧间隔（I 帧间隔）设为 2 到 4 秒。",
        en "Data arrives, and no key frame among it to begin with.", "Set the camera's key frame interval to 2 to 4 seconds.";
    /// It does not decode.
    NotDecoded = "not-decoded" at Decode,
        zh "画面数据损坏，解不出图像。", "检查线路丢包；重启设备；更换编码档次（Profile）再试。",
        en "The picture's data are damaged and do not decode.", "Check the line for losses; restart the camera; try another profile of the codec.";
    /// Dark.
    Dark = "dark" at Picture,
        zh "画面全黑或过暗。", "检查镜头盖、补光灯和曝光设置；夜间确认红外开启。",
        en "The picture is dark.", "Look at the lens cap, the light and the exposure; at night see that infrared is on.";
    /// No detail.
    Covered = "covered" at Picture,
        zh "画面没有任何细节，镜头可能被遮挡。", "到现场查看镜头是否被遮挡、起雾或对着空白处。",
        en "The picture shows no detail: the lens may be covered.", "Look on site whether the lens is covered, fogged, or faces something blank.";
    /// Its clock is off.
    ClockWrong = "clock-wrong" at Clock,
        zh "设备时钟与中心相差过大。画面不受影响，叠加的时间不准。", "在设备上启用 NTP 校时，指向中心的时间服务器。",
        en "Its clock is far from the centre's. The picture is not affected; the time drawn into it is wrong.", "Have the camera set its clock by NTP from the centre's time server.";
}

impl Serialize for Cause {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_str(self.as_str())
    }
}
