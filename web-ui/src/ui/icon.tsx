/** Icons of one set (lucide), put into the page as they are built: no request, the colour of the text. */
import arrowUp from "lucide-static/icons/arrow-up.svg?raw";
import bell from "lucide-static/icons/bell.svg?raw";
import calendarClock from "lucide-static/icons/calendar-clock.svg?raw";
import cctv from "lucide-static/icons/cctv.svg?raw";
import check from "lucide-static/icons/check.svg?raw";
import chevronDown from "lucide-static/icons/chevron-down.svg?raw";
import chevronLeft from "lucide-static/icons/chevron-left.svg?raw";
import chevronRight from "lucide-static/icons/chevron-right.svg?raw";
import circleDashed from "lucide-static/icons/circle-dashed.svg?raw";
import clock from "lucide-static/icons/clock.svg?raw";
import copy from "lucide-static/icons/copy.svg?raw";
import crosshair from "lucide-static/icons/crosshair.svg?raw";
import download from "lucide-static/icons/download.svg?raw";
import eraser from "lucide-static/icons/eraser.svg?raw";
import externalLink from "lucide-static/icons/external-link.svg?raw";
import eye from "lucide-static/icons/eye.svg?raw";
import eyeOff from "lucide-static/icons/eye-off.svg?raw";
import film from "lucide-static/icons/film.svg?raw";
import gauge from "lucide-static/icons/gauge.svg?raw";
import hardDrive from "lucide-static/icons/hard-drive.svg?raw";
import history from "lucide-static/icons/history.svg?raw";
import house from "lucide-static/icons/house.svg?raw";
import image from "lucide-static/icons/image.svg?raw";
import imageDown from "lucide-static/icons/image-down.svg?raw";
import info from "lucide-static/icons/info.svg?raw";
import keyboard from "lucide-static/icons/keyboard.svg?raw";
import landPlot from "lucide-static/icons/land-plot.svg?raw";
import languages from "lucide-static/icons/languages.svg?raw";
import shape from "lucide-static/icons/lasso.svg?raw";
import layers from "lucide-static/icons/layers.svg?raw";
import layoutGrid from "lucide-static/icons/layout-grid.svg?raw";
import link from "lucide-static/icons/link.svg?raw";
import lock from "lucide-static/icons/lock.svg?raw";
import logOut from "lucide-static/icons/log-out.svg?raw";
import map from "lucide-static/icons/map.svg?raw";
import mapPin from "lucide-static/icons/map-pin.svg?raw";
import maximize from "lucide-static/icons/maximize.svg?raw";
import minus from "lucide-static/icons/minus.svg?raw";
import monitor from "lucide-static/icons/monitor.svg?raw";
import moon from "lucide-static/icons/moon.svg?raw";
import steer from "lucide-static/icons/move.svg?raw";
import packageCheck from "lucide-static/icons/package-check.svg?raw";
import panelLeft from "lucide-static/icons/panel-left.svg?raw";
import pause from "lucide-static/icons/pause.svg?raw";
import pencil from "lucide-static/icons/pencil.svg?raw";
import polygon from "lucide-static/icons/pentagon.svg?raw";
import pin from "lucide-static/icons/pin.svg?raw";
import play from "lucide-static/icons/play.svg?raw";
import plus from "lucide-static/icons/plus.svg?raw";
import radio from "lucide-static/icons/radio.svg?raw";
import refresh from "lucide-static/icons/refresh-cw.svg?raw";
import route from "lucide-static/icons/route.svg?raw";
import ruler from "lucide-static/icons/ruler.svg?raw";
import save from "lucide-static/icons/save.svg?raw";
import search from "lucide-static/icons/search.svg?raw";
import send from "lucide-static/icons/send.svg?raw";
import settings from "lucide-static/icons/settings.svg?raw";
import siren from "lucide-static/icons/siren.svg?raw";
import snowflake from "lucide-static/icons/snowflake.svg?raw";
import scan from "lucide-static/icons/square-dashed.svg?raw";
import skipBack from "lucide-static/icons/step-back.svg?raw";
import skipForward from "lucide-static/icons/step-forward.svg?raw";
import sun from "lucide-static/icons/sun.svg?raw";
import trash from "lucide-static/icons/trash-2.svg?raw";
import trendingDown from "lucide-static/icons/trending-down.svg?raw";
import triangleAlert from "lucide-static/icons/triangle-alert.svg?raw";
import text from "lucide-static/icons/type.svg?raw";
import undo from "lucide-static/icons/undo-2.svg?raw";
import upload from "lucide-static/icons/upload.svg?raw";
import user from "lucide-static/icons/user.svg?raw";
import videoOff from "lucide-static/icons/video-off.svg?raw";
import volume from "lucide-static/icons/volume-2.svg?raw";
import volumeOff from "lucide-static/icons/volume-off.svg?raw";
import x from "lucide-static/icons/x.svg?raw";
import zap from "lucide-static/icons/zap.svg?raw";

// prettier-ignore
const ICONS = {
  monitor,
  save,
  send,
  externalLink,
  bell,
  cctv,
  check,
  arrowUp,
  calendarClock,
  chevronLeft,
  copy,
  film,
  hardDrive,
  lock,
  packageCheck,
  triangleAlert,
  chevronDown,
  chevronRight,
  clock,
  download,
  eraser,
  eye,
  eyeOff,
  gauge,
  history,
  house,
  image,
  imageDown,
  info,
  keyboard,
  languages,
  layoutGrid,
  link,
  logOut,
  map,
  mapPin,
  maximize,
  minus,
  moon,
  panelLeft,
  pause,
  pencil,
  play,
  plus,
  polygon,
  radio,
  route,
  search,
  settings,
  siren,
  skipBack,
  skipForward,
  snowflake,
  sun,
  trash,
  trendingDown,
  user,
  videoOff,
  undo,
  refresh,
  scan,
  volume,
  volumeOff,
  circleDashed,
  crosshair,
  landPlot,
  layers,
  ruler,
  text,
  upload,
  pin,
  steer,
  shape,
  x,
  zap,
} as const;
export type IconName = keyof typeof ICONS;

const inner = (svg: string): string => svg.slice(svg.indexOf(">", svg.indexOf("<svg")) + 1, svg.lastIndexOf("</svg>"));

/** Decorative: the word beside it, or the label of its button, says what it means. */
export function Icon({ name, size = 1.25 }: { name: IconName; size?: number }) {
  return (
    <svg
      class="icon"
      style={{ width: `${size}rem`, height: `${size}rem` }}
      viewBox="0 0 24 24"
      aria-hidden="true"
      // The markup is the icon set's own file, bundled at build time.
      dangerouslySetInnerHTML={{ __html: inner(ICONS[name]) }}
    />
  );
}
