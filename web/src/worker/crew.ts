/** Workers that take shares of batches, as Python sees them (see handson/page/crew.py). */

/** Resolves after every message that is waiting now. */
function messagesTaken(): Promise<void> {
  return new Promise((resolve) => {
    const channel = new MessageChannel();
    channel.port1.onmessage = () => resolve();
    channel.port2.postMessage(null);
  });
}

/**
 * One end of the way between two workers. A message goes in the buffer that the last one came in, where it is large
 * enough: new memory is slow the first time it is written.
 */
export class Line {
  private readonly come: Uint8Array<ArrayBuffer>[] = [];
  private readonly waiting: ((bytes: number) => void)[] = [];
  private spare = new ArrayBuffer(0);
  private gone = false;

  /** `memory` is Python's; `told` hears the length of each message that nobody waits for. */
  constructor(private readonly port: MessagePort, private readonly memory: () => Uint8Array, told: (bytes: number) => void = () => {}) {
    port.onmessage = ({ data }: MessageEvent<Uint8Array<ArrayBuffer>>) => {
      this.come.push(data);
      const next = this.waiting.shift();
      (next ?? told)(data.length);
    };
  }

  post(address: number, bytes: number): void {
    const message = new Uint8Array(this.spare.byteLength < bytes ? new ArrayBuffer(bytes) : this.spare, 0, bytes);
    this.spare = new ArrayBuffer(0);
    message.set(this.memory().subarray(address, address + bytes));
    this.port.postMessage(message, [message.buffer]);
  }

  /** The length of the earliest message that was not taken; 0 where there will be none any more. */
  wait(): Promise<number> {
    const bytes = this.come[0]?.length ?? (this.gone ? 0 : null);
    return bytes === null ? new Promise((resolve) => this.waiting.push(resolve)) : Promise.resolve(bytes);
  }

  take(address: number): void {
    const message = this.come.shift()!;
    this.memory().set(message, address);
    this.spare = message.buffer;
  }

  /** Nothing more will come: who waits is told so. */
  end(): void {
    this.gone = true;
    for (const resolve of this.waiting.splice(0)) resolve(0);
  }
}

export class Crew {
  private readonly lines: Line[] = [];
  private asked = false;

  constructor(private readonly wanted: () => void, private readonly memory: () => Uint8Array) {}

  /** One more is ready. */
  add(port: MessagePort): void {
    this.lines.push(new Line(port, this.memory));
  }

  /** The one that became ready as the `hand`th will answer no more. */
  gone(hand: number): void {
    this.lines[hand]?.end();
  }

  ask(): void {
    if (this.asked) return;
    this.asked = true;
    this.wanted();
  }

  size(): number {
    return this.lines.length;
  }

  /** Resolves once the messages that are waiting were taken. */
  look(): Promise<void> {
    return messagesTaken();
  }

  line(worker: number): Line {
    return this.lines[worker]!;
  }
}
