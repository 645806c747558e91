/**
 * Every tool with missing, extra, impossible and hostile arguments: what it says and exits with is in
 * the files of test/tools/badinput, which `vitest run -u` writes anew. After each it is looked at
 * whether anything has changed; and nothing that is printed speaks to the terminal.
 */
import type { Jail } from "@jailyard/host/jail";
import type { Yard } from "@jailyard/host/yard";
import { TOOLS, type ToolName } from "@jailyard/tools/names";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { tool } from "../support/tool.ts";
import { privateJail, quiet } from "../support/yard.ts";

/** What stands for one of them in a line below; lines with NUM are as many as there are such. */
const ESC = "\u001b[31mred\u0007";
const HUGE = "x".repeat(4000);
const NUM = [
  ...["", " ", "x", "-", "1x", "-2", "0x10001", "1e3", "2147483648", "4294967295", "1\u0000"],
  ...["99999999999999999999", "१"],
];

/** Given to every tool, one by one. */
const ALL = [
  ...["", "-", " ", "\0", "a\0b", ESC, "\u009b2J", "new\nline", "\u202egpj.exe", "é中", HUGE],
  ...["-%", "-\u001b", "-é", "--", "---", "--nonsense", "--json=1", "-=", "-:"],
];

/** Lines of arguments, separated by `;`. They name no object, or one that cannot be had so. */
const OWN: Readonly<Record<ToolName, string>> = {
  ipcs: `-u; -u nobody7; -u ESC; -u ""; -u -1; -C; -N; -j; -j nix; -j ""; -j 99; -j ESC; -j HUGE;
    --output; --output ""; --output id,,key; --output id,nix; --output __proto__;
    --output=constructor; --usage=1; -Q operand; --waits=1; -v -x`,
  ipcrm: `-q NUM; -m NUM; -s NUM; -Q NUM; -M NUM; -S NUM; -q; -M; -j; -j nix -q 65536; -j ESC -W;
    -j "" -W; -j web -j web -W; 65536; -s 4 65536; -j web -M 5; -j web -q NUM; -j web -S NUM;
    --older 10m; --remove; --json; --unused -W; --unused -q 1; --unused=1; --unused --older NUM;
    --unused --older 1.5h; --unused --older 10w; --unused --older m; --unused --older 9999999999d`,
  ipcmk: `""; -M; -M NUM; -S NUM; -Q -k NUM -p 9; -p 600; -Q -p 8; -Q -p 7777; -Q -p ""; -S 100000;
    -M 0; -M 9999T; -Q extra; -Q -k 0xfffffffff; -Q -k -3000000000; -Q -M x; -Q -k ESC; --queue=1;
    --mode; -k 1`,
  ipcns: `-c; -c new; -e 0; -e nix ps; -c "" ps; -c a/b ps; -c HUGE ps; -e ESC ps; -c x nix;
    -c x -e 0 ps; ps; -c new --json ps; -c "x\\u0000y" ps; -e web/nix ps; -qms extra`,
  jail: `-c; -m; -r; -R; -cR name=x; name=x; -c name=; -c name=x; -c name=x nopersist;
    -c name=web persist; -c jid=1 persist; -c jid=NUM name=new persist;
    -c name=new persist children.max=NUM; -c name=new persist sysvsem=private;
    -c name=new persist sysvsem=3; -c name=new persist sysvsem=; -c name=new persist sysvfoo=new;
    -c name=new persist=maybe; -c name=new persist path=HUGE; -c name=HUGE persist;
    -c jid=9 name=8 persist; -c name=a.b.c persist; -c name=. persist; -c name=..x persist;
    -c "name=nul\\u0000x" persist; -c name=new persist path=relative; -c name=new persist dying;
    -c name=new command=nix; -c name=new command=; -c -u nix name=new; -c name=new persist parent=1;
    -c name=new persist __proto__=1; -c name=new persist ESC=ESC; -c name=new persist host.hostname=HUGE;
    -m name=nix persist; -m persist; -m name=web path=/x; -m name=web jid=77; -m name=web sysvsem=9;
    -m jid=1 name=db; -m name=web children.max=-1; -m name=0 persist; -m jid=0 persist; -mr persist=2;
    -f; -e ,; -f /no/such.conf -c; -f / -c; -f x -R; -f x -c -e ,; -r nix; -r 0; -R 99; -r ESC; -r ""; -r -u; -rR ""`,
  jls: `-j; -j nix; -j ""; -j 99; -j -1; -j 0; -j ESC; -j HUGE; -c; -c -j nix; nix; jid nix; __proto__;
    no; sysvfoo; --effective=1; -j nix --json; -j nix --effective`,
  jexec: `web; nix ps; 99 ps; 0 ps; -1 ps; "" ps; ESC ps; HUGE ps; web nix; web ""; web ESC;
    web ../ipcs; web /etc/passwd; web /; web nix.ts; web "a\\u0000.ts"; -u nix web ps; -u;
    -u -1 web ps; -u root -U root web ps; web __proto__; web jexec db ps; web ipcs -Z; web ipcs -j db`,
  ps: `-p; -J; -o; -O; -U; -p NUM; -p 100000; -p ,; -J nix; -J 99; -J ESC; -U nix; -U ESC; -o nix;
    -o ""; -o pid,; -o __proto__; -O nix; -o ESC; -aux 1 x; auxq; 1 2147483648`,
  kill: `-9; -s; -s TERM; -s NIX 101; -NIX 101; -99 101; -32 1; NUM; -l NUM; 0; 1; 99999; -l 1 2;
    -s ESC 1; -s "" 1; -TERM --; -- -x; -0 99999; -s NUM 99999`,
  kldload: `sysvsem; -v sysvsem; sysvfoo; ../sysvsem; /boot/kernel/sysvshm.ko; kernel; -n nix; HUGE`,
  kldunload: `sysvfoo; kernel; -i; -i NUM; -i 99; -i 1; -f sysvsem; -n kernel`,
  kldstat: `-i; -n; -m; -n nix; -m nix; -m kernel; -q -n nix; extra; -i NUM; -m ESC`,
  sysctl: `-a kern.ipc.semmni; nix; kern.ipcx.; kern.ipc=1; kern.ipc.semmni=9; kern.ipc.semvmx=NUM;
    kern.ipc.semvmx=0x; kern.ipc.semvmx=08; kern.ipc.semvmx=--1; kern.ipc.semvmx=65536;
    kern.ipc.semvmx=1;2; kern.ipc.semvmx=ESC; kern.ipc.semusz=1; security.jail.jailed=1; =1; =;
    __proto__; kern.ipc.semmni=; kern.ipc.shmmax=-1; kern.ipc.shmall=9007199254740993;
    debug.kdb.panic=x; nix=1; -e; -n; --boot`,
  rctl: `-a; -r; -l; -u; -a -r x; -a ""; -a :; -a ::::; -a jail:web:nsem:deny; -a jail:web:nsem:deny=;
    -a jail:web:nsem:deny=x; -a jail:web:nsem:deny=-1; -a jail:web:nsem:deny=1.5;
    -a jail:web:nsem:deny=1z; -a jail:web:nsem:deny=99999999999999999999;
    -a jail:web:nsem:deny=1/nix; -a jail:web:nsem:deny=1=2; -a jail:web:nsem:deny=1/jail/jail;
    -a jail:web:nfoo:deny=1; -a jail:web:nsem:explode=1; -a planet:web:nsem:deny=1;
    -a jail::nsem:deny=1; -a user:nix:nsem:deny=1; -a process:99999:nsem:deny=1;
    -a process:x:nsem:deny=1; -a jail:web:nsem:sigterm=1; -a jail:HUGE:nsem:deny=1; -r jail:nix;
    -r a:b:c:d:e; -r jail:web:nfoo; -l jail:web; -l process:99999; -u jail:nix; -u jail:; -u user:nix;
    -u process:0; -u x; nix:web; -u ESC; -a jail:web:nsem:deny=NUM:`,
};

const WORD = /"(?:[^"\\]|\\.)*"|[^\s;]+(?:;\d)?|;/g;

/** The arguments of each line: words are bare, or as in JSON. */
function cases(text: string): string[][] {
  const lines: string[][] = [[]];
  for (const [word] of text.matchAll(WORD)) {
    if (word === ";") lines.push([]);
    else lines.at(-1)!.push(filled(word.startsWith('"') ? JSON.parse(word) : word));
  }
  return lines.flatMap((line) => {
    const numbered = line.some((word) => word.includes("NUM"));
    return numbered ? NUM.map((num) => line.map((word) => word.replace("NUM", num))) : [line];
  });
}

const filled = (word: string): string => word.replaceAll("ESC", ESC).replaceAll("HUGE", HUGE);

let yard: Yard;
let host: Jail;
const program = (name: string): URL => new URL(`programs/${name}.ts`, import.meta.url);

beforeAll(async () => {
  yard = await quiet({ racct: true, model: "disjoint" });
  host = await yard.host;
  for (const name of ["web", "db"]) {
    const jail = await privateJail(yard, name);
    await (await jail.spawn({ module: program("objects") })).exited;
  }
});
afterAll(() => yard.shutdown());

/** What the host sees, in one text. */
async function everything(): Promise<string> {
  const process = await host.spawn({ module: program("everything") });
  const seen = new Promise((resolve) => process.on("record", resolve));
  return JSON.stringify(await seen);
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: none may be there
const CONTROL = /[\0-\x08\x0a-\x1f\x7f-\x9f\u202e]/;

/** A long run of one letter has its length in its place. */
const brief = (text: string): string =>
  text.replace(/(.)\1{99,}/g, (run, one) => `${one}{${run.length}}`);

/** As it could be typed; what does not print, as in JSON. */
function typed(word: string): string {
  if (/^[\w@%+=:,./-]+$/.test(word)) return brief(word);
  return JSON.stringify(brief(word)).replace(
    /[\x7f-\x9f\u202e]/g,
    (one) => `\\u${one.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

describe.each(TOOLS)("%s", (name) => {
  test("says what is wrong, and changes nothing", async () => {
    const before = await everything();
    const session = new Map<string, string[]>();
    for (const args of [[], ...cases(OWN[name]), ...ALL.map((arg) => [arg])]) {
      const { status, out, err } = await tool(host, name, ...args);
      const about = [name, ...args].map(typed).join(" ");
      expect(
        [...out, ...err].filter((line) => CONTROL.test(line)),
        about,
      ).toEqual([]);
      if (status !== 0 && name !== "ps") expect(out, about).toEqual([]); // it has a heading
      if (status !== 0 && !/ -q | -c -j nix$/.test(about)) expect([...out, ...err]).not.toEqual([]);
      const usage = err.filter((line) => !/^ {6,}/.test(line));
      const answer = [...out, ...usage, ...(status === 0 ? [] : [`[exit status ${status}]`])]
        .map((line) =>
          brief(line)
            .trimEnd()
            .replace(/^ *\d{3,}(?= )/, "PID"),
        )
        .join("\n");
      session.set(answer, [...(session.get(answer) ?? []), `$ ${about}`]);
      if ((await everything()) !== before) expect(await everything(), about).toBe(before);
    }
    const text = [...session].map(([answer, typed]) => `${typed.join("\n")}\n${answer}\n`);
    await expect(text.join("\n")).toMatchFileSnapshot(`badinput/${name}.txt`);
  });
});
