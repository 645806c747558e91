/** Each rule of `jailyard lint`: its example, where it is found, and the same file mended. */
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import type { Finding } from "@jailyard/lab/lint/finding";
import { lint } from "@jailyard/lab/lint/lint";
import { afterAll, describe, expect, test } from "vitest";

const folder = mkdtempSync(join(tmpdir(), "jailyard-lint-"));
afterAll(() => rmSync(folder, { recursive: true }));
let cases = 0;

type Files = Readonly<Record<string, string>>;

/** In a folder of their own. */
function lintOf(files: Files): Finding[] {
  const place = join(folder, String(cases++));
  mkdirSync(place);
  const paths = Object.keys(files).map((name) => join(place, name));
  for (const [i, text] of Object.values(files).entries()) writeFileSync(paths[i], text);
  return lint(paths);
}

const said = ({ file, line, severity, rule }: Finding): string =>
  `${basename(file)}:${line} ${severity} ${rule}`;

const NEW = "sysvmsg = new; sysvsem = new; sysvshm = new;";
const RACCT = "kern.racct.enable=1\n";
const SERVER = 'exec.start = "postgres max_connections=100";';

interface Case {
  readonly bad: Files;
  readonly found: readonly string[];
  readonly mended: Files;
}

const RULES: Readonly<Record<string, Case>> = {
  "sysvipc-mixed": {
    bad: { "jail.conf": "persist;\nweb {\n  allow.sysvipc;\n  sysvsem = new;\n}\n" },
    found: ["jail.conf:3 warning sysvipc-mixed"],
    mended: { "jail.conf": "persist;\nweb {\n  allow.nosysvipc;\n  sysvsem = new;\n}\n" },
  },
  "inherit-sees-new": {
    bad: { "yard.yaml": "jails:\n  web: {sysvsem: new}\n  db:\n    sysvsem: inherit\n" },
    found: ["yard.yaml:4 warning inherit-sees-new"],
    mended: { "yard.yaml": "jails:\n  web: {sysvsem: new}\n  db:\n    sysvsem: new\n" },
  },
  "inherit-sees-new by the old switch, of all jails": {
    bad: {
      "jail.conf":
        "allow.sysvipc;\nweb { sysvsem = disable; }\ndb { allow.nosysvipc;\n sysvshm; }\n",
    },
    found: ["jail.conf:1 warning sysvipc-mixed", "jail.conf:1 warning inherit-sees-new"],
    mended: { "jail.conf": "web { sysvsem = disable; }\ndb { sysvshm; }\n" },
  },
  "parent-disabled": {
    bad: { "jail.conf": "web { children.max = 1; }\nweb.db {\n  sysvshm = new;\n}\n" },
    found: ["jail.conf:3 error parent-disabled"],
    mended: {
      "jail.conf": "web { sysvshm = new; children.max = 1; }\nweb.db {\n  sysvshm = new;\n}\n",
    },
  },
  "module-absent": {
    bad: {
      "yard.yaml":
        "modules: [sysvshm]\nsettings:\n  kern.ipc.semmni: 60\njails:\n  web:\n    sysvsem: new\n",
    },
    found: ["yard.yaml:3 error module-absent", "yard.yaml:6 error module-absent"],
    mended: {
      "yard.yaml":
        "modules: [sysvsem]\nsettings:\n  kern.ipc.semmni: 60\njails:\n  web:\n    sysvsem: new\n",
    },
  },
  "model-without-modes": {
    bad: { "yard.yaml": "model: flat\njails:\n  web:\n    sysvsem: new\n" },
    found: ["yard.yaml:4 error model-without-modes"],
    mended: { "yard.yaml": "model: disjoint\njails:\n  web:\n    sysvsem: new\n" },
  },
  "unknown-parameter": {
    bad: { "jail.conf": "web {\n  sysvipc = new;\n}\n" },
    found: ["jail.conf:2 error unknown-parameter"],
    mended: { "jail.conf": "web {\n  sysvshm = new;\n}\n" },
  },
  "bad-value": {
    bad: { "jail.conf": "web {\n  sysvsem = private;\n  children.max = x;\n  sysvshm = 3;\n}\n" },
    found: [2, 3, 4].map((line) => `jail.conf:${line} error bad-value`),
    mended: {
      "jail.conf": "$n = 2;\nweb {\n  sysvsem = new;\n  children.max = $n;\n  sysvshm = 1;\n}\n",
    },
  },
  "boot-only": {
    bad: { "sysctl.conf": "# limits\nkern.ipc.semmni=60\nkern.ipc.shmall=9000\nkern.maxproc=99\n" },
    found: ["sysctl.conf:2 error boot-only", "sysctl.conf:4 error boot-only"],
    mended: {
      "loader.conf": 'kern.ipc.semmni="60"\nkern.maxproc=99\n',
      "sysctl.conf": "kern.ipc.shmall=9000\n",
    },
  },
  "unknown-setting": {
    bad: { "loader.conf": "hw.vga.textmode=1\nkern.ipc.semmnx=60\n" },
    found: ["loader.conf:2 error unknown-setting"],
    mended: { "loader.conf": "hw.vga.textmode=1\nkern.ipc.semmns=60\n" },
  },
  "derived-setting": {
    bad: { "loader.conf": "kern.ipc.msgmax=32768\n" },
    found: ["loader.conf:1 error derived-setting"],
    mended: { "loader.conf": "kern.ipc.msgseg=4096\n" },
  },
  "out-of-range": {
    bad: { "loader.conf": "kern.ipc.semmni=70000\nkern.ipc.msgssz=12\nkern.ipc.shmmni=many\n" },
    found: [1, 2, 3].map((line) => `loader.conf:${line} error out-of-range`),
    mended: { "loader.conf": "kern.ipc.semmni=60000\nkern.ipc.msgssz=16\nkern.ipc.shmmni=0x10\n" },
  },
  "set-twice": {
    bad: { "loader.conf": "kern.ipc.semmni=60\nkern.ipc.semmni=70\n" },
    found: ["loader.conf:1 warning set-twice"],
    mended: { "loader.conf": "kern.ipc.semmni=70\n" },
  },
  "rctl-off": {
    bad: { "rctl.conf": "# rules\njail:web:nsem:deny=9\n" },
    found: ["rctl.conf:2 error rctl-off"],
    mended: { "loader.conf": RACCT, "rctl.conf": "jail:web:nsem:deny=9\n" },
  },
  "rctl-no-jail": {
    bad: {
      "loader.conf": RACCT,
      "jail.conf": "web { persist; }\n",
      "rctl.conf": "j:wbe:nsem:deny=9\n",
    },
    found: ["rctl.conf:1 warning rctl-no-jail"],
    mended: {
      "loader.conf": RACCT,
      "jail.conf": "web { persist; }\n",
      "rctl.conf": "j:web:nsem:deny=9\n",
    },
  },
  "rctl-over-host": {
    bad: {
      "loader.conf": RACCT,
      "rctl.conf": "j:a:nsem:deny=200\nj:b:nsem:deny=141\nj:a:shmsize:deny=1g\n",
    },
    found: ["rctl.conf:2 warning rctl-over-host"],
    mended: {
      "loader.conf": RACCT,
      "rctl.conf": "j:a:nsem:deny=200\nj:b:nsem:deny=140\nj:a:shmsize:deny=1g\n",
    },
  },
  "postgres-without-ipc": {
    bad: { "jail.conf": `db {\n sysvsem = new;\n ${SERVER}\n}\n` },
    found: ["jail.conf:3 error postgres-without-ipc"],
    mended: { "jail.conf": `db {\n ${NEW}\n ${SERVER}\n}\n` },
  },
  // The third of FreeBSD's default limits does not fit. [PG-23]
  "postgres-needs-more": {
    bad: {
      "jail.conf": `* { ${NEW} }\n${["a", "b", "c"].map((n) => `${n} {\n ${SERVER}\n}\n`).join("")}`,
    },
    found: ["jail.conf:9 error postgres-needs-more"],
    mended: {
      "jail.conf": `* { ${NEW} }\n${["a", "b", "c"].map((n) => `${n} {\n ${SERVER}\n}\n`).join("")}`,
      "loader.conf": "kern.ipc.semmns=408\n",
    },
  },
  "postgres-needs-more of a segment": {
    bad: {
      "yard.yaml":
        "settings: {kern.ipc.shmmax: 56, kern.ipc.shmall: 2}\njails:\n  db:\n    sysvsem: new\n    sysvshm: new\n" +
        "    programs:\n      - {run: postgres, args: [version=15, shared_memory_type=sysv]}\n",
    },
    found: ["yard.yaml:7 error postgres-needs-more", "yard.yaml:7 error postgres-needs-more"],
    mended: {
      "yard.yaml":
        "settings: {kern.ipc.shmmax: 56, kern.ipc.shmall: 2}\njails:\n  db:\n    sysvsem: new\n    sysvshm: new\n" +
        "    programs:\n      - {run: postgres, args: [version=15], procs: 2}\n",
    },
  },
  "postgres-setting": {
    bad: { "jail.conf": `db { ${NEW}\n exec.start = "postgres max_conections=9";\n}\n` },
    found: ["jail.conf:2 error postgres-setting"],
    mended: { "jail.conf": `db { ${NEW}\n exec.start = "postgres max_connections=9";\n}\n` },
  },
  refused: {
    bad: { "jail.conf": "web {\n  path = $where;\n}\n", "yard.yaml": "name: a\ncolour: red\n" },
    found: ["jail.conf:2 error refused", "yard.yaml:2 error refused"],
    mended: { "jail.conf": "web {\n  path = /w;\n}\n", "yard.yaml": "name: a\n" },
  },
  "refused for its syntax": {
    bad: { "sysctl.conf": "kern.ipc.shmall 9000\n", "jail.conf": "\nweb {\n" },
    found: ["sysctl.conf:1 error refused", "jail.conf:2 error refused"],
    mended: { "sysctl.conf": "kern.ipc.shmall=9000 # pages\n", "jail.conf": "\nweb { }\n" },
  },
};

describe("each rule fires on its example, and is silent once that is mended", () => {
  test.each(Object.entries(RULES))("%s", (_, { bad, found, mended }) => {
    expect(lintOf(bad).map(said)).toEqual(found);
    expect(lintOf(mended).map(said)).toEqual([]);
  });
});

test("a finding says what, why, and what to do", () => {
  const [one] = lintOf(RULES["rctl-over-host"].bad);
  expect(one).toMatchObject({
    what: "the rules let jails have 341 nsem in all, the host has 340 (kern.ipc.semmns=340)",
    why: "a jail that stays within its rule is refused all the same once others have used theirs",
    remedy: "lower the rules, or raise kern.ipc.semmns to 341",
  });
});

test("the examples of the documentation are clean", () => {
  const examples = join(import.meta.dirname, "../../docs/examples");
  const files = readdirSync(examples).filter((name) => /\.(ya?ml|conf)$/.test(name));
  expect(files).toContain("lab.yaml");
  for (const file of files) expect(lint([join(examples, file)])).toEqual([]);
});
