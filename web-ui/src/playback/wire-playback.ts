/** Recordings by the viewer wire: one clock for all, each camera's pictures shown at the moment that they are of. */
import { type Signal, signal } from "@preact/signals";
import type { CameraCode } from "../domain/ids";
import type { Line, LineEvents } from "../player/line";
import type { SoundState } from "../player/live-view";
import type { Codec, Gaps, TrackInfo } from "../wire/control";
import type { PaneView, Playback, PlayState } from "./playback";
import { RecordedLine, type RecordedSignal } from "./recorded-line";
import { type OpenSound, RecordedSound } from "./recorded-sound";
import {
  Beat,
  isGivenUp,
  keepsUp,
  type Mode,
  modeOf,
  mustHold,
  Pace,
  SharedClock,
  type Standing,
} from "./shared-clock";
import type { TilePlayer } from "./tile-player";

/** How often the gateway is told what is shown, ms. */
const REPORT_MS = 250;
/** A clock that plays and has not moved for so long, ms, says why. */
const STANDS_MS = 500;
/** How often the page's own words follow the clock, ms. */
const TELL_MS = 100;
/**
 * The first picture of a recording is shown at a moment by so much before it, ms: all are to be within 200 ms of each other. A moment
 * is asked for in whole milliseconds, and lies a little before the picture that it is of.
 */
const EARLY_MS = 200;
/** The screen turned last longer ago than this: the time between was none to show anything in, ms. */
const TURN_MS = 100;
/** The clocks of most players are aside of the moment by so much, ms of the viewer's time. */
const MOST_MS = 40;
/** For a moment that all can show, at each turn of the screen. */
const MOST_LOOKS = 4;
/** How much of what a player with a clock of its own is behind counts. */
const PATIENT = 0.5;

export interface WireOptions {
  readonly codes: readonly CameraCode[];
  readonly at: number;
  readonly gaps?: Gaps;
  readonly ways: readonly ((events: LineEvents) => Line)[];
  readonly decodes: readonly Codec[];
  /** `onError` ends it: what it cannot decode it will not. */
  readonly player: (onError: (error: string) => void) => TilePlayer;
  readonly sound: OpenSound;
  readonly onFailed: (why: string) => void;
}

class Pane implements PaneView {
  readonly element = document.createElement("div");
  readonly state: Signal<PlayState> = signal("loading");
  readonly wall: Signal<number | null> = signal(null);
  readonly thinned = signal(false);
  player: TilePlayer;
  gap: { readonly from: number; readonly to: number | null; readonly code: string } | null = null;
  refused: PlayState | null = null;
  opened = false;
  /** It was waited for in vain, and is not until it shows the moment again. */
  late = false;
  /** Its picture is of the moment that all others show; of key frames that are made ready one by one. */
  abreast = true;
  readonly sub = signal(false);
  readonly voice: RecordedSound;

  /** `failed`: its stream cannot be decoded here after all. */
  constructor(
    private readonly make: WireOptions["player"],
    sound: OpenSound,
    private readonly failed: () => void,
  ) {
    this.element.className = "recorded";
    this.player = make(failed);
    this.voice = new RecordedSound(this.player.format, sound);
    this.element.append(this.player.element);
  }

  get sound(): Signal<SoundState> {
    return this.voice.state;
  }

  /** A decoder that has failed is of no more use. */
  replace(): void {
    this.player.close();
    this.player = this.make(this.failed);
    this.element.append(this.player.element);
    this.anew();
  }

  /** Of what was before a seek nothing is left but the picture. */
  anew(): void {
    this.gap = null;
    this.opened = false;
    this.late = false;
    this.abreast = true;
  }

  /** What to show at a moment: where the recording begins just behind it, its first picture. */
  moment(at: number): number {
    const begins = this.opened ? this.player.begins : null;
    return begins !== null && at < begins && begins - at <= EARLY_MS ? begins : at;
  }

  /** `best`: so late are the pictures of all of them. */
  standing(at: number, rate: number, best: number): Standing {
    // It goes on by itself, and the others' pictures wait meanwhile: to stand costs more than it gives.
    const own = modeOf(rate) === "all" && this.player.behind(at) !== null;
    return {
      ready: this.opened && this.player.ready && this.abreast,
      gap: this.refused !== null || this.inGap(at, rate),
      furthest: this.opened ? this.player.furthest : null,
      spacing: this.opened ? this.player.spacing : 0,
      lag: this.opened ? Math.max(0, this.player.lag(at) - best) * (own ? PATIENT : 1) : 0,
    };
  }

  inGap(at: number, rate: number): boolean {
    const begins = this.opened ? this.player.begins : null;
    // The gateway goes on to what begins within two seconds, and calls that no gap: until then there is nothing to show.
    if (rate >= 0 && begins !== null && at < begins - EARLY_MS) return true;
    const gap = this.gap;
    if (!gap) return false;
    const [after, before] =
      rate < 0 ? [at <= gap.from, gap.to === null || at > gap.to] : [at >= gap.from, gap.to === null || at < gap.to];
    return after && before;
  }

  /** Why the clock stands, as far as this one goes: read by who looks into it, shown to nobody. */
  explain(at: number, rate: number, ms: number): void {
    const { ready, gap, furthest, lag } = this.standing(at, rate, 0);
    const ahead = furthest === null ? "nothing" : `${Math.round(furthest - at)} ms`;
    const is = Object.entries({ opened: this.opened, ready, abreast: this.abreast, late: this.late, gap })
      .filter(([, on]) => on)
      .map(([name]) => name);
    this.element.dataset.stands = `${Math.round(ms)} ms: ${is.join(" ")}, ${ahead} ahead, lag ${Math.round(lag)}; ${this.player.doing?.() ?? ""}`;
  }

  tell(at: number, rate: number): void {
    const gap = this.inGap(at, rate);
    this.state.value =
      this.refused ??
      (gap
        ? this.gap?.code === "codec"
          ? "cannot-play"
          : "nothing"
        : this.opened && this.player.ready && !this.late
          ? "ready"
          : "loading");
    this.wall.value = gap ? null : this.player.shown;
  }
}

export class WirePlayback implements Playback {
  readonly kind = "wire";
  readonly reverses = true;
  readonly at: Signal<number | null>;
  readonly panes: readonly Pane[];
  #line: RecordedLine;
  #clock: SharedClock;
  #pace = new Pace();
  #beat = new Beat();
  /** The rate that the pace was found for. */
  #pacedAt = 0;
  #rate = 0;
  /** Steps that the gateway looks for. */
  #looking = false;
  /** The picture that was stepped to in what is here; it may be on its way to the screen still. */
  #stepped: number | null = null;
  /** Panes that were tried with the sub stream. */
  #other = new Set<number>();
  /** The next answer of the gateway is to a mere change of rate: its idea of the moment is a little old, and ours counts. */
  #ours = false;
  #heldSince = performance.now();
  #told = 0;
  /** The moment of the last turn, and since when it is that, monotonic ms. */
  #stood = { at: 0, since: 0 };
  #reported = 0;
  #turn = 0;
  #turned = performance.now();
  #closed = false;

  constructor(options: WireOptions) {
    this.at = signal(options.at);
    this.#clock = new SharedClock(options.at, performance.now());
    this.panes = options.codes.map((_, n) => new Pane(options.player, options.sound, () => this.#cannot(n)));
    this.#line = new RecordedLine(
      options.ways,
      options.at,
      {
        clock: (at, rate) => this.#set(at, rate),
        failed: (why) => {
          if (!this.#closed) options.onFailed(why);
        },
        away: () => {
          for (const pane of this.panes) pane.anew();
          this.#hold();
        },
      },
      options.gaps,
    );
    options.codes.forEach((camera, n) => {
      const pane = this.panes[n] as Pane;
      const request = { camera, format: pane.player.format, decodes: options.decodes, audio: false };
      this.#line.open(n + 1, request, (heard) => this.#hear(pane, heard));
    });
    this.#turn = requestAnimationFrame(this.#show);
  }

  /** By what the pictures come: for the details. */
  get transport(): string | null {
    return this.#line.kind;
  }

  seek(time: number): void {
    this.#looking = false;
    this.#jump(time);
    this.#line.seek(time, this.#rate);
  }

  setRate(rate: number): void {
    if (rate === this.#rate) return;
    const mono = performance.now();
    const at = this.#clock.now(mono);
    const anew = modeOf(rate) !== modeOf(this.#rate) || this.#looking;
    this.#rate = rate;
    this.#stepped = null;
    this.#looking = false;
    this.#clock.setRate(rate, mono);
    // A pause in between is no other speed.
    if (rate > 0 && rate !== this.#pacedAt) {
      this.#pacedAt = rate;
      this.#pace.anew(this.panes.length);
    }
    this.#clock.setPace(modeOf(rate) === "all" && this.#hasOwnClocks() ? this.#pace.share : 1, mono);
    if (anew) {
      this.#jump(at);
      this.#line.seek(at, rate);
    } else {
      this.#ours = true;
      this.#line.rate(rate);
    }
  }

  step(direction: 1 | -1): void {
    const mono = performance.now();
    const lead = this.panes[0];
    if (!lead) return;
    if (this.#rate !== 0) this.setRate(0);
    // What is on the screen is what is stepped from, and not the moment between two pictures; or what is on its way there.
    const at = this.#stepped ?? lead.player.shown ?? this.#clock.now(mono);
    const next = this.#looking || !lead.opened ? null : this.#beside(lead.player, at, direction);
    if (next !== null) {
      this.#stepped = next;
      this.#clock.jump(next, mono);
      this.at.value = next;
      this.#line.reached(next);
      return;
    }
    this.#stepped = null;
    if (!this.#looking) this.#line.reached(at);
    this.#looking = true;
    this.#line.step(1, direction);
  }

  /** Time of the picture beside the one of a moment, where all cameras can show it from what is here. */
  #beside(lead: TilePlayer, at: number, direction: 1 | -1): number | null {
    if (direction > 0) return lead.after(at);
    const before = lead.before(at);
    if (before === null) return null;
    const all = this.panes.every((pane) => !pane.opened || pane.inGap(before, 0) || pane.player.keeps(before));
    return all ? before : null;
  }

  listen(heard: number | null): void {
    this.panes.forEach((pane, n) => {
      const on = n === heard;
      if (pane.voice.wanted === on) return;
      pane.voice.want(on);
      this.#line.change(n + 1, { audio: on });
    });
  }

  close(): void {
    this.#closed = true;
    cancelAnimationFrame(this.#turn);
    this.#line.close();
    for (const pane of this.panes) {
      pane.player.close();
      pane.voice.close();
      pane.element.remove();
    }
  }

  #jump(at: number): void {
    this.#ours = false;
    this.#stepped = null;
    this.#beat.anew();
    this.#clock.jump(at, performance.now());
    this.at.value = at;
    for (const pane of this.panes) pane.anew();
    this.#hold();
  }

  #hold(): void {
    this.#clock.hold(true, performance.now());
    this.#heldSince = performance.now();
  }

  /** The gateway has set the clock. */
  #set(at: number, rate: number): void {
    const mono = performance.now();
    // The picture that was found is what the next step goes on from, also while an earlier one is on the screen.
    if (this.#looking) this.#stepped = at;
    this.#looking = false;
    this.#rate = rate;
    this.#clock.setRate(rate, mono);
    if (!this.#ours) {
      this.#clock.jump(at, mono);
      this.at.value = at;
      this.#beat.anew();
    }
    this.#ours = false;
    for (const pane of this.panes) if (pane.gap && !pane.inGap(at, rate)) pane.gap = null;
  }

  #hear(pane: Pane, heard: RecordedSignal): void {
    switch (heard.type) {
      case "opened":
        pane.sub.value = heard.profile === "sub";
        pane.voice.opened(heard.audio, heard.fresh);
        this.#opened(pane, heard.video, heard.fresh, heard.mode);
        return;
      case "media":
        pane.player.push(heard.message);
        pane.voice.push(heard.message);
        return;
      case "gap":
        pane.gap = { from: heard.from, to: heard.to, code: heard.reason.code };
        return;
      case "thinned":
        pane.thinned.value = heard.keys;
        return;
      case "refused":
        pane.refused =
          heard.reason.code === "codec" ? "cannot-play" : heard.reason.code === "forbidden" ? "forbidden" : "nothing";
        return;
      case "lost":
      case "back":
        return;
    }
  }

  #opened(pane: Pane, video: TrackInfo, fresh: boolean, mode: Mode): void {
    if (fresh) {
      pane.opened = true;
      pane.thinned.value = false;
    }
    pane.player.opened(video, fresh, mode);
  }

  /** A family that can be played, and a kind of it that cannot: the sub stream, where it is recorded too, is the plainer one. */
  #cannot(n: number): void {
    const pane = this.panes[n];
    if (!pane || this.#closed) return;
    if (this.#other.has(n)) {
      pane.refused = "cannot-play";
      return;
    }
    this.#other.add(n);
    // Not within the decoder's own call.
    queueMicrotask(() => {
      if (this.#closed) return;
      pane.replace();
      this.#line.change(n + 1, { profile: "sub" });
    });
  }

  #hasOwnClocks(): boolean {
    return this.panes.some((pane) => pane.player.behind(0) !== null);
  }

  /**
   * Those with a clock of their own are late by as much as the screen is, all alike: what counts is who is behind the others, and whose
   * clock does not come along. Gives what of the rate all go at, and by how much the picture of the best is late.
   */
  #paced(open: readonly Pane[], at: number, mono: number): readonly [number, number] {
    if (this.#rate <= 0) return [1, 0];
    const fast = Math.max(1, this.#rate);
    const going = open.filter((pane) => pane.player.ready && !pane.late && !pane.inGap(at, this.#rate));
    const clocks = going.map((pane) => pane.player.behind(at)).filter((one) => one !== null);
    if (clocks.length === 0) return [this.#hasOwnClocks() ? this.#pace.share : 1, 0];
    const best = Math.min(...going.map((pane) => pane.player.lag(at)));
    // While it stands those who are behind come nearer: that says nothing.
    if (this.#clock.held) return [this.#pace.share, best];
    const apart = Math.max(...going.map(({ player }) => player.gap - player.spacing));
    const share = this.#pace.look(Math.max(apart, ...clocks) / fast, mono);
    this.#clock.setPace(share, mono);
    // Where most are elsewhere it is the moment that is wrong: the machine stood still for all of them, or for this page alone.
    const most = clocks.sort((a, b) => a - b)[clocks.length >> 1] ?? 0;
    if (Math.abs(most) > MOST_MS * fast) this.#clock.jump(at - most, mono);
    return [share, best];
  }

  /** Whom the clock waits for: not for one that it has waited for in vain while others had their picture, until that has its own. */
  #waitedFor(all: readonly Standing[], at: number, waited: number): readonly Standing[] {
    const keeps = all.map((one) => keepsUp(one, at, this.#rate));
    const some = all.some((one, n) => !one.gap && keeps[n]);
    all.forEach((one, n) => {
      const pane = this.panes[n] as Pane;
      if (keeps[n]) pane.late = false;
      else if (some && this.#rate !== 0 && isGivenUp(one, at, this.#rate, waited)) pane.late = true;
    });
    const rest = all.map((one, n) => (this.panes[n]?.late ? { ...one, gap: true } : one));
    return rest.every((one) => one.gap) ? all : rest;
  }

  /** Each camera's pictures as its player makes them ready. */
  #each(open: readonly Pane[], at: number, rate: number, mono: number): void {
    const { held } = this.#clock;
    for (const pane of open) pane.player.prepare(pane.moment(at), rate, mono, held);
    // Where one is not decoded in time the others do not run ahead of it: what is on the screen is of one moment.
    const going = open.filter((pane) => !pane.late && pane.player.ready && !pane.inGap(at, this.#rate));
    let moment = at;
    // Where one is held back by another it may have to be held back further.
    for (let n = 0; n < MOST_LOOKS; n++) {
      const next = Math.min(moment, ...going.map((pane) => pane.player.reach(moment)));
      if (next === moment) break;
      moment = next;
    }
    for (const pane of open) pane.player.show(pane.moment(pane.late ? at : moment), rate, mono);
  }

  /** Key frames of players that make them ready one by one: all show the next ones at once. False where there are no such players. */
  #inBeats(open: readonly Pane[], at: number, mono: number): boolean {
    const rate = this.#rate;
    const to = this.#clock.held ? at : this.#beat.begin(at);
    const aimed = open.map((pane) => pane.player.aim(pane.moment(to), mono));
    if (aimed.every((one) => one === null)) return false;
    // One that was late is waited for again as soon as its pictures are here: it would never be abreast of those who do not wait.
    const counts = (pane: Pane) => !pane.inGap(to, rate) && (!pane.late || this.#couldShow(pane, to));
    const all = open.every((pane, n) => aimed[n] !== false || !counts(pane));
    if (this.#clock.held) {
      this.#beat.anew();
      // At the beginning each shows its picture as it comes.
      open.forEach((pane, n) => {
        if (aimed[n]) pane.player.show(pane.moment(to), rate, mono);
      });
      return true;
    }
    if (all) this.#beat.ready(mono);
    const there = (at - to) * rate >= 0;
    if (there && all) {
      open.forEach((pane, n) => {
        pane.player.show(pane.moment(to), rate, mono);
        pane.abreast = aimed[n] !== false;
      });
      this.#beat.next(at, rate, mono, this.#edge(open.filter(counts)));
    } else if (there) this.#clock.jump(to, mono);
    return true;
  }

  /** Whether its key frames are here up to a moment, and are decoded. */
  #couldShow({ player }: Pane, at: number): boolean {
    const { furthest, spacing } = player;
    return furthest !== null && (furthest - at) * Math.sign(this.#rate) + spacing >= 0 && player.lag(at) === 0;
  }

  /** Up to which moment key frames are here. */
  #edge(panes: readonly Pane[]): number {
    const back = this.#rate < 0;
    let edge = back ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY;
    for (const { player } of panes) {
      if (player.furthest === null) continue;
      edge = back ? Math.max(edge, player.furthest) : Math.min(edge, player.furthest + player.spacing);
    }
    return edge;
  }

  #explain(at: number, mono: number): void {
    if (at !== this.#stood.at) this.#stood = { at, since: mono };
    const ms = mono - this.#stood.since;
    for (const pane of this.panes) {
      if (this.#rate !== 0 && ms > STANDS_MS) pane.explain(at, this.#rate, ms);
      else delete pane.element.dataset.stands;
    }
  }

  #show = (): void => {
    if (this.#closed) return;
    this.#turn = requestAnimationFrame(this.#show);
    const mono = performance.now();
    const slept = mono - this.#turned - TURN_MS;
    // A player with a clock of its own went on meanwhile.
    if (slept > 0 && !this.#hasOwnClocks()) this.#clock.slip(slept);
    this.#turned = mono;
    const rate = this.#rate;
    const open = this.panes.filter((pane) => pane.opened);
    const [share, best] = this.#paced(open, this.#clock.now(mono), mono);
    const at = this.#clock.now(mono);
    if (modeOf(rate) === "all" || !this.#inBeats(open, at, mono)) this.#each(open, at, rate * share, mono);
    for (const pane of this.panes)
      pane.voice.turn(
        pane.player.shown,
        rate === 1 && !this.#clock.held && pane.opened && !pane.late && !pane.inGap(at, rate),
      );
    const standings = this.panes.map((pane) => pane.standing(at, rate, best));
    const { held } = this.#clock;
    const waited = mono - this.#heldSince;
    const hold = mustHold(this.#waitedFor(standings, at, held ? waited : 0), at, rate, held, waited);
    if (hold && !held) this.#pace.stumble(mono);
    if (hold !== held) {
      this.#clock.hold(hold, mono);
      this.#heldSince = mono;
    }
    if (mono - this.#told >= TELL_MS) {
      this.#told = mono;
      for (const pane of this.panes) pane.tell(at, this.#rate);
      this.#explain(at, mono);
      if (this.at.value !== at) this.at.value = at;
    }
    // From the first picture that has come, shown or not: the gateway would go on by itself while decoders get going, and leave out
    // what is late by its own clock.
    const begun = standings.some((one) => one.gap || one.furthest !== null);
    if (mono - this.#reported >= REPORT_MS && !this.#looking && begun) {
      this.#reported = mono;
      this.#line.reached(at);
    }
  };
}
