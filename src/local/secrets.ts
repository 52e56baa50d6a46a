/** Secrets that local mode makes for itself where none are given, and keeps in its directory, for nobody else to read. */
import { randomBytes } from 'node:crypto';
import { link, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import type { Config } from '../config/config.ts';
import type { EncryptionKey } from '../config/values.ts';

const ENCRYPTION_KEY_FILE = 'encryption-key';

/** A secret that is long enough to sign tokens with. Where it cannot be kept it lives as long as the process, as its tokens do. */
export function localJwtSecret({ dataDir }: Pick<Config, 'dataDir'>): Promise<string> {
  const made = randomBytes(32).toString('base64url');
  return keptOr(join(resolve(dataDir), 'jwt-secret'), made).catch(() => made);
}

/** The keys that are given; in local mode, without any, one that is made now and kept. What it encrypts must outlive the process. */
export async function encryptionKeysOf({
  encryptionKeys,
  dataDir,
}: Pick<Config, 'encryptionKeys' | 'dataDir'>): Promise<readonly EncryptionKey[]> {
  if (encryptionKeys.length > 0) return encryptionKeys;
  await mkdir(dataDir, { recursive: true });
  const text = await keptOr(join(resolve(dataDir), ENCRYPTION_KEY_FILE), randomBytes(32).toString('base64'));
  return [{ id: 'local', key: Buffer.from(text, 'base64') }];
}

/** What the file holds; `made`, written there now, when there was none. Of processes that start together one writes, and all read that. */
async function keptOr(file: string, made: string): Promise<string> {
  const kept = await readFile(file, 'utf8').catch(() => null);
  if (kept !== null && kept.length >= 32) return kept;
  const draft = `${file}.${randomBytes(6).toString('hex')}`;
  await writeFile(draft, made, { mode: 0o600, flag: 'wx' });
  try {
    // Unlike a write, it is there whole or not at all, and it never replaces what another process wrote.
    await link(draft, file);
    return made;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    return await readFile(file, 'utf8');
  } finally {
    await rm(draft, { force: true });
  }
}
