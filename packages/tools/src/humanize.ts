/** humanize_number(3) and expand_number(3): amounts with K, M, G, T for powers of 1024. */

const UNITS = ["", "K", "M", "G", "T", "P"] as const;
/** Digits and unit that fit in the five columns that most tools give it. */
const DIGITS_MAX = 9999;

/** `8192`, `16K`, `512M`: rounded, in four digits at most. */
export function humanized(amount: number): string {
  let [value, unit] = [amount, 0];
  while (value > DIGITS_MAX && unit < UNITS.length - 1) {
    value /= 1024;
    unit++;
  }
  return `${Math.round(value)}${UNITS[unit]}`;
}

/** `10m` is 10485760; null for what is no amount. */
export function expanded(text: string): number | null {
  const [, digits, unit] = /^(\d{1,16})([kmgtp]?)b?$/i.exec(text) ?? [];
  if (digits === undefined) return null;
  const amount = Number(digits) * 1024 ** UNITS.indexOf(unit.toUpperCase() as "K");
  return Number.isSafeInteger(amount) ? amount : null;
}
