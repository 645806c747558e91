#!/usr/bin/env node
import { catchSignals } from "./interrupt.ts";
import { main } from "./main.ts";

catchSignals();
process.exitCode = await main(process.argv.slice(2));
