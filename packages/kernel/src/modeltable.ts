/** docs/models.md: which call is the same under which model, and why not, as the models say it. */
import { MODEL_CALLS, MODELS, type Model, type ModelAbout, type ModelName } from "./model.ts";
import { modelNamed } from "./models.ts";

const REFERENCE = MODELS[0];
const OTHERS = MODELS.slice(1);

const aboutOf = (name: ModelName): ModelAbout => modelNamed(name).about;

const INTRO = `# Models

A model says who finds and sees which object. \`jailyard run FILE --model NAME\` chooses one, as does
\`boot({ model })\`; \`${REFERENCE}\` is the default, and what the others are compared with here.

This page is written from the models' own files (\`packages/kernel/src/model/\`). A test makes each call
under each model, sees where the outcome differs from \`${REFERENCE}\`, and holds the table to it.`;

const POLICIES = `## Policies

Two choices are independent of the model. Each has one default, so that models differ by nothing else.

- \`--late-load\`, \`boot({ lateLoad })\`: what jails get that were there before a module was loaded.
  - \`freebsd\` (default): a jail with \`allow.sysvipc\` shares with the host, or has its own where the model
    shares nothing; the others get nothing.
  - \`deny\`: nothing. The jail is flagged, mechanism by mechanism, until \`jail -m\` sets \`allow.sysvipc\` or
    \`sysv*\`.
  - \`create\`: what a jail gets that is made now.
- \`--limits\`, \`boot({ limitScope })\`: whose use counts against semmni, semmns, shmmni, shmall and msgmni.
  - \`host\` (default): everybody's.
  - \`namespace\`: that of one key space, each with all of the limits. The message pool (msgtql, msgseg), undo
    structures and what counts by process are as under \`host\`.

An unload is refused with EBUSY while there is an object anywhere. After it every jail is one that was
there before the next load.`;

const row = (cells: readonly string[]): string => `| ${cells.join(" | ")} |`;
const table = (head: readonly string[], rows: readonly (readonly string[])[]): string =>
  [row(head), row(head.map(() => "---")), ...rows.map(row)].join("\n");

function summary(): string {
  const rows = MODELS.map((name) => {
    const { system, lateLoad, limits } = aboutOf(name);
    return [
      `\`${name}\``,
      system,
      parameters(modelNamed(name)),
      `\`${lateLoad}\``,
      `\`${limits}\``,
    ];
  });
  const head = [
    "model",
    "after",
    "how a jail gets a name space",
    "late load there",
    "limits there",
  ];
  return `${table(head, rows)}\n\nThe last two columns are the policies that would be the original's own.`;
}

function parameters({ jailsys, spaces, hasSwitch }: Model): string {
  if (hasSwitch) return "security.jail.sysvipc_allowed or allow.sysvipc opens the one there is";
  if (jailsys !== null) {
    const byCall = spaces?.byCall === true ? ", or ipcns_create(2)" : "";
    return `sysvmsg, sysvsem, sysvshm${byCall}`;
  }
  return spaces === null ? "it has one" : "its path";
}

function matrix(): string {
  const rows = MODEL_CALLS.map((call) => [
    `\`${call}\``,
    ...OTHERS.map((name) => (aboutOf(name).differs[call] === undefined ? "same" : "differs")),
  ]);
  return `## Calls\n\nAgainst \`${REFERENCE}\`:\n\n${table(["call", ...OTHERS], rows)}`;
}

function section(name: ModelName): string {
  const { system, differs, beside } = aboutOf(name);
  const byReason = new Map<string, string[]>();
  for (const call of MODEL_CALLS) {
    const why = differs[call];
    if (why !== undefined) byReason.set(why, [...(byReason.get(why) ?? []), `\`${call}\``]);
  }
  const rows = [...byReason].map(([why, calls]) => [calls.join(", "), why]);
  const notes = beside.map((sentence) => `- ${sentence}`).join("\n");
  const original = notes === "" ? "" : `\n\nBeside its original:\n\n${notes}`;
  return `### ${name}: ${system}\n\n${table(["calls", "why they differ"], rows)}${original}`;
}

/** The whole page. */
export const modelsPage = (): string =>
  `${[INTRO, summary(), POLICIES, matrix(), ...OTHERS.map(section)].join("\n\n")}\n`;
