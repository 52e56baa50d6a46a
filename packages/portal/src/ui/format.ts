/** Numbers and dates in the reader's locale. Pure, so that tests can name a locale. */

const locale = undefined;
const whole = new Intl.NumberFormat(locale);
const short = new Intl.NumberFormat(locale, { notation: 'compact', maximumSignificantDigits: 2 });
const share = new Intl.NumberFormat(locale, { style: 'percent', maximumFractionDigits: 1 });
const dollar = new Intl.NumberFormat(locale, { style: 'currency', currency: 'USD', maximumFractionDigits: 5 });

/** A whole number with its groups: 312,480. */
export function count(value: number): string {
  return whole.format(value);
}

/** A number in a few characters, for axes and rough measures: 3.1M. */
export function roughly(value: number): string {
  return short.format(value);
}

export function percent(ratio: number): string {
  return share.format(ratio);
}

/** US dollars of an amount in dollars, as exact as prices per credit are. */
export function dollars(amount: number): string {
  return dollar.format(amount);
}

const SHAPES = {
  day: { day: 'numeric', month: 'short', year: 'numeric' },
  dayName: { day: 'numeric', month: 'long' },
  hour: { hour: '2-digit', minute: '2-digit' },
  minute: { day: 'numeric', month: 'short', hour: '2-digit', minute: '2-digit' },
  second: { day: 'numeric', month: 'short', year: 'numeric', hour: '2-digit', minute: '2-digit', second: '2-digit' },
} satisfies Record<string, Intl.DateTimeFormatOptions>;

export type DateShape = keyof typeof SHAPES;

/** A date in words. In UTC it says so where it names a time of day. */
export function dateIn(value: string | Date, shape: DateShape, { utc }: { readonly utc: boolean }): string {
  const zone = utc ? ({ timeZone: 'UTC' } as const) : {};
  const named = utc && 'minute' in SHAPES[shape] ? ({ timeZoneName: 'short' } as const) : {};
  return new Intl.DateTimeFormat(locale, { ...SHAPES[shape], ...zone, ...named }).format(new Date(value));
}

/** The reader's own time zone, or UTC. The API sums days by it, so that a bar is the day that its label says. */
export function timeZoneOf({ utc }: { readonly utc: boolean }): string {
  return utc ? 'UTC' : Intl.DateTimeFormat().resolvedOptions().timeZone;
}
