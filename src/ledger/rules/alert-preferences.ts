/** Alert preferences: what an account's people want to hear of, and where (rule 29). */

/** WARNING and CRITICAL have thresholds that the account's people choose. All others are events. */
export type AlertType =
  | 'WARNING'
  | 'CRITICAL'
  | 'EXHAUSTED'
  | 'OVERAGE_STARTED'
  | 'OVERAGE_CAP_REACHED'
  | 'PAYMENT_FAILED'
  | 'MEMBER_LIMIT'
  | 'RECOVERED';

export type AlertChannel = 'IN_APP' | 'EMAIL' | 'WEBHOOK';

/** One threshold of WARNING or CRITICAL, or one type of event. */
export interface AlertPreference {
  readonly type: AlertType;
  /** Share of the allowance used, in thousandths: 800 is 80 %. null: no threshold by share. */
  readonly perMille: number | null;
  /** Credits left: raised when available falls below it. null: no threshold by what is left. */
  readonly remaining: bigint | null;
  readonly channels: readonly AlertChannel[];
  /** false: silenced. */
  readonly enabled: boolean;
}

/** Every channel, in the order in which preferences name them. */
export const ALERT_CHANNELS: readonly AlertChannel[] = ['IN_APP', 'EMAIL', 'WEBHOOK'];

/** Types without threshold. One that preferences do not name keeps its default. */
export const EVENT_TYPES = [
  'EXHAUSTED',
  'OVERAGE_STARTED',
  'OVERAGE_CAP_REACHED',
  'PAYMENT_FAILED',
  'MEMBER_LIMIT',
  'RECOVERED',
] as const satisfies readonly AlertType[];

const DEFAULT_CHANNELS: readonly AlertChannel[] = ['IN_APP', 'EMAIL'];

/** Thresholds of an account that has set no preferences. */
export const DEFAULT_PREFERENCES: readonly AlertPreference[] = [
  { type: 'WARNING', perMille: 800, remaining: null, channels: DEFAULT_CHANNELS, enabled: true },
  { type: 'CRITICAL', perMille: 950, remaining: null, channels: DEFAULT_CHANNELS, enabled: true },
];

/** The whole allowance, in thousandths. */
export const WHOLE = 1_000;
/** Most preferences of an account: each is compared after every command. */
const MOST_PREFERENCES = 50;
/** No account holds more. */
const MOST_REMAINING = BigInt(Number.MAX_SAFE_INTEGER);

/** Preferences with what they leave to the defaults. null: the account has set none. */
export function effectivePreferences(stored: readonly AlertPreference[] | null): readonly AlertPreference[] {
  const named = stored ?? DEFAULT_PREFERENCES;
  const unnamed = EVENT_TYPES.filter((type) => !named.some((each) => each.type === type));
  return [
    ...named,
    ...unnamed.map((type) => ({ type, perMille: null, remaining: null, channels: DEFAULT_CHANNELS, enabled: true })),
  ];
}

/** The channels of an event. null: it is silenced, and is not raised. */
export function channelsOfEvent(
  stored: readonly AlertPreference[] | null,
  type: (typeof EVENT_TYPES)[number],
): readonly AlertChannel[] | null {
  const named = stored?.find((each) => each.type === type);
  if (named === undefined) return DEFAULT_CHANNELS;
  return isHeard(named) ? named.channels : null;
}

/** Tells if somebody hears of it. An alert without a channel is not raised. */
export function isHeard({ enabled, channels }: AlertPreference): boolean {
  return enabled && channels.length > 0;
}

/** A name that no other preference of the account has, and that stays as long as type and threshold do. */
export function preferenceName({ type, perMille, remaining }: Omit<AlertPreference, 'channels' | 'enabled'>): string {
  if (perMille !== null) return `${type} ${perMille / WHOLE}`;
  return remaining === null ? type : `${type} -${remaining}`;
}

/** The level in thousandths. null: it is no share above 0 and at most 1 with three decimals. */
export function perMilleOf(level: number): number | null {
  const perMille = Math.round(level * WHOLE);
  // Decimals are compared as they are written: 0.29 × 1000 is not 290 in binary fractions.
  return isLevel(perMille) && perMille / WHOLE === level ? perMille : null;
}

/** Preferences in the one form in which they are kept: no other members, channels once each and in order. */
export function ordered(preferences: readonly AlertPreference[]): readonly AlertPreference[] {
  return preferences.map(({ type, perMille, remaining, channels, enabled }) => ({
    type,
    perMille,
    remaining,
    channels: ALERT_CHANNELS.filter((channel) => channels.includes(channel)),
    enabled,
  }));
}

/** What is wrong with preferences, and where: the place in the list and the field there; nothing: the list itself. */
export interface WrongPreferences {
  readonly path: readonly (number | 'level' | 'remaining')[];
  readonly message: string;
}

/** The first thing that is wrong with preferences; null: nothing is. */
export function findWrong(preferences: readonly AlertPreference[]): WrongPreferences | null {
  if (preferences.length > MOST_PREFERENCES) {
    return { path: [], message: `there may be at most ${MOST_PREFERENCES} preferences` };
  }
  const names = new Set<string>();
  for (const [index, preference] of preferences.entries()) {
    const wrong = wrongWith(preference);
    if (wrong !== null) return { ...wrong, path: [index, ...wrong.path] };
    const name = preferenceName(preference);
    if (names.has(name)) return { path: [index], message: `${name} is named twice` };
    names.add(name);
  }
  return null;
}

function wrongWith({ type, perMille, remaining }: AlertPreference): WrongPreferences | null {
  const thresholds = Number(perMille !== null) + Number(remaining !== null);
  if (type !== 'WARNING' && type !== 'CRITICAL') {
    return thresholds === 0 ? null : { path: [], message: `${type} has no threshold` };
  }
  if (thresholds !== 1) return { path: [], message: `${type} names either a level or what remains` };
  if (perMille !== null && !isLevel(perMille)) {
    return { path: ['level'], message: 'level must be above 0 and at most 1, with three decimals' };
  }
  if (remaining !== null && (remaining <= 0n || remaining > MOST_REMAINING)) {
    return { path: ['remaining'], message: 'remaining must be above 0' };
  }
  return null;
}

function isLevel(perMille: number): boolean {
  return Number.isInteger(perMille) && perMille > 0 && perMille <= WHOLE;
}
