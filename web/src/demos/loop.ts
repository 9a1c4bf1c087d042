/** Work in slices, so that the page never freezes: each frame computes for `budget` milliseconds, then draws. */
export class Loop {
  /** At most so many steps in a frame; for slow motion. */
  limit = Number.POSITIVE_INFINITY;
  private request = 0;
  private owed = 0;
  private readonly listeners: ((running: boolean) => void)[] = [];

  /**
   * step: one unit of work, a few milliseconds at most; returns false when there is nothing left to do.
   * draw: shows the present state; called after each frame's steps.
   */
  constructor(
    private readonly step: () => boolean | void,
    private readonly draw: () => void,
    private readonly budget = 11,
  ) {}

  get running(): boolean {
    return this.request !== 0;
  }

  onChange(listener: (running: boolean) => void): void {
    this.listeners.push(listener);
    listener(this.running);
  }

  start(): void {
    if (this.running) return;
    if (!performance.getEntriesByName("training").length) performance.mark("training");
    this.request = requestAnimationFrame(this.frame);
    for (const listener of this.listeners) listener(true);
  }

  stop(): void {
    if (!this.running) return;
    cancelAnimationFrame(this.request);
    this.request = 0;
    for (const listener of this.listeners) listener(false);
    this.draw();
  }

  toggle(): void {
    if (this.running) this.stop();
    else this.start();
  }

  /** One step by hand; stops the run. */
  single(): void {
    this.stop();
    this.step();
    this.draw();
  }

  private readonly frame = (): void => {
    this.request = requestAnimationFrame(this.frame);
    const end = performance.now() + this.budget;
    // A limit below one means a step every few frames.
    this.owed = Math.min(this.owed + this.limit, Math.max(1, this.limit));
    while (this.owed >= 1) {
      this.owed -= 1;
      if (this.step() === false) {
        this.stop();
        break;
      }
      if (performance.now() >= end) {
        if (this.owed >= 1) this.owed = 0;
        break;
      }
    }
    if (this.running) this.draw();
  };
}
