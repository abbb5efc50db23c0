//! Why cameras were down, in the words of the page, for paper and spreadsheets.

use ::media::ReasonCode;

/// In Chinese and in English.
pub(super) fn words(code: ReasonCode) -> (&'static str, &'static str) {
    use ReasonCode as C;
    match code {
        C::NameNotResolved => ("主机名解析不了", "The host name has no address"),
        C::NoRoute => ("没有到摄像机的路由", "No route to the camera"),
        C::Refused => ("摄像机拒绝连接", "The camera refused the connection"),
        C::TimedOut => ("摄像机没有应答", "The camera does not answer"),
        C::WrongPassword => (
            "摄像机账号或密码不对",
            "The camera's account or password is wrong",
        ),
        C::CameraBusy => ("摄像机连接数已满", "The camera has no connection left"),
        C::NotFound => ("摄像机上没有这一路码流", "The camera has no such stream"),
        C::RtspError => (
            "摄像机报 RTSP 错误",
            "The camera answered with an RTSP error",
        ),
        C::NoVideo => ("码流里没有视频", "The stream has no video"),
        C::CodecUnsupported => (
            "网关不支持这种编码",
            "The gateway does not carry this codec",
        ),
        C::Codec => (
            "此浏览器不能解码这路画面",
            "This browser cannot decode this camera",
        ),
        C::TranscodeLimit => (
            "转码路数已满",
            "All re-encodings the gateway may run are in use",
        ),
        C::TranscodeFailed => ("转码中断，正在重启", "Re-encoding failed and is begun anew"),
        C::NoPackets => ("已连上但收不到数据", "Connected, but nothing arrives"),
        C::NoKeyFrame => ("收到数据但没有关键帧", "Data arrives without a key frame"),
        C::FramingLost => ("码流错位", "The stream lost its framing"),
        C::Cut => ("摄像机断开了连接", "The camera closed the connection"),
        C::LinkBudget => ("链路带宽已用满", "The link's budget is spent"),
        C::Preempted => ("让位给更紧急的调看", "Gave way to a more urgent use"),
        C::Disabled => ("已停用", "Taken out of service"),
        C::Forbidden => ("没有查看权限", "You may not see this camera"),
        C::AlreadyOpen => (
            "本页另一窗口正在播放这一路",
            "Another tile of this page shows it already",
        ),
        C::TooManyTiles => ("窗口数已达上限", "Too many tiles on this connection"),
        C::ShuttingDown => ("网关正在停止", "The gateway is stopping"),
        C::DiskFull => ("磁盘已满", "The disk was full"),
        C::DiskError => ("磁盘出错", "The disk failed"),
        C::DiskSlow => ("磁盘太慢", "The disk was too slow"),
        C::GatewayDown => ("网关未运行", "The gateway was not running"),
        C::NotRecording => ("没有录像计划或录像已清理", "Not planned, or deleted since"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_are_those_of_the_page() {
        let file = concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../web-ui/src/i18n/texts/codes.ts"
        );
        let page = std::fs::read_to_string(file).unwrap();
        for code in ReasonCode::ALL {
            let (zh, en) = words(*code);
            let line = format!("\"reason.{}\": [\"{zh}\", \"{en}\"],", code.as_str());
            assert!(page.contains(&line), "{line}");
        }
    }
}
