// Python's standard library for the page: what every start needs is compiled once, here.
import { readFileSync } from "node:fs";
import { loadPyodide } from "pyodide";

// What a page has no use for: other programs' protocols and faces, and what needs processes or a terminal.
const LEFT_OUT = [
  "_pyrepl", "doctest", "ensurepip", "ftplib", "idlelib", "imaplib", "lib2to3", "mailbox", "multiprocessing", "poplib", "pydoc", "pydoc_data",
  "smtplib", "sqlite3", "tkinter", "turtle", "turtledemo", "venv", "wsgiref", "xmlrpc",
];

// What the page's Python, handson.lab and handson.pocket import: compiled, with all that these import. The rest stays source, which is smaller.
const IMPORTED = [
  "ast", "asyncio", "base64", "builtins", "codecs", "collections", "contextlib", "copy", "ctypes", "dataclasses", "enum", "errno", "functools", "gzip",
  "hashlib", "html", "importlib.resources", "importlib.util", "inspect", "io", "itertools", "json", "linecache", "math", "operator", "os", "pathlib", "pickle",
  "platform", "random", "re", "shutil", "statistics", "struct", "subprocess", "sys", "tempfile", "textwrap", "time", "tokenize", "tomllib", "traceback",
  "types", "typing", "unicodedata", "warnings", "weakref", "zipfile", "zlib",
];

const COMPILE = `
import importlib, importlib._bootstrap_external as external, io, sys, zipfile

# Those of today's files and of Windows; a page decodes no tapes.
ENCODINGS = set("""__init__ aliases ascii base64_codec charmap cp1250 cp1251 cp1252 cp437 cp850 hex_codec idna iso8859_1 iso8859_15 latin_1
    punycode quopri_codec raw_unicode_escape rot_13 undefined unicode_escape utf_16 utf_16_be utf_16_le utf_32 utf_32_be utf_32_le utf_7
    utf_8 utf_8_sig zlib_codec""".split())
LIBRARY = "/lib/python314.zip/"

def imported(names):
    for name in names:
        importlib.import_module(name)
    files = (getattr(module, "__file__", None) or "" for module in list(sys.modules.values()))
    return {file.removeprefix(LIBRARY).removesuffix("c") for file in files if file.startswith(LIBRARY)}

def compiled(packed, left_out, names):
    wanted = imported(names)
    source, made = zipfile.ZipFile(io.BytesIO(packed)), io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_STORED) as archive:  # compressed as a whole later, which packs better
        for name in sorted(source.namelist()):
            if name.startswith("encodings/") and name[10:-3] not in ENCODINGS:
                continue
            if name.split("/")[0].removesuffix(".py") in left_out or name.endswith("/"):
                continue
            content = source.read(name)
            if name in wanted:
                code = compile(content, LIBRARY + name, "exec", dont_inherit=True)
                # By hash and unchecked (PEP 552): there is no source beside it to compare with.
                name, content = name + "c", external._code_to_hash_pyc(code, b"\\0" * 8, False)
            archive.writestr(zipfile.ZipInfo(name), content)
    return made.getvalue()
`;

/** The zip of compiled modules (Uint8Array), made of npm's python_stdlib.zip by the same Python that will read it. */
export async function compiledLibrary() {
  const pyodide = await loadPyodide();
  pyodide.runPython(COMPILE);
  const packed = pyodide.toPy(new Uint8Array(readFileSync("node_modules/pyodide/python_stdlib.zip")));
  const made = pyodide.globals.get("compiled")(packed, pyodide.toPy(LEFT_OUT), pyodide.toPy(IMPORTED));
  return made.toJs();
}
