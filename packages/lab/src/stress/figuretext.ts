/** Figures and times as sentences and tables have them. */

/** `1,234` or `0.85`: three digits that count, more only before the point. */
export function figureText(value: number): string {
  if (!Number.isFinite(value)) return "–";
  if (Math.abs(value) >= 100) return Math.round(value).toLocaleString("en-US");
  return String(Number(value.toPrecision(3)));
}

/** A time in the unit that reads best. */
export function timeText(ms: number): string {
  if (!Number.isFinite(ms)) return "–";
  if (ms === 0) return "0";
  if (ms < 1e-3) return `${figureText(ms * 1e6)} ns`;
  if (ms < 1) return `${figureText(ms * 1e3)} µs`;
  if (ms < 10_000) return `${figureText(ms)} ms`;
  return `${figureText(ms / 1000)} s`;
}
