/** What the learner changed, kept in IndexedDB: cell → text. Nothing else of the page is stored. */

export interface Edits {
  /** Whether the browser keeps them when the page is closed. */
  readonly kept: boolean;
  all(lesson: string): Promise<Map<string, string>>;
  put(lesson: string, cell: string, text: string | null): Promise<void>;
}

const STORE = "edits";

/** The edits of a workshop; kept only as long as the page is open where the browser offers no IndexedDB. */
export async function openEdits(workshop: string): Promise<Edits> {
  try {
    const database = await open(`handson-${workshop}`);
    return stored(database);
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

function stored(database: IDBDatabase): Edits {
  const range = (lesson: string) => IDBKeyRange.bound([lesson], [lesson, []]);
  return {
    kept: true,
    async all(lesson) {
      const store = database.transaction(STORE).objectStore(STORE);
      const [keys, values] = await Promise.all([answer(store.getAllKeys(range(lesson))), answer(store.getAll(range(lesson)))]);
      return new Map(keys.map((key, i) => [(key as string[])[1]!, values[i] as string]));
    },
    async put(lesson, cell, text) {
      const store = database.transaction(STORE, "readwrite").objectStore(STORE);
      if (text === null) await answer(store.delete([lesson, cell]));
      else await answer(store.put(text, [lesson, cell]));
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
  };
}
