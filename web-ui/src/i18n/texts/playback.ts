import type { Texts } from "./text";

/** Playback. */
export const PLAYBACK = {
  "playback.title": ["回放", "Playback"],
  "playback.choose": ["选择摄像机", "Choose a camera"],
  "playback.chooseHint": [
    "从列表中选一台摄像机，这里会显示它的录像时间轴。",
    "Choose a camera from the list; its recordings appear on the timeline here.",
  ],
  "playback.addCamera": ["添加摄像机", "Add camera"],
  "playback.date": ["日期时间", "Date and time"],
  "playback.play": ["播放", "Play"],
  "playback.pause": ["暂停", "Pause"],
  "playback.frameBack": ["上一帧", "Frame back"],
  "playback.frameOn": ["下一帧", "Frame on"],
  "playback.speed": ["倍速", "Speed"],
  "playback.backwards": ["倒放 {speed}×", "Back {speed}×"],
  "playback.thinned": ["线路拥塞，仅关键帧", "Key frames only: slow line"],
  "playback.tooMany": ["此连接方式最多同时回放 4 路", "No more than four play over this connection"],
  "playback.forbidden": ["没有查看这路录像的权限", "You may not watch these recordings"],
  "playback.toLive": ["转到实时", "Go live"],
  "playback.noRecording": ["这一时刻没有录像", "Nothing is recorded here"],
  "playback.gapReason": ["无录像：{reason}", "No recording: {reason}"],
  "playback.nextFrom": ["下一段录像从 {time} 开始", "The next recording starts at {time}"],
  "playback.goNext": ["跳到下一段", "Go there"],
  "playback.loading": ["正在读取录像", "Reading the recording"],
  "playback.exportTitle": ["导出录像", "Export the recording"],
  "playback.exportReason": ["调取事由（写入审计）", "Reason (goes to the audit log)"],
  "playback.exportGo": ["下载 MP4", "Download MP4"],
  "playback.share": ["复制链接", "Copy link"],
  "playback.copied": ["链接已复制", "Link copied"],
  "playback.wallClock": ["录像时间", "Recorded at"],
  "playback.cannotPlay": [
    "此浏览器不能解码这段录像，可导出后用播放器观看",
    "This browser cannot decode it; export it and use a player",
  ],
  "playback.none": ["选定时间内没有录像", "Nothing was recorded in this range"],
} as const satisfies Texts;
