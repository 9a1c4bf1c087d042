/** The editor of a code cell: CodeMirror 6 with Python, in the colors of the page. */
import { autocompletion, closeBrackets, closeBracketsKeymap, completionKeymap } from "@codemirror/autocomplete";
import { defaultKeymap, history, historyKeymap, indentWithTab } from "@codemirror/commands";
import { python } from "@codemirror/lang-python";
import { bracketMatching, HighlightStyle, indentOnInput, indentUnit, syntaxHighlighting } from "@codemirror/language";
import { EditorState, Prec } from "@codemirror/state";
import { drawSelection, EditorView, keymap } from "@codemirror/view";
import { classHighlighter, highlightCode, tags } from "@lezer/highlight";
import { parser } from "@lezer/python";

const highlight = HighlightStyle.define([
  { tag: [tags.keyword, tags.operatorKeyword, tags.controlKeyword, tags.definitionKeyword, tags.moduleKeyword], class: "tok-keyword" },
  { tag: [tags.string, tags.special(tags.string)], class: "tok-string" },
  { tag: [tags.number, tags.bool, tags.null, tags.self], class: "tok-number" },
  { tag: tags.comment, class: "tok-comment" },
  { tag: [tags.function(tags.definition(tags.variableName)), tags.definition(tags.className)], class: "tok-definition" },
  { tag: tags.meta, class: "tok-meta" },
]);

export interface EditorEvents {
  changed(text: string): void;
  run(goOn: boolean): void;
  leave(): void;
}

export function makeEditor(text: string, label: string, events: EditorEvents): EditorView {
  return new EditorView({
    doc: text,
    extensions: [
      Prec.highest(keymap.of([
        { key: "Shift-Enter", run: () => { events.run(true); return true; } },
        { key: "Mod-Enter", run: () => { events.run(false); return true; } },
      ])),
      history(),
      drawSelection(),
      indentOnInput(),
      bracketMatching(),
      closeBrackets(),
      autocompletion({ activateOnTyping: false }),
      python(),
      indentUnit.of("    "),
      syntaxHighlighting(highlight),
      EditorState.allowMultipleSelections.of(true),
      keymap.of([...closeBracketsKeymap, ...defaultKeymap, ...historyKeymap, ...completionKeymap, indentWithTab]),
      keymap.of([{ key: "Escape", run: () => { events.leave(); return true; } }]),
      EditorView.contentAttributes.of({ "aria-label": label, tabindex: "0", spellcheck: "false", autocorrect: "off", autocapitalize: "off" }),
      EditorView.updateListener.of((update) => { if (update.docChanged) events.changed(update.state.doc.toString()); }),
    ],
  });
}

/** Color the Python in `<pre><code class="language-python">` of prose, with the classes of the editor. */
export function colorCode(root: HTMLElement): void {
  for (const code of root.querySelectorAll("pre code.language-python")) {
    const text = code.textContent ?? "";
    const pieces = document.createDocumentFragment();
    highlightCode(
      text, parser.parse(text), classHighlighter,
      (piece, classes) => {
        const span = document.createElement("span");
        span.className = classes;
        span.textContent = piece;
        pieces.append(classes ? span : piece);
      },
      () => pieces.append("\n"),
    );
    code.replaceChildren(pieces);
  }
}
