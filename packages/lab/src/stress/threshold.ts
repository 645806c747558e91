/**
 * Conditions under which a run fails: `p99(wait)>5ms`, `errors > 0 || throughput < 1000`.
 *
 *   condition  = both { "||" both }         both = relation { "&&" relation }
 *   relation   = sum ( ">" | ">=" | "<" | "<=" | "==" | "!=" ) sum | "(" condition ")"
 *   sum        = product { ("+" | "-") product }     product = value { ("*" | "/") value }
 *   value      = number [ unit ] | figure [ "(" [workload "."] name ")" ] | "(" sum ")"
 *
 * Times are in milliseconds once they have a unit; a plain number is a number.
 */
export class ThresholdError extends Error {
  override readonly name = "SettingsError";
}

/** What a condition can name: with a histogram in parentheses, or without. */
export const TIMES = ["p50", "p90", "p95", "p99", "p99.9", "max", "mean", "count"] as const;
export const OF = ["latency", "service", "lag", "wait"] as const;
export const PLAIN = [
  "operations",
  "throughput",
  "errors",
  "unexpected",
  "missed",
  "wrong",
  "unfairness",
] as const;
export type TimeName = (typeof TIMES)[number];
export type OfName = (typeof OF)[number];
export type PlainName = (typeof PLAIN)[number];

/** One figure that a condition names; workload null: all together. */
export type Figure =
  | { readonly name: TimeName; readonly of: OfName; readonly workload: string | null }
  | { readonly name: PlainName; readonly workload: string | null };
export type Look = (figure: Figure) => number;

export interface Threshold {
  readonly text: string;
  readonly figures: readonly Figure[];
  /** Is it so? Figures that a run does not have are NaN, of which nothing holds. */
  holds(look: Look): boolean;
}

const UNITS: Readonly<Record<string, number>> = { ns: 1e-6, us: 1e-3, µs: 1e-3, ms: 1, s: 1000 };
const TOKEN =
  /\s*(?:(\d+(?:\.\d+)?)(ns|us|µs|ms|s)?\b|(p99\.9|\w+)|(\|\||&&|[<>]=?|[=!]=|[-+*/().]))/uy;

interface Token {
  readonly at: number;
  readonly text: string;
  readonly number: number | null;
}
type Value = (look: Look) => number;
type Test = (look: Look) => boolean;

/** @throws ThresholdError that names the position and what is known */
export function parseThreshold(text: string, workloads: readonly string[]): Threshold {
  return new Parser(text, workloads).threshold();
}

const COMPARE: Readonly<Record<string, (a: number, b: number) => boolean>> = {
  ">": (a, b) => a > b,
  ">=": (a, b) => a >= b,
  "<": (a, b) => a < b,
  "<=": (a, b) => a <= b,
  "==": (a, b) => a === b,
  "!=": (a, b) => a !== b,
};

class Parser {
  readonly #text: string;
  readonly #workloads: readonly string[];
  readonly #tokens: readonly Token[];
  readonly #figures: Figure[] = [];
  #next = 0;

  constructor(text: string, workloads: readonly string[]) {
    this.#text = text;
    this.#workloads = workloads;
    this.#tokens = this.#split();
  }

  threshold(): Threshold {
    const holds = this.#condition();
    const rest = this.#tokens[this.#next];
    if (rest !== undefined) this.#fail(rest.at, `"${rest.text}" is left over`);
    if (this.#figures.length === 0) this.#fail(0, "it names no figure, and says nothing of a run");
    return { text: this.#text, figures: this.#figures, holds };
  }

  #split(): Token[] {
    const tokens: Token[] = [];
    TOKEN.lastIndex = 0;
    const end = this.#text.trimEnd().length;
    for (let at = 0; at < end; at = TOKEN.lastIndex) {
      TOKEN.lastIndex = at;
      const found = TOKEN.exec(this.#text);
      if (found === null) {
        const blanks = /^\s*/.exec(this.#text.slice(at))![0].length;
        return this.#fail(at + blanks, `"${this.#text[at + blanks]}" is nothing that can be here`);
      }
      const [all, digits, unit] = found;
      const text = all.trim();
      const number = digits === undefined ? null : Number(digits) * (unit ? UNITS[unit] : 1);
      tokens.push({ at: TOKEN.lastIndex - text.length, text, number });
    }
    return tokens;
  }

  #fail(at: number, what: string): never {
    const known = `${TIMES.join(", ")} of ${OF.map((of) => `(${of})`).join(", ")}; ${PLAIN.join(", ")}; numbers may have ${Object.keys(UNITS).join(" ")}`;
    throw new ThresholdError(
      `fail: in '${this.#text}' at position ${at + 1}: ${what}; there are ${known}`,
    );
  }

  /** Take the next token if it is one of these. */
  #take(...texts: readonly string[]): string | null {
    const token = this.#tokens[this.#next];
    if (token === undefined || !texts.includes(token.text)) return null;
    this.#next++;
    return token.text;
  }

  #expect(text: string, why: string): void {
    if (this.#take(text) !== null) return;
    const token = this.#tokens[this.#next];
    this.#fail(token?.at ?? this.#text.length, `"${text}" is missing ${why}`);
  }

  #condition(): Test {
    let left = this.#both();
    while (this.#take("||") !== null) {
      const [a, b] = [left, this.#both()];
      left = (look) => a(look) || b(look);
    }
    return left;
  }

  #both(): Test {
    let left = this.#relation();
    while (this.#take("&&") !== null) {
      const [a, b] = [left, this.#relation()];
      left = (look) => a(look) && b(look);
    }
    return left;
  }

  #relation(): Test {
    const start = this.#next;
    if (this.#take("(") !== null && this.#isCondition()) {
      const inner = this.#condition();
      this.#expect(")", "after the condition");
      return inner;
    }
    this.#next = start;
    const left = this.#sum();
    const sign = this.#take(...Object.keys(COMPARE));
    if (sign === null) {
      const token = this.#tokens[this.#next];
      this.#fail(token?.at ?? this.#text.length, "a comparison, as >, is missing");
    }
    const right = this.#sum();
    return (look) => COMPARE[sign](left(look), right(look));
  }

  /** Is there a comparison before this parenthesis closes? */
  #isCondition(): boolean {
    let depth = 0;
    for (const { text } of this.#tokens.slice(this.#next)) {
      if (text === "(") depth++;
      else if (text === ")" && depth-- === 0) return false;
      else if (text in COMPARE) return true;
    }
    return false;
  }

  #sum(): Value {
    let left = this.#product();
    for (let sign = this.#take("+", "-"); sign !== null; sign = this.#take("+", "-")) {
      const [a, b, by] = [left, this.#product(), sign === "+" ? 1 : -1];
      left = (look) => a(look) + by * b(look);
    }
    return left;
  }

  #product(): Value {
    let left = this.#value();
    for (let sign = this.#take("*", "/"); sign !== null; sign = this.#take("*", "/")) {
      const [a, b, divides] = [left, this.#value(), sign === "/"];
      left = (look) => (divides ? a(look) / b(look) : a(look) * b(look));
    }
    return left;
  }

  #value(): Value {
    const token = this.#tokens[this.#next];
    if (token === undefined) return this.#fail(this.#text.length, "a number or figure is missing");
    this.#next++;
    if (token.text === "(") {
      const inner = this.#sum();
      this.#expect(")", "after the sum");
      return inner;
    }
    const { number } = token;
    if (number !== null) return () => number;
    const figure = this.#figure(token);
    this.#figures.push(figure);
    return (look) => look(figure);
  }

  #figure({ at, text }: Token): Figure {
    const isTime = (TIMES as readonly string[]).includes(text);
    if (!isTime && !(PLAIN as readonly string[]).includes(text)) {
      this.#fail(at, `there is no figure "${text}"`);
    }
    if (!isTime && this.#take("(") === null) return { name: text as PlainName, workload: null };
    if (isTime) this.#expect("(", `after ${text}, as in ${text}(wait)`);
    const first = this.#tokens[this.#next++];
    const dotted = isTime ? this.#take(".") !== null : true;
    const workload = dotted ? this.#workload(first) : null;
    const of = isTime && dotted ? this.#tokens[this.#next++] : first;
    if (isTime && !(OF as readonly string[]).includes(of?.text)) {
      this.#fail(of?.at ?? this.#text.length, `"${of?.text ?? ""}" is not measured`);
    }
    this.#expect(")", `after ${text}(`);
    if (isTime) return { name: text as TimeName, of: of.text as OfName, workload };
    return { name: text as PlainName, workload };
  }

  #workload(token: Token | undefined): string {
    if (token !== undefined && this.#workloads.includes(token.text)) return token.text;
    const mix = this.#workloads.join(", ");
    return this.#fail(
      token?.at ?? this.#text.length,
      `workload "${token?.text ?? ""}" is not in the mix (${mix})`,
    );
  }
}
