/** Which door suits a device: its own Python in the browser needs memory, cores and a keyboard. */
export interface Device { touchOnly: boolean; memory: number | undefined; cores: number | undefined; simd: boolean; narrow: boolean }

// A module with one function that makes a vector of zeros and drops it: valid where WebAssembly has SIMD.
const SIMD = new Uint8Array([0, 97, 115, 109, 1, 0, 0, 0, 1, 4, 1, 96, 0, 0, 3, 2, 1, 0, 10, 9, 1, 7, 0, 65, 0, 253, 15, 26, 11]);

/** What the browser tells of the device; memory in GB (Chromium tells it to secure pages only), undefined where it does not tell. */
export async function seen(): Promise<Device> {
  const more = navigator as Navigator & { deviceMemory?: number };
  return {
    touchOnly: matchMedia("(pointer: coarse)").matches && !matchMedia("(any-pointer: fine)").matches,
    memory: more.deviceMemory,
    cores: navigator.hardwareConcurrency || undefined,
    simd: typeof WebAssembly === "object" && WebAssembly.validate(SIMD),
    narrow: Math.min(screen.width, screen.height) < 600,
  };
}

/**
 * `page` for a laptop that can do it, `seat` for all else: what is not known counts as fine, and a seat is the scarcer thing. Where the
 * class has lessons that run in seats only (`seatsOnly`), it is `seat` for all.
 */
export function recommendedDoor(device: Device, seatsOnly: boolean): "seat" | "page" {
  if (seatsOnly) return "seat";
  if (device.touchOnly || device.narrow || !device.simd) return "seat";
  if (device.memory !== undefined && device.memory < 4) return "seat";
  return device.cores !== undefined && device.cores < 4 ? "seat" : "page";
}
