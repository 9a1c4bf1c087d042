/** Kernels for tests under Node. */
import { readFileSync } from "node:fs";
import { Kernels } from "./kernels";

export const testKernels = (): Promise<Kernels> => Kernels.load(readFileSync("../src/handson/pocket/built/pocket.wasm"));
