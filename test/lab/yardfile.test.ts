/** Files of `jailyard up`: what they may say, and the line of what they may not. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { readYardFile } from "@jailyard/lab/scenario/yardfile";
import { afterAll, describe, expect, test } from "vitest";

const folder = mkdtempSync(join(tmpdir(), "jailyard-yardfile-"));
afterAll(() => rmSync(folder, { recursive: true }));

function read(name: string, text: string): ReturnType<typeof readYardFile> {
  const file = join(folder, name);
  writeFileSync(file, text);
  return readYardFile(file);
}

test("YAML: everything that there is", () => {
  const text = `
name: lab
model: disjoint
late-load: deny
limits: namespace
modules: [sysvshm, sysvmsg]
settings: {kern.ipc.semmni: 64, kern.racct.enable: 1}
jails:
  web:
    allow.sysvipc: false
    programs: [{run: ./a.ts, args: [x, 2], uid: 80, procs: 3}, {run: /b.ts}]
  db:
`;
  expect(read("all.yaml", text)).toEqual({
    name: "lab",
    model: "disjoint",
    lateLoad: "deny",
    limitScope: "namespace",
    modules: ["msg", "shm"],
    settings: { "kern.ipc.semmni": 64, "kern.racct.enable": 1 },
    jails: [
      {
        name: "web",
        params: { "allow.sysvipc": false },
        programs: [
          { module: join(folder, "a.ts"), args: ["x", "2"], uid: 80, procs: 3 },
          { module: "/b.ts", args: [], uid: 0, procs: 1 },
        ],
      },
      { name: "db", params: {}, programs: [] },
    ],
  });
  expect(read("empty.yaml", "")).toEqual({ settings: {}, jails: [] });
});

test("jail.conf: wildcards, includes, variables, and who depends on whom", () => {
  writeFileSync(join(folder, "more.inc"), "db { path = /db; }\n");
  const text = `
.include "*.inc";
web { depend = db, log; path = "/jails/$name"; }
log { host.hostname = "\${path}.$zone"; path = '/$name'; }
web.x { path = /x; } web.x.y { children.max = 1; }
web.* { persist; children.max = 2; }
* { $zone = example; host.hostname = $name.$zone; }
`;
  expect(read("jail.conf", text).jails).toEqual([
    { name: "db", params: { path: "/db", "host.hostname": "db.example" }, programs: [] },
    { name: "log", params: { path: "/$name", "host.hostname": "/$name.example" }, programs: [] },
    { name: "web", params: { path: "/jails/web", "host.hostname": "web.example" }, programs: [] },
    {
      name: "web.x",
      params: { path: "/x", persist: true, "children.max": 2, "host.hostname": "web.x.example" },
      programs: [],
    },
    {
      name: "web.x.y",
      params: { persist: true, "children.max": 1, "host.hostname": "web.x.y.example" },
      programs: [],
    },
  ]);
});

test("jail.conf: the last word on a parameter counts, += adds", () => {
  const text = `persist; * { children.max = 2; }
web { children.max = 5; nopersist; exec.start = "a.ts x y"; exec.start += 'b.ts'; path = /a+b; }
web { sysvsem = new; }`;
  expect(read("jail.conf", text).jails).toEqual([
    {
      name: "web",
      params: { "children.max": 5, persist: false, path: "/a+b", sysvsem: 1 },
      programs: [
        { module: join(folder, "a.ts"), args: ["x", "y"], uid: 0, procs: 1 },
        { module: join(folder, "b.ts"), args: [], uid: 0, procs: 1 },
      ],
    },
  ]);
});

describe("refused with the line", () => {
  test.each<[name: string, text: string, message: RegExp]>([
    ["a.yaml", "name: x\nmodle: flat\n", /a\.yaml:2: there is no setting "modle"; there are name/],
    ["a.yaml", "model: linux\n", /a\.yaml:1: model: it is one of jail-keyed/],
    ["a.yaml", "modules: [sysvfoo]\n", /a\.yaml:1: modules\.0: it is one of sysvmsg/],
    [
      "a.yaml",
      "settings:\n  kern.ipc.semmni: 0\n",
      /:2: settings\.kern\.ipc\.semmni: must be >= 1/,
    ],
    ["a.yaml", "settings:\n  kern.ipc.semusz: 9\n", /:2: there is no setting "kern\.ipc\.semusz"/],
    ["a.yaml", "settings:\n  kern.ipc.msgssz: 9\n", /:2: settings.kern.ipc.msgssz: it is one of 8/],
    ["a.yaml", "jails:\n  w:\n    sysvsme: new\n", /:3: there is no setting "sysvsme".*sysvsem/],
    ["a.yaml", "jails:\n  w:\n    sysvsem: maybe\n", /:3: jails\.w\.sysvsem: it is one of disable/],
    ["a.yaml", "jails:\n  w:\n    programs: [{uid: 1}]\n", /:3: .*must have required .*'run'/],
    ["a.yaml", "jails: {w: , w: }\n", /a\.yaml:1: Map keys must be unique/],
    ["a.yaml", "jails: [w\n", /a\.yaml:2: Flow sequence/],
    ["a.yaml", "- 1\n", /a\.yaml:1: it is no yard: names and values are expected/],
    ["a.conf", "w {\n  mount.devfs;\n}", /a\.conf:2: unknown parameter: mount\.devfs/],
    ["a.conf", "w {\n  parent = 3;\n}", /a\.conf:2: unknown parameter: parent/],
    ["a.conf", "w {\n  sysvsem = maybe;\n}", /a\.conf:2: sysvsem: unknown jailsys value "maybe"/],
    ["a.conf", "w {\n  path = a, b;\n}", /a\.conf:2: path: it takes one value/],
    ["a.conf", "w {\n  path = a, ;\n}", /a\.conf:2: path: write "name;" or/],
    [
      "a.conf",
      "w {\n  exec.stop = a.ts;\n}",
      /a\.conf:2: exec\.stop: up does not run it; .*jail -f/,
    ],
    ["a.conf", "w {\n  depend = x;\n}", /a\.conf:2: depend: there is no jail "x"/],
    ["a.conf", "a { depend = b; }\nb { depend = a; }", /:1: .*wait for each other: a -> b -> a/],
    ["a.conf", "$a = $b; $b = $a;\nw { path = $a; }", /a\.conf:2: the variable a is its own value/],
    ["a.conf", ".include 'x*';\n}", /a\.conf:2: "\}" where a jail/],
    ["a.conf", "\n.include;", /a\.conf:2: write \.include "file";/],
    ["a.conf", '.include "a.conf";', /a\.conf:1: .*a\.conf includes itself/],
    ["a.conf", '.include "nix.conf";', /nix\.conf: no such file/],
    ["a.conf", "w {\n  path = a\n}", /a\.conf:2: path: write "name;" or/],
    ["a.conf", "w {\n  path = $x;\n}", /a\.conf:2: the variable x is not set/],
    ["a.conf", "\nw {\n path = a;\n", /a\.conf:2: "w \{" has no "\}"/],
    ["a.conf", "\n}\n", /a\.conf:2: "\}" where a jail or parameter begins/],
    ["a.conf", "w {\n path = 'a;\n}", /a\.conf:2: a quote or comment does not end/],
    ["a.conf", "w", /a\.conf:1: w: write "name;" or/],
  ])("%s %j", (name, text, message) => {
    expect(() => read(name, text)).toThrow(message);
  });

  test("a file that is not there", () => {
    expect(() => readYardFile(join(folder, "nix.yaml"))).toThrow(/nix\.yaml: no such file$/);
  });
});
