/** The start of a demo that needs the kernels, which are in its page. */
import { h } from "./dom";
import { Kernels } from "./kernels";
import wasm from "../../../src/handson/pocket/built/pocket.wasm";

const FAILED = "This demo cannot run here: ";
const NEEDS = " It needs a browser of 2023 or later (Chrome 111, Firefox 113, Safari 16.4) with WebAssembly.";

/** Starts a demo with its kernels; what goes wrong is said in the page. */
export function start(main: (kernels: Kernels) => void | Promise<void>): void {
  Kernels.load(wasm)
    .then(main)
    .catch((error: unknown) => {
      const text = FAILED + (error instanceof Error ? error.message : String(error)) + NEEDS;
      document.getElementById("demo")!.prepend(h("p", { class: "trouble", role: "alert" }, text));
      throw error;
    });
}
