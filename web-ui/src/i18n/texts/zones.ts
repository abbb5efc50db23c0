import type { Texts } from "./text";

/** Zones of motion in a picture. */
export const ZONES = {
  "zones.title": ["移动检测区域：{name}", "Motion zones: {name}"],
  "zones.open": ["移动检测区域", "Motion zones"],
  "zones.picture": ["画面上的区域", "Zones over the picture"],
  "zones.still": ["{name}的当前画面", "A still of {name}"],
  "zones.noStill": ["还没有画面", "No picture yet"],
  "zones.noStillHint": [
    "摄像机送来画面后点“刷新画面”；没有画面也可以先画。",
    "Press refresh when the camera delivers; zones can be drawn without it.",
  ],
  "zones.newStill": ["刷新画面", "Refresh the picture"],
  "zones.add": ["添加区域", "Add zone"],
  "zones.undo": ["撤销", "Undo"],
  "zones.none": ["没有区域：全画面都检测移动", "No zones: motion counts everywhere"],
  "zones.noneHint": [
    "添加区域后，只有区域内的移动才会告警，例如避开公路和树。",
    "With zones, only motion inside them is an event: leave out the road or the trees.",
  ],
  "zones.list": ["区域列表", "Zones"],
  "zones.name": ["第 {n} 个区域的名称", "Name of zone {n}"],
  "zones.fresh": ["区域 {n}", "Zone {n}"],
  "zones.remove": ["删除区域", "Delete zone"],
  "zones.corners": ["{n} 个角点", "{n} corners"],
  "zones.corner": [
    "{zone}，第 {n}/{of} 个角点，横 {x}%，纵 {y}%",
    "{zone}, corner {n} of {of}, {x} % across, {y} % down",
  ],
  "zones.addAfter": ["在第 {n} 个角点后加一个", "Add a corner after corner {n}"],
  "zones.addCorner": ["加角点", "Add corner"],
  "zones.removeCorner": ["删角点", "Remove corner"],
  "zones.hint": [
    "拖动角点或整个区域；点边上的小圆加角点。",
    "Drag corners, or the whole zone; the small rings add corners.",
  ],
  "zones.keys": [
    "按键：Tab 选角点，方向键移动（Shift 大步，Alt 移动整个区域），+ 加，Delete 删，Ctrl+Z 撤销。",
    "Keys: Tab to a corner, arrows move it (Shift: far, Alt: the whole zone), + adds, Delete removes, Ctrl+Z takes back.",
  ],
  "zones.saved": ["区域已保存，立即生效", "Zones saved; they hold at once"],
  "zones.fault.no-name": ["请填写名称", "It needs a name"],
  "zones.fault.long-name": ["名称最多 50 个字", "A name has at most 50 characters"],
  "zones.fault.same-name": ["另一个区域已用此名称", "Another zone has this name"],
  "zones.fault.few-points": ["至少要三个角点", "At least three corners"],
  "zones.fault.line": ["角点都在一条线上，围不成区域", "All corners lie on one line"],
} as const satisfies Texts;
