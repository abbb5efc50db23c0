/** Words by which people name moments, of both languages: patterns for reading what they type, see playback/timeline-goto.ts. */

const UNIT = "[a-z]+|秒钟?|分钟?|小时|时|天";
const DAY_MS = 86_400_000;

export const NOW = /^(now|live|现在|实时)$/;
/** Sign, number, unit. */
export const STEP = new RegExp(`^([+-])\\s*(\\d{1,6})\\s*(${UNIT})$`);
/** Number, unit. */
export const AGO = new RegExp(`^(\\d{1,6})\\s*(${UNIT})\\s*(?:ago|之?前)$`);
/** In milliseconds. */
export const UNITS: readonly (readonly [RegExp, number])[] = [
  [/^(s|sec|secs|seconds?|秒钟?)$/, 1000],
  [/^(m|min|mins|minutes?|分钟?)$/, 60_000],
  [/^(h|hr|hrs|hours?|小时|时)$/, 3_600_000],
  [/^(d|days?|天)$/, DAY_MS],
];
export const DAYS_AGO: Readonly<Record<string, number>> = {
  today: 0,
  今天: 0,
  今日: 0,
  yesterday: 1,
  昨天: 1,
  昨日: 1,
  前天: 2,
};
/** From Sunday on. */
export const WEEKDAYS: readonly RegExp[] = [
  /^(sun(day)?|(周|星期|礼拜)[日天])$/,
  /^(mon(day)?|(周|星期|礼拜)一)$/,
  /^(tue(s(day)?)?|(周|星期|礼拜)二)$/,
  /^(wed(nesday)?|(周|星期|礼拜)三)$/,
  /^(thu(r(s(day)?)?)?|(周|星期|礼拜)四)$/,
  /^(fri(day)?|(周|星期|礼拜)五)$/,
  /^(sat(urday)?|(周|星期|礼拜)六)$/,
];
/** What a day may end with, so that a time may follow without a space. */
export const DAY_ENDS = /[日号天一二三四五六]/;
/** Half of the day, the clock, half of the day. */
export const HALVES = /^(am|pm|上午|早上|凌晨|下午|晚上)?\s*(.*?)\s*(am|pm)?$/;
export const AFTERNOON = /^(pm|下午|晚上)$/;
export const HOUR_WORDS = /^(\d{1,2})[点时](?:(\d{1,2})分?)?(?:(\d{1,2})秒?)?$/;
/** Year, month, day; month, day; day. */
export const FULL_DATE = /^(\d{4})[-/.年](\d{1,2})[-/.月](\d{1,2})[日号]?$/;
export const SHORT_DATE = /^(\d{1,2})[-/.月](\d{1,2})[日号]?$/;
export const DAY_ONLY = /^(\d{1,2})[日号]$/;
/** What Chinese keyboards give for our signs. */
export const SIGNS: readonly (readonly [string, string])[] = [
  ["：", ":"],
  ["，", " "],
  ["／", "/"],
  ["－", "-"],
];
