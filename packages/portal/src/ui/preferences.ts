import { useSyncExternalStore } from 'react';
import { createStore } from '../live/store.ts';

export type Theme = 'system' | 'light' | 'dark';

/** How this browser shows things. */
export interface Preferences {
  readonly theme: Theme;
  /** Shows every date in UTC. */
  readonly utc: boolean;
}

const COOKIE = 'tollgate-view';
const YEAR_S = 31_536_000;
const preferences = createStore<Preferences>(readCookie(document.cookie));
const system = matchMedia('(prefers-color-scheme: dark)');

/** The preferences; whoever reads them is drawn anew when they change. */
export function usePreferences(): Preferences {
  return useSyncExternalStore(preferences.subscribe, preferences.get);
}

/** Changes some, and keeps them in a cookie for a year. */
export function setPreferences(change: Partial<Preferences>): void {
  const next = { ...preferences.get(), ...change };
  document.cookie = `${COOKIE}=${next.theme}.${next.utc ? 'utc' : 'local'}; path=/; max-age=${YEAR_S}; samesite=lax`;
  preferences.set(next);
  showTheme();
}

/** Follows the system where no theme is chosen. The first theme was put on the document by public/theme.js. */
export function followSystemTheme(): void {
  system.addEventListener('change', showTheme);
}

function showTheme(): void {
  const { theme } = preferences.get();
  document.documentElement.dataset['theme'] = theme === 'system' ? (system.matches ? 'dark' : 'light') : theme;
}

function readCookie(cookies: string): Preferences {
  const [, theme, zone] = /(?:^|; )tollgate-view=(system|light|dark)\.(utc|local)/.exec(cookies) ?? [];
  return { theme: (theme as Theme | undefined) ?? 'system', utc: zone === 'utc' };
}
