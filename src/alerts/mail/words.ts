/** Texts that others chose, made safe to stand in a mail (pure). */

/**
 * Line breaks, controls, and the marks that turn the direction of what follows them. The two joiners, which scripts and
 * emoji need, are harmless.
 */
const UNSEEN = /(?![\u200c\u200d])[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu;
const LONGEST_NAME = 80;

/** One line without anything invisible. It can neither end a header nor turn the text around it. */
export function oneLine(text: string, longest = LONGEST_NAME): string {
  const line = text.toWellFormed().replace(UNSEEN, ' ').replace(/\s+/g, ' ').trim();
  const characters = Array.from(line);
  return characters.length <= longest ? line : `${characters.slice(0, longest - 1).join('')}…`;
}

/**
 * A name in a mail to somebody who may never have heard of us. Mail programs make links of what looks like an address, so
 * nothing is left that does: nobody sends a stranger to their page by naming an organization after it.
 */
export function nameForStrangers(name: string): string {
  return oneLine(oneLine(name).replace(/[^\p{L}\p{M}\p{N} '’&,()-]+/gu, ' '));
}

/** Text as HTML shows it. */
export function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}

/** `12,345` */
export function formatCredits(credits: bigint): string {
  return credits.toLocaleString('en-US');
}

/** `14 March 2026, 12:05 UTC` */
export function formatInstant(instant: Date): string {
  return `${formatDay(instant)}, ${instant.toISOString().slice(11, 16)} UTC`;
}

/** `14 March 2026` */
export function formatDay(instant: Date): string {
  return instant.toLocaleDateString('en-GB', { day: 'numeric', month: 'long', year: 'numeric', timeZone: 'UTC' });
}
