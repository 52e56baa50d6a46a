import type { AlertType, UsageResource } from '../../gql/graphql.ts';

interface Rate {
  readonly resource: UsageResource;
  readonly units: number;
  readonly credits: number;
}

interface Preference {
  readonly type: AlertType;
  readonly enabled: boolean;
  readonly level: number | null;
  readonly remaining: number | null;
}

/** What credits are worth in tokens alone, or in minutes of compute alone, rounded down. */
export function unitsOf(credits: number, rates: readonly Rate[]): { tokens: number; minutes: number } {
  const unitsFor = (wanted: UsageResource): number => {
    const rate = rates.find(({ resource }) => resource === wanted);
    return rate === undefined ? 0 : Math.floor((credits * rate.units) / rate.credits);
  };
  return { tokens: unitsFor('AI_TOKENS'), minutes: Math.floor(unitsFor('COMPUTE') / 60_000) };
}

/** The shares of the allowance at which an alert is raised: by level, or where so many credits are left. Each once. */
export function alertTicks(preferences: readonly Preference[], allowance: number): number[] {
  const shares = preferences.flatMap(({ enabled, level, remaining }) => {
    if (!enabled) return [];
    if (level !== null) return [level];
    return remaining !== null && allowance > 0 ? [1 - remaining / allowance] : [];
  });
  return [...new Set(shares.filter((share) => share > 0 && share <= 1))].sort((a, b) => a - b);
}
