/** Checks of single variables. A message follows the name of its variable: «PORT must be …». */
import { z } from 'zod';
import type { LogLevel } from '../kernel/log.ts';

export interface EncryptionKey {
  readonly id: string;
  /** 32 bytes. */
  readonly key: Buffer;
}

export function integerBetween(least: number, most: number): z.ZodType<number, string> {
  const message = `must be a whole number from ${least} to ${most}`;
  return z
    .string()
    .regex(/^\d{1,15}$/, message)
    .transform(Number)
    .refine((value) => value >= least && value <= most, message);
}

export function addressOf(protocols: readonly string[]): z.ZodType<string, string> {
  const message = `must be a URL that starts with ${protocols.map((protocol) => `${protocol}//`).join(' or ')}`;
  return z.string().refine((text) => protocols.includes(URL.parse(text)?.protocol ?? ''), message);
}

export const databaseAddress = addressOf(['postgres:', 'postgresql:']);

export const httpUrl = addressOf(['http:', 'https:']).transform((text) => new URL(text));

export const commaSeparated = z
  .string()
  .transform((text) => text.split(',').map((part) => part.trim()))
  .refine((parts) => parts.every((part) => part !== ''), 'must be a comma-separated list without empty parts');

/** Whom mails are from. */
export interface Mailbox {
  readonly name: string;
  readonly address: string;
}

const DEFAULT_MAIL_NAME = 'Tollgate';

/** `Name <address>`, or the address alone. */
export const mailbox = z.string().transform((text, check): Mailbox => {
  const [, quoted, plain, within, alone] =
    /^(?:(?:"([^"<>\\]*)"|([^"<>\\]*?))\s*<([^\s<>@]+@[^\s<>@]+)>|([^\s<>@"]+@[^\s<>@"]+))$/.exec(text) ?? [];
  const address = within ?? alone;
  // oxlint-disable-next-line no-control-regex
  if (address === undefined || /[\u0000-\u001f\u007f]/.test(text)) {
    check.addIssue({
      code: 'custom',
      message: 'must be an address, or a name and an address: Acme <billing@acme.example>',
    });
    return z.NEVER;
  }
  return { name: (quoted ?? plain ?? '').trim() || DEFAULT_MAIL_NAME, address };
});

export const flag = z
  .enum(['0', '1', 'true', 'false'], 'must be 1 or 0')
  .transform((text) => text === '1' || text === 'true');

export const organizationIds = z.enum(['open', 'claimed'], 'must be open or claimed');

const logLevels = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'] as const;
export const logLevel = z
  .string()
  .refine(
    (text): text is LogLevel => (logLevels as readonly string[]).includes(text),
    `must be one of ${logLevels.join(', ')}`,
  );

export const originList = commaSeparated
  .refine(
    (origins) =>
      origins.every((text) => ['http:', 'https:'].includes(URL.parse(text)?.protocol ?? '') && isBareOrigin(text)),
    'must be comma-separated origins such as https://app.example.com, without paths',
  )
  .transform((origins) => origins.map((text) => new URL(text).origin));

function isBareOrigin(text: string): boolean {
  const url = new URL(text);
  return url.pathname === '/' && url.search === '' && url.hash === '' && url.username === '';
}

export const encryptionKeyList = z.string().transform((text, check): readonly EncryptionKey[] => {
  const keys: EncryptionKey[] = [];
  for (const part of text.split(',')) {
    const [, id, base64] = /^\s*([\w.-]{1,64}):([A-Za-z0-9+/_-]+={0,2})\s*$/.exec(part) ?? [];
    const key = Buffer.from(base64 ?? '', 'base64');
    if (id === undefined || key.length !== 32) {
      check.addIssue({ code: 'custom', message: 'must be id:base64,id:base64 …, each key 32 bytes long' });
      return z.NEVER;
    }
    if (keys.some((other) => other.id === id)) {
      check.addIssue({ code: 'custom', message: 'must not name the same id twice' });
      return z.NEVER;
    }
    keys.push({ id, key });
  }
  return keys;
});
