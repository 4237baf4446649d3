/** The loops read the clock at moments of their own, and a clock that is kept right is moved by little. */
const SLACK_MS = 10_000;

/** Notices that the clock was set back: what is due by the time that it once showed would wait for it to come again. */
export class Setback {
  #latest: number;

  /** `latest`: the latest instant that is stored. */
  constructor(latest: number) {
    this.#latest = latest;
  }

  /** By how much the clock was set back; 0 as a rule. */
  by(now: number): number {
    const back = this.#latest - now;
    return back > SLACK_MS ? back : 0;
  }

  /** Everything that is stored goes by this clock now. */
  saw(now: number): void {
    this.#latest = this.by(now) > 0 ? now : Math.max(this.#latest, now);
  }
}
