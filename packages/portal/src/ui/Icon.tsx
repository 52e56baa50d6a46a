import type { ReactNode } from 'react';

/** Drawn on 16 × 16 with one stroke. They are decoration: a word always stands beside them or names the button. */
const PATHS = {
  balance: 'M2 13.5h12M3.5 11V7M8 11V3M12.5 11V5.5',
  usage: 'M2 12.5l3.5-4 3 2.5L14 4',
  ledger: 'M4 2h8v12l-2-1.3L8 14l-2-1.3L4 14zM6.2 5.5h3.6M6.2 8.5h3.6',
  key: 'M9.5 6.5a3.5 3.5 0 1 0-2.4 3.3L8.5 11H10v1.5h1.5V14H14v-2.2L9.3 7.2',
  bell: 'M3.5 11.5h9L11.3 9.8V7a3.3 3.3 0 0 0-6.6 0v2.8zM6.7 13.5h2.6',
  plan: 'M2 4.5h12v8H2zM2 7h12',
  people:
    'M6 7.5a2.3 2.3 0 1 0 0-4.6 2.3 2.3 0 0 0 0 4.6M1.8 13.2c.3-2.4 1.9-3.8 4.2-3.8s3.9 1.4 4.2 3.8M10.5 3.2a2.2 2.2 0 0 1 0 4.1M11.7 9.7c1.5.5 2.3 1.7 2.5 3.5',
  book: 'M3 3h4.2L8 3.8 8.8 3H13v9.5H8.8L8 13l-.8-.5H3zM8 3.8V13',
  gate: 'M2.5 13.5V4.5h11v9M2.5 7.5h11M8 7.5v6',
  more: 'M3.5 8h.01M8 8h.01M12.5 8h.01',
  check: 'M3 8.5l3.2 3.2L13 4.8',
  warn: 'M8 2.5l6 11H2zM8 6.5v3.2M8 11.6h.01',
  stop: 'M8 14A6 6 0 1 0 8 2a6 6 0 0 0 0 12M5.8 5.8l4.4 4.4M10.2 5.8l-4.4 4.4',
  info: 'M8 14A6 6 0 1 0 8 2a6 6 0 0 0 0 12M8 7.4v3.4M8 5.2h.01',
  pause: 'M5.8 4v8M10.2 4v8',
  clock: 'M8 14A6 6 0 1 0 8 2a6 6 0 0 0 0 12M8 4.8V8l2.2 1.6',
  copy: 'M5.5 5.5h7v8h-7zM3.5 10.5v-8h7',
  close: 'M4 4l8 8M12 4l-8 8',
  updown: 'M5 6.2L8 3.2l3 3M5 9.8l3 3 3-3',
  sun: 'M8 10.8a2.8 2.8 0 1 0 0-5.6 2.8 2.8 0 0 0 0 5.6M8 1.5v1.3M8 13.2v1.3M1.5 8h1.3M13.2 8h1.3M3.4 3.4l.9.9M11.7 11.7l.9.9M3.4 12.6l.9-.9M11.7 4.3l.9-.9',
} as const;

export type IconName = keyof typeof PATHS;

export function Icon({ name }: { readonly name: IconName }): ReactNode {
  return (
    <svg className="icon" viewBox="0 0 16 16" width="16" height="16" aria-hidden="true" focusable="false">
      <path
        d={PATHS[name]}
        fill="none"
        stroke="currentColor"
        strokeWidth="1.5"
        strokeLinecap="round"
        strokeLinejoin="round"
      />
    </svg>
  );
}
