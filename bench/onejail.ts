/**
 * A yard with one jail in a process of its own, which answers milliseconds on its standard input
 * with the times of calls, as the programs in native/ do. What scaling.ts measures itself against:
 * nothing that a crowded process slows down slows this one.
 */
import { createInterface } from "node:readline";
import { benchYard, type Variant } from "./bench.ts";
import { privateJail } from "./players.ts";
import { callsIn } from "./scaling.ts";

await using stack = new AsyncDisposableStack();
const variant = JSON.parse(process.argv[2]) as Variant;
const yard = await benchYard(stack, variant);
const calls = await callsIn(stack, await privateJail(yard, "jail1"));
process.on("SIGINT", () => {}); // it ends with its input
for await (const line of createInterface({ input: process.stdin })) {
  process.stdout.write(`${(await calls.round(Number(line))).join(" ")}\n`);
}
