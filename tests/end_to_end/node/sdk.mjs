// The official SDK, from beside this file or from $NODE_PATH, which imports alone do not look at.
import { createRequire } from "node:module";

/** The SDK's module. Throws with code MODULE_NOT_FOUND where it is not installed. */
export function load() {
  return createRequire(import.meta.url)("openai");
}
