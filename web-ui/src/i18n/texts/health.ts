import type { Texts } from "./text";

/** The state of the network. */
export const HEALTH = {
  "health.title": ["运行状况", "Health"],
  "health.online": ["可用率", "Reachable"],
  "health.onlineHint": ["非离线的在用摄像机占比", "in-service cameras that are not offline"],
  "health.recording": ["正在录像", "Recording"],
  "health.viewers": ["观看", "Viewers"],
  "health.feeds": ["码流", "Feeds"],
  "health.ingest": ["接入带宽", "Coming in"],
  "health.egress": ["分发带宽", "Going out"],
  "health.disk": ["录像磁盘", "Disk"],
  "health.diskOf": ["已用 {used}，可用 {free}", "{used} used, {free} free"],
  "health.memory": ["内存", "Memory"],
  "health.cpu": ["处理器", "CPU"],
  "health.cpuHint": ["最近 5 秒占一个核的比例", "of one core, last 5 s"],
  "health.uptime": ["已运行 {time}", "up {time}"],
  "health.byRegion": ["按区域", "By region"],
  "health.offlineList": ["离线摄像机", "Offline cameras"],
  "health.noneOffline": ["没有离线的摄像机", "No camera is offline"],
  "health.noneOfflineHint": [
    "断线的摄像机会按原因分组列在这里。",
    "Cameras that drop out are listed here, grouped by cause.",
  ],
  "health.links": ["链路预算", "Links"],
  "health.link": ["链路", "Link"],
  "health.used": ["占用", "In use"],
  "health.linkUse": [
    "实测 {measured} · 预留 {reserved} / 预算 {budget}（链路 {capacity}）",
    "{measured} measured · {reserved} reserved of {budget} (link {capacity})",
  ],
  "health.refused": ["拒绝 {n} 次", "{n} refused"],
  "health.pulls": ["{n} 路", "{n} pulls"],
  "health.idleLinks": ["另有 {n} 条链路空闲", "{n} more links are idle"],
  "health.noLinks": ["没有配置链路", "No links are configured"],
  "health.noLinksHint": [
    "在配置文件中写明镇、村链路的带宽，这里会显示占用。",
    "Name the links and their rates in the configuration to see their use here.",
  ],
  "health.recordings": ["录像状态", "Recordings"],
  "health.recStopped": ["录像已停的摄像机", "Cameras whose recording stopped"],
  "health.allRecording": ["计划内的录像都在进行", "Every planned recording is running"],
} as const satisfies Texts;
