/** What `handson kit site` wrote into the page: the workshop, its lessons, and the files that come along. */

export interface Part {
  path: string;
  bytes: number;
}

export interface LessonCard {
  name: string;
  number: number;
  track: string;
  title: string;
  promise: string;
  minutes: number;
  /** Of the small picture beside the page; "" where there is none. */
  picture: string;
  pictureAlt: string;
  /** Whether it runs in this page; otherwise `why` says where it does. */
  here: boolean;
  why: string;
  /** Names in `files` of what has to be there before it runs. */
  assets: string[];
  /** The resource with its cells. */
  script: string;
}

export interface Site {
  name: string;
  title: string;
  version: string;
  agendas: { minutes: number; title: string; lessons: string[] }[];
  lessons: LessonCard[];
  demos: { title: string; promise: string; path: string }[];
  /** Of JupyterLite beside the page; "" where it does not come along. */
  jupyter: string;
  /** Files as scripts that hand over their content (see handson/kit/packing.py), in parts. */
  resources: Record<string, Part[]>;
  /** By asset: absolute path for Python → resource. */
  files: Record<string, Record<string, string>>;
  /** Resources that are zip files to import from. */
  packages: string[];
  /** Text files for Python: absolute path → text. */
  texts: Record<string, string>;
  environment: Record<string, string>;
}

export interface Cell {
  id: string;
  kind: "markdown" | "code";
  source: string;
  /** Of markdown: rendered; pictures are attachment:NAME. */
  html?: string;
  attachments?: Record<string, Record<string, string>>;
  /** Of code. */
  role?: "" | "exercise" | "check";
}

export interface LessonContent {
  name: string;
  cells: Cell[];
  metadata: Record<string, unknown>;
}

export function readSite(): Site {
  return JSON.parse(document.getElementById("site")!.textContent!) as Site;
}
