/** Files as a description with lines: YAML of `jailyard up`, jail.conf, loader.conf, sysctl.conf, rctl.conf. */
import { type ConfJail, lastWords } from "@jailyard/abi/jailconf";
import { EXEC_PARAMS } from "@jailyard/abi/jailorder";
import { FACILITIES } from "@jailyard/abi/types";
import { MODELS } from "@jailyard/kernel/model";
import { LIMIT_SCOPES } from "@jailyard/kernel/usage";
import { isMap, isScalar, isSeq, LineCounter, type Pair, parseDocument, type YAMLMap } from "yaml";
import { textOf } from "../checkedyaml.ts";
import { hostFileOf, readHostSettings, readRctlConf } from "../scenario/hostconf.ts";
import { readJailConf, writtenJails } from "../scenario/jailconf.ts";
import { readYardFile } from "../scenario/yardfile.ts";
import type { Described, DescribedJail, Param, Program } from "./described.ts";

/** @throws SettingsError for a file that cannot be read, or whose syntax is wrong, with the line */
export function describe(file: string): Partial<Described> {
  const kind = hostFileOf(file);
  if (kind === "rctl") return { rules: readRctlConf(file) };
  if (kind !== null) return { settings: readHostSettings(file, kind) };
  if (file.endsWith(".conf")) {
    return { jails: writtenJails(file).map(fromJailConf) };
  }
  return new YardYaml(file).describe();
}

/** What the command that uses the file would refuse, up or jail(8). @throws SettingsError with the line */
export function readAsUp(file: string): void {
  if (hostFileOf(file) !== null) return;
  if (file.endsWith(".conf")) readJailConf(file, "skipped");
  else readYardFile(file);
}

const START = "exec.start";

/** A variable that is not set stays as it is: the file is refused for it. */
function fromJailConf({ name, file, line, settings }: ConfJail): DescribedJail {
  const params: Param[] = [];
  for (const { name: param, values, file: from, line: at } of settings) {
    if (EXEC_PARAMS.has(param) || param === "depend") continue;
    params.push({ name: param, value: values?.join(",") ?? null, file: from, line: at });
  }
  const start = lastWords(settings).get(START);
  const programs: Program[] = (start?.values ?? []).map((command) => {
    const [run, ...args] = command.trim().split(/\s+/);
    return { run, args, procs: 1, file: start!.file, line: start!.line };
  });
  return { name, file, line, params, programs };
}

/** The tree of a YAML file, whether the schema knows what it says or not. */
class YardYaml {
  readonly #file: string;
  readonly #lines = new LineCounter();
  readonly #root: unknown;

  constructor(file: string) {
    this.#file = file;
    const options = { lineCounter: this.#lines, prettyErrors: false };
    this.#root = parseDocument(textOf(file), options).contents;
  }

  describe(): Partial<Described> {
    const top = new Map(this.#pairs(this.#root).map((pair) => [String(pair.key), pair.value]));
    const word = <T extends string>(name: string, words: readonly T[]): T | undefined =>
      words.find((one) => one === String(top.get(name)));
    const model = word("model", MODELS);
    const limitScope = word("limits", LIMIT_SCOPES);
    const modules = top.get("modules");
    const loaded = isSeq(modules) ? modules.items.map(String) : null;
    return {
      ...(model && { model }),
      ...(limitScope && { limitScope }),
      ...(loaded && { modules: FACILITIES.filter((f) => loaded.includes(`sysv${f}`)) }),
      settings: this.#pairs(top.get("settings")).map((pair) => ({
        name: String(pair.key),
        value: String(pair.value),
        when: "boot" as const,
        ...this.#place(pair.key),
      })),
      jails: this.#pairs(top.get("jails")).map((pair) => this.#jail(pair)),
    };
  }

  #pairs(node: unknown): Pair[] {
    return isMap(node) ? (node as YAMLMap).items : [];
  }

  #place(node: unknown): { file: string; line: number } {
    const at = isScalar(node) || isMap(node) ? (node.range?.[0] ?? 0) : 0;
    return { file: this.#file, line: this.#lines.linePos(at).line };
  }

  #jail({ key, value }: Pair): DescribedJail {
    const params: Param[] = [];
    const programs: Program[] = [];
    for (const pair of this.#pairs(value)) {
      const name = String(pair.key);
      if (name !== "programs") {
        params.push({ name, value: String(pair.value), ...this.#place(pair.key) });
      } else if (isSeq(pair.value)) {
        for (const one of pair.value.items) programs.push(this.#program(one));
      }
    }
    return { name: String(key), params, programs, ...this.#place(key) };
  }

  #program(node: unknown): Program {
    const parts = new Map(this.#pairs(node).map(({ key, value }) => [String(key), value]));
    const args = parts.get("args");
    return {
      run: String(parts.get("run") ?? ""),
      args: isSeq(args) ? args.items.map(String) : [],
      procs: Number(parts.get("procs") ?? 1),
      ...this.#place(node),
    };
  }
}
