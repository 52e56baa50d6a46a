/** What mails say (pure). The text says all that the HTML says; neither needs a picture. */
import type { AlertToMail, MailedAlertType } from './alert-to-mail.ts';
import type { StoredContent, StoredItem } from './mail.entity.ts';
import { escapeHtml, formatCredits, formatDay, formatInstant, nameForStrangers, oneLine } from './words.ts';

/** The pace of an entity, for those who may read it. */
export interface Outlook {
  /** Credits that can be spent now. */
  readonly available: bigint;
  /** Mean credits a day over the last seven days. */
  readonly dailyBurn: bigint;
  /** When they run out at that pace; null: not before the period ends. */
  readonly exhaustsAt: Date | null;
}

export interface DigestToWrite {
  /** The name of the installation. */
  readonly installation: string;
  readonly items: readonly (StoredItem & { readonly createdAt: Date })[];
  /** null: the recipient may not read it, or it is not known. */
  readonly outlook: Outlook | null;
  readonly now: Date;
  readonly links: MailedLinks;
}

export interface MailedLinks {
  readonly home: string;
  readonly preferences: string;
  readonly unsubscribe: string;
}

/** News that one mail tells in full; of more it tells the number. */
const MOST_ITEMS = 20;
const LONGEST_MESSAGE = 1_000;

const TITLES: Readonly<Record<MailedAlertType, string>> = {
  WARNING: 'Credits are running low',
  CRITICAL: 'Credits are nearly used up',
  EXHAUSTED: 'Credits are used up',
  RECOVERED: 'Credits are available again',
  OVERAGE_STARTED: 'Use goes on as overage',
  OVERAGE_CAP_REACHED: 'The cap on overage is reached',
  PAYMENT_FAILED: 'A payment failed',
  MEMBER_LIMIT: 'A member is close to their limit',
};

/** The headline of an alert. */
export function titleOf({ type, level }: Pick<AlertToMail, 'type' | 'level'>): string {
  // The limit itself is no warning any more: their use is refused from now on.
  if (type === 'MEMBER_LIMIT' && level !== null && level >= 1) return 'A member has reached their limit';
  return TITLES[type];
}

/** A mail that tells news. */
export function writeDigest({ installation, items, outlook, now, links }: DigestToWrite): StoredContent {
  const newest = items.at(-1);
  if (newest === undefined) throw new Error('a mail without news');
  const name = oneLine(newest.entityName);
  const headline =
    items.length === 1 ? oneLine(newest.title) : `${items.length} alerts, the latest: ${oneLine(newest.title)}`;
  const left = outlook?.available ?? items.findLast(({ available }) => available !== null)?.available ?? null;
  const facts: Fact[] = [
    ...(left === null ? [] : [{ label: 'Balance', value: `${formatCredits(BigInt(left))} credits` }]),
    ...(outlook === null ? [] : paceOf(outlook)),
  ];
  const told = items.slice(-MOST_ITEMS);
  const untold = items.length - told.length;
  const blocks: Block[] = [
    { kind: 'heading', text: `${name}: ${headline}` },
    ...(untold > 0 ? [{ kind: 'paragraph', text: `${untold} earlier alerts are left out here.` } as const] : []),
    {
      kind: 'news',
      items: told.map(({ title, message, createdAt }) => ({
        title: oneLine(title),
        message: oneLine(message, LONGEST_MESSAGE),
        at: formatInstant(createdAt),
      })),
    },
    ...(facts.length > 0 ? [{ kind: 'facts', title: `As of ${formatInstant(now)}`, facts } as const] : []),
    { kind: 'link', text: `Open ${installation}`, url: links.home },
  ];
  return mailOf(`${name}: ${headline}`, blocks, {
    installation,
    why: `You receive this mail because your address receives alerts about ${name}.`,
    links,
  });
}

/** The mail that asks an address if it wants to be mailed. Whoever gets it may never have heard of us. */
export function writeConfirmation({
  installation,
  entityName,
  confirmUrl,
  validUntil,
  links,
}: {
  readonly installation: string;
  readonly entityName: string;
  readonly confirmUrl: string;
  readonly validUntil: Date;
  readonly links: MailedLinks;
}): StoredContent {
  const name = nameForStrangers(entityName) || 'an account';
  const subject = `Confirm that you want alerts from ${installation}`;
  const blocks: Block[] = [
    { kind: 'heading', text: subject },
    {
      kind: 'paragraph',
      text: `Somebody asked that alerts about the credits of ${name} be sent to this address. Nothing is sent until you confirm it.`,
    },
    { kind: 'link', text: 'Confirm this address', url: confirmUrl },
    {
      kind: 'paragraph',
      text: `The link works until ${formatInstant(validUntil)}. If you do not know what this is about, do nothing: no alerts will come.`,
    },
  ];
  return mailOf(subject, blocks, {
    installation,
    why: 'You receive this mail once, because your address was entered.',
    links,
  });
}

function paceOf({ dailyBurn, exhaustsAt, available }: Outlook): Fact[] {
  const end =
    available === 0n
      ? 'used up now'
      : exhaustsAt === null
        ? 'not before the period ends'
        : `about ${formatDay(exhaustsAt)}`;
  return [
    { label: 'Pace', value: `${formatCredits(dailyBurn)} credits a day (mean of seven days)` },
    { label: 'Credits run out', value: end },
  ];
}

interface Fact {
  readonly label: string;
  readonly value: string;
}

type Block =
  | { readonly kind: 'heading' | 'paragraph'; readonly text: string }
  | { readonly kind: 'link'; readonly text: string; readonly url: string }
  | { readonly kind: 'facts'; readonly title: string; readonly facts: readonly Fact[] }
  | { readonly kind: 'news'; readonly items: readonly { title: string; message: string; at: string }[] };

interface Footer {
  readonly installation: string;
  readonly why: string;
  readonly links: MailedLinks;
}

/** The longest subject that mail programs show whole, more or less. */
const LONGEST_SUBJECT = 150;

function mailOf(subject: string, blocks: readonly Block[], footer: Footer): StoredContent {
  const { why, links, installation } = footer;
  const line = oneLine(subject, LONGEST_SUBJECT);
  const text = [
    ...blocks.map(textOf),
    `--\n${why}\nE-mail preferences: ${links.preferences}\nUnsubscribe: ${links.unsubscribe}\n${installation}`,
  ].join('\n\n');
  const html = `<!doctype html>
<html lang="en" dir="ltr">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escapeHtml(line)}</title>
</head>
<body style="margin:0;padding:24px;background-color:#ffffff;color:#1b1b1f;font-family:system-ui,sans-serif;font-size:16px;line-height:1.5">
<main style="max-width:600px;margin:0 auto">
${blocks.map(htmlOf).join('\n')}
</main>
<footer style="max-width:600px;margin:32px auto 0;padding-top:16px;border-top:1px solid #767680;color:#4a4a52;font-size:14px">
<p style="margin:0 0 8px">${bidi(why)}</p>
<p style="margin:0 0 8px">${anchor('E-mail preferences', links.preferences)} · ${anchor('Unsubscribe', links.unsubscribe)}</p>
<p style="margin:0">${bidi(installation)}</p>
</footer>
</body>
</html>
`;
  return { subject: line, text: `${text}\n`, html, unsubscribeUrl: links.unsubscribe };
}

function textOf(block: Block): string {
  switch (block.kind) {
    case 'heading':
    case 'paragraph':
      return block.text;
    case 'link':
      return `${block.text}: ${block.url}`;
    case 'facts':
      return [block.title, ...block.facts.map(({ label, value }) => `${label}: ${value}`)].join('\n');
    case 'news':
      return block.items.map(({ title, message, at }) => `* ${title}\n  ${at}\n  ${message}`).join('\n\n');
  }
}

function htmlOf(block: Block): string {
  switch (block.kind) {
    case 'heading':
      return `<h1 style="margin:0 0 16px;font-size:20px">${bidi(block.text)}</h1>`;
    case 'paragraph':
      return `<p style="margin:0 0 16px">${bidi(block.text)}</p>`;
    case 'link':
      return `<p style="margin:24px 0">${anchor(block.text, block.url)}</p>`;
    case 'facts':
      return `<h2 style="margin:24px 0 8px;font-size:16px">${bidi(block.title)}</h2>
<ul style="margin:0;padding-left:20px">
${block.facts.map(({ label, value }) => `<li>${bidi(`${label}: ${value}`)}</li>`).join('\n')}
</ul>`;
    case 'news':
      return block.items
        .map(
          ({ title, message, at }) => `<h2 style="margin:24px 0 0;font-size:16px">${bidi(title)}</h2>
<p style="margin:0 0 4px;color:#4a4a52;font-size:14px">${bidi(at)}</p>
<p style="margin:0 0 8px">${bidi(message)}</p>`,
        )
        .join('\n');
  }
}

function anchor(text: string, url: string): string {
  return `<a href="${escapeHtml(url)}" style="color:#0b4fb3">${escapeHtml(text)}</a>`;
}

/** Text that somebody chose keeps its own direction and does not turn what stands beside it. */
function bidi(text: string): string {
  return `<bdi>${escapeHtml(text)}</bdi>`;
}
