/** Secrets that local mode makes where none are given. It keeps them in its directory, readable by their owner alone. */
import { randomBytes } from 'node:crypto';
import { link, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import type { Config } from '../config/config.ts';
import type { EncryptionKey } from '../config/values.ts';

const ENCRYPTION_KEY_FILE = 'encryption-key';

/** A secret that signs tokens. Where it cannot be kept, it lives as long as the process, and so do the tokens. */
export function localJwtSecret({ dataDir }: Pick<Config, 'dataDir'>): Promise<string> {
  const made = randomBytes(32).toString('base64url');
  return keptOr(join(resolve(dataDir), 'jwt-secret'), made).catch(() => made);
}

/** A secret that seals the portal's sessions. Where it cannot be kept, people sign in again after a restart. */
export function localSessionSecret({ dataDir }: Pick<Config, 'dataDir'>): Promise<string> {
  const made = randomBytes(32).toString('base64url');
  return keptOr(join(resolve(dataDir), 'session-secret'), made).catch(() => made);
}

/** The keys that are given, or one that is made and kept, since what it encrypts outlives the process. */
export async function encryptionKeysOf({
  encryptionKeys,
  dataDir,
}: Pick<Config, 'encryptionKeys' | 'dataDir'>): Promise<readonly EncryptionKey[]> {
  if (encryptionKeys.length > 0) return encryptionKeys;
  await mkdir(dataDir, { recursive: true });
  const text = await keptOr(join(resolve(dataDir), ENCRYPTION_KEY_FILE), randomBytes(32).toString('base64'));
  return [{ id: 'local', key: Buffer.from(text, 'base64') }];
}

/** Reads the file, and writes `made` into it where there is none. Of processes that start together one writes, and all read its text. */
async function keptOr(file: string, made: string): Promise<string> {
  const kept = await readFile(file, 'utf8').catch(() => null);
  if (kept !== null && kept.length >= 32) return kept;
  const draft = `${file}.${randomBytes(6).toString('hex')}`;
  await writeFile(draft, made, { mode: 0o600, flag: 'wx' });
  try {
    // A link, unlike a write, makes a whole file or none, and never replaces what another process wrote.
    await link(draft, file);
    return made;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    return await readFile(file, 'utf8');
  } finally {
    await rm(draft, { force: true });
  }
}
