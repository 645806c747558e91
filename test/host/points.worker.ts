/**
 * The entry of jails' threads with points at which they can die: what boot() would have started is
 * loaded in it. Started by support/pointyard.ts.
 */
import { createRequire } from "node:module";
import { instrumented, watch } from "../support/instrument.ts";

const entry = process.env.JAILYARD_TEST_ENTRY;
if (entry === undefined) throw new Error("JAILYARD_TEST_ENTRY names no entry of jails' threads");
const load = createRequire(import.meta.url);
const loaded: unknown = instrumented(() => load(entry));
globalThis.watchPoints = watch; // programs load this module as another instance than the entry

export default typeof loaded === "function" ? loaded : (loaded as { default: unknown }).default;
