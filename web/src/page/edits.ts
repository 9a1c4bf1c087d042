/**
 * What the learner changed, kept in IndexedDB: cell → text. What was typed just before the page goes is written to
 * localStorage, which does not take its time, and taken over from there at the next visit. Nothing else of the page is stored.
 */

export interface Edits {
  /** Whether the browser keeps them when the page is closed. */
  readonly kept: boolean;
  all(lesson: string): Promise<Map<string, string>>;
  put(lesson: string, cell: string, text: string | null): Promise<void>;
  /** The same, done when it returns, where the browser can, and until the next `put` of the cell is done. */
  putAtOnce(lesson: string, cell: string, text: string | null): void;
}

const STORE = "edits";

/** The edits of a workshop; kept only as long as the page is open where the browser offers no IndexedDB. */
export async function openEdits(workshop: string): Promise<Edits> {
  try {
    const database = await open(`handson-${workshop}`);
    const edits = stored(database, localEdits(`handson-${workshop}:`));
    await edits.takeOver();
    return edits;
  } catch {
    return forgotten();
  }
}

function open(name: string): Promise<IDBDatabase> {
  return new Promise((resolve, reject) => {
    const request = indexedDB.open(name, 1);
    request.onupgradeneeded = () => request.result.createObjectStore(STORE);
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
    request.onblocked = () => reject(new Error("blocked"));
  });
}

function answer<T>(request: IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}

/** Texts in localStorage, by lesson and cell; where the browser has none, or no room in it, nothing is kept. */
function localEdits(prefix: string) {
  const key = (lesson: string, cell: string) => prefix + JSON.stringify([lesson, cell]);
  const tried = <T>(act: () => T, otherwise: T): T => {
    try {
      return act();
    } catch {
      return otherwise;
    }
  };
  return {
    all: () => tried(() => Object.keys(localStorage).filter((one) => one.startsWith(prefix)).map((one) => (
      { place: JSON.parse(one.slice(prefix.length)) as [string, string], text: JSON.parse(localStorage.getItem(one)!) as string | null }
    )), []),
    at: (lesson: string, cell: string) => tried(() => localStorage.getItem(key(lesson, cell)), null),
    put: (lesson: string, cell: string, text: string | null) => tried(() => localStorage.setItem(key(lesson, cell), JSON.stringify(text)), undefined),
    remove: (lesson: string, cell: string) => tried(() => localStorage.removeItem(key(lesson, cell)), undefined),
  };
}

function stored(database: IDBDatabase, local: ReturnType<typeof localEdits>): Edits & { takeOver(): Promise<void> } {
  const range = (lesson: string) => IDBKeyRange.bound([lesson], [lesson, []]);
  return {
    kept: true,
    async takeOver() {
      for (const { place, text } of local.all()) await this.put(...place, text).catch(() => {}); // it stays there
    },
    putAtOnce: local.put,
    async all(lesson) {
      const store = database.transaction(STORE).objectStore(STORE);
      const [keys, values] = await Promise.all([answer(store.getAllKeys(range(lesson))), answer(store.getAll(range(lesson)))]);
      return new Map(keys.map((key, i) => [(key as string[])[1]!, values[i] as string]));
    },
    async put(lesson, cell, text) {
      const before = local.at(lesson, cell);
      const store = database.transaction(STORE, "readwrite").objectStore(STORE);
      if (text === null) await answer(store.delete([lesson, cell]));
      else await answer(store.put(text, [lesson, cell]));
      if (local.at(lesson, cell) === before) local.remove(lesson, cell); // otherwise it is newer
    },
  };
}

function forgotten(): Edits {
  const edits = new Map<string, Map<string, string>>();
  return {
    kept: false,
    async all(lesson) { return new Map(edits.get(lesson)); },
    async put(lesson, cell, text) {
      const mine = edits.get(lesson) ?? new Map<string, string>();
      edits.set(lesson, mine);
      if (text === null) mine.delete(cell);
      else mine.set(cell, text);
    },
    putAtOnce() {}, // `put` is at once
  };
}
