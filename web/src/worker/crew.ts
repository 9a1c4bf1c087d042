/** Workers that take shares of batches, as Python sees them (see handson/page/crew.py). */

/** Resolves after every message that is waiting now. */
function messagesTaken(): Promise<void> {
  return new Promise((resolve) => {
    const channel = new MessageChannel();
    channel.port1.onmessage = () => resolve();
    channel.port2.postMessage(null);
  });
}

interface Hand {
  port: MessagePort;
  answers: Uint8Array[];
  waiting: ((answer: Uint8Array) => void)[];
  gone: boolean;
}

const NOTHING = () => new Uint8Array(0);

export class Crew {
  private readonly hands: Hand[] = [];
  private asked = false;

  constructor(private readonly wanted: () => void) {}

  /** One more is ready. */
  add(port: MessagePort): void {
    const hand: Hand = { port, answers: [], waiting: [], gone: false };
    port.onmessage = (event: MessageEvent<Uint8Array>) => {
      const next = hand.waiting.shift();
      if (next) next(event.data);
      else hand.answers.push(event.data);
    };
    this.hands.push(hand);
  }

  /** The one that became ready as the `hand`th will answer no more: who waits for it is told by an answer of nothing. */
  gone(hand: number): void {
    const lost = this.hands[hand];
    if (!lost) return;
    lost.gone = true;
    for (const resolve of lost.waiting.splice(0)) resolve(NOTHING());
  }

  ask(): void {
    if (this.asked) return;
    this.asked = true;
    this.wanted();
  }

  size(): number {
    return this.hands.length;
  }

  /** Resolves once the messages that are waiting were taken. */
  look(): Promise<void> {
    return messagesTaken();
  }

  post(worker: number, message: Uint8Array): void {
    this.hands[worker]!.port.postMessage(message, [message.buffer]);
  }

  wait(worker: number): Promise<Uint8Array> {
    const hand = this.hands[worker]!;
    const ready = hand.answers.shift() ?? (hand.gone ? NOTHING() : null);
    return ready ? Promise.resolve(ready) : new Promise((resolve) => hand.waiting.push(resolve));
  }
}
