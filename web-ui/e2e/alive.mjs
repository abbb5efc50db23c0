// What it takes to call a tile alive. `prove` runs in the page.

export const FRAMES = 20;

/** Runs in the page: twenty frame callbacks with rising media time, and two pictures half a second apart. */
export async function prove({ frames, deadlineMs }) {
  const until = performance.now() + deadlineMs;
  const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
  const sample = (video) => {
    const canvas = document.createElement("canvas");
    canvas.width = 32;
    canvas.height = 18;
    const context = canvas.getContext("2d", { willReadFrequently: true });
    context.drawImage(video, 0, 0, 32, 18);
    const { data } = context.getImageData(0, 0, 32, 18);
    const luma = [];
    for (let i = 0; i < data.length; i += 4) luma.push(0.299 * data[i] + 0.587 * data[i + 1] + 0.114 * data[i + 2]);
    return luma;
  };
  const deviation = (luma) => {
    const mean = luma.reduce((a, b) => a + b, 0) / luma.length;
    return Math.sqrt(luma.reduce((sum, value) => sum + (value - mean) ** 2, 0) / luma.length);
  };
  const rising = (video) =>
    new Promise((resolve) => {
      const times = [];
      const timer = setTimeout(() => resolve(times), Math.max(0, until - performance.now()));
      const step = (_now, frame) => {
        if (times.length === 0 || frame.mediaTime > times.at(-1)) times.push(frame.mediaTime);
        else times.length = 0;
        if (times.length >= frames) {
          clearTimeout(timer);
          resolve(times);
        } else video.requestVideoFrameCallback(step);
      };
      video.requestVideoFrameCallback(step);
    });
  const one = async (tile) => {
    const result = { camera: tile.querySelector(".live-tile")?.dataset.camera ?? null, frames: 0, alive: false };
    let video = null;
    while (performance.now() < until) {
      video = tile.querySelector("video");
      if (video?.videoWidth && tile.querySelector(".live-tile").dataset.state === "live") break;
      await pause(50);
    }
    if (!video?.videoWidth) return { ...result, state: tile.querySelector(".words")?.textContent ?? "no video" };
    result.frames = (await rising(video)).length;
    let differs = false;
    // A parked scene may stand still for half a second; the counter in its corner does not, but it is small.
    while (!differs && performance.now() < until) {
      const a = sample(video);
      await pause(500);
      const b = sample(video);
      result.deviation = Math.round(Math.min(deviation(a), deviation(b)) * 10) / 10;
      differs = a.some((value, i) => Math.abs(value - b[i]) >= 1);
    }
    const quality = video.getVideoPlaybackQuality();
    result.dropped_share = quality.totalVideoFrames ? quality.droppedVideoFrames / quality.totalVideoFrames : 0;
    result.differs = differs;
    result.width = video.videoWidth;
    result.delay = tile.querySelector(".delay")?.textContent ?? null;
    result.alive = result.frames >= frames && differs && result.deviation > 8;
    return result;
  };
  return Promise.all([...document.querySelectorAll(".grid > .tile")].map(one));
}
