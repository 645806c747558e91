/**
 * docs/models.md: which call is the same under which model, as calls that were made say, and why not,
 * as the models say.
 */
import {
  MODEL_CALLS,
  MODELS,
  type Model,
  type ModelAbout,
  type ModelCall,
  type ModelName,
} from "./model.ts";
import { modelNamed } from "./models.ts";

const REFERENCE = MODELS[0];
const OTHERS = MODELS.slice(1);

const aboutOf = (name: ModelName): ModelAbout => modelNamed(name).about;

const INTRO = `# Models

A model says who finds and sees which object. \`jailyard run FILE --model NAME\` chooses one, as does
\`boot({ model })\`; \`${REFERENCE}\` is the default, and what the others are compared with here.

Whether a call is the same is found by making it, in five places, under each model; why it is not, each
model's file says (\`packages/kernel/src/model/\`). A test writes this page, and fails where a call differs
for which there is no reason, or has one and does not differ.`;

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

/** Does the call give something else under the model than under the first one? By making it. */
export type Differs = (model: ModelName, call: ModelCall) => boolean;

function matrix(differs: Differs): string {
  const rows = MODEL_CALLS.map((call) => [
    `\`${call}\``,
    ...OTHERS.map((name) => (differs(name, call) ? "differs" : "same")),
  ]);
  return `## Calls\n\nAgainst \`${REFERENCE}\`:\n\n${table(["call", ...OTHERS], rows)}`;
}

/** @throws Error if a call differs and the model does not say why, or the other way round */
function reasonOf(name: ModelName, call: ModelCall, differs: Differs): string | undefined {
  const why = aboutOf(name).differs[call];
  if (differs(name, call) === (why !== undefined)) return why;
  throw new Error(
    `${name}: ${call} ${why === undefined ? "differs, nobody says why" : "is the same"}`,
  );
}

function section(name: ModelName, differs: Differs): string {
  const { system, beside } = aboutOf(name);
  const byReason = new Map<string, string[]>();
  for (const call of MODEL_CALLS) {
    const why = reasonOf(name, call, differs);
    if (why !== undefined) byReason.set(why, [...(byReason.get(why) ?? []), `\`${call}\``]);
  }
  const rows = [...byReason].map(([why, calls]) => [calls.join(", "), why]);
  const notes = beside.map((sentence) => `- ${sentence}`).join("\n");
  const original = notes === "" ? "" : `\n\nBeside its original:\n\n${notes}`;
  return `### ${name}: ${system}\n\n${table(["calls", "why they differ"], rows)}${original}`;
}

/** The whole page. */
export function modelsPage(differs: Differs): string {
  const sections = OTHERS.map((name) => section(name, differs));
  return `${[INTRO, summary(), POLICIES, matrix(differs), ...sections].join("\n\n")}\n`;
}
