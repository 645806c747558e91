/** Spans of time as people write and read them: `90s`, `10m`, `2h`, `1d`. */

const SECONDS: Readonly<Record<string, number>> = { "": 1, s: 1, m: 60, h: 3600, d: 86400 };

/** Seconds; null for what is no span of time. */
export function secondsOf(text: string): number | null {
  const [, digits, unit] = /^(\d{1,9})([smhd]?)$/.exec(text) ?? [];
  return digits === undefined ? null : Number(digits) * SECONDS[unit];
}

/** `59s`, `12m`, `3h`, `4d`: whole units, the largest that fits. */
export function spanText(seconds: number): string {
  if (seconds >= 2 * SECONDS.d) return `${Math.floor(seconds / SECONDS.d)}d`;
  if (seconds >= 2 * SECONDS.h) return `${Math.floor(seconds / SECONDS.h)}h`;
  if (seconds >= 2 * SECONDS.m) return `${Math.floor(seconds / SECONDS.m)}m`;
  return `${Math.max(0, Math.floor(seconds))}s`;
}
